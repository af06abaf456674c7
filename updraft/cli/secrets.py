"""Passwords and keys of the local servers, kept in one file that only its owner can read."""

import base64
import json
import secrets
from pathlib import Path

from updraft.core.files import write_atomically

TOKENS = ("airflow_password", "mlflow_password", "jwt_secret", "api_secret", "flask_secret")
FERNET_KEY = "fernet_key"


def local_secrets(folder: Path) -> dict[str, str]:
    """Return the secrets kept in ``folder``. Those that are missing are made."""
    file = folder / "secrets.json"
    values: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    missing = [name for name in (*TOKENS, FERNET_KEY) if name not in values]
    for name in missing:
        values[name] = _fernet_key() if name == FERNET_KEY else secrets.token_urlsafe(24)
    if missing:
        write_atomically(file, json.dumps(values, indent=2), private=True)
    return values


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
