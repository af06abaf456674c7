"""Passwords and keys of the local servers: made once, kept in one file that only its owner may read."""

import base64
import json
import os
import secrets
from pathlib import Path

NAMES = ("airflow_password", "mlflow_password", "jwt_secret", "api_secret", "flask_secret")


def local_secrets(folder: Path) -> dict[str, str]:
    """The secrets kept in ``folder``, made at the first call."""
    file = folder / "secrets.json"
    found: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    missing = [name for name in NAMES if name not in found]
    if missing or "fernet_key" not in found:
        found |= {name: secrets.token_urlsafe(24) for name in missing}
        found.setdefault("fernet_key", base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
        write_private(file, json.dumps(found, indent=2))
    return found


def write_private(file: Path, text: str) -> None:
    """Write a file that nobody else may read, not even while it is being written."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        handle.write(text)
    part.replace(file)
