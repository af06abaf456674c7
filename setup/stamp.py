"""The set-up's memory, .venv/setup.json: what each finished step was made from, and which files it made.

It lies in .venv so that removing .venv, or moving it away, forgets everything that was made for it.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / "setup.json"


def digest(*sources: object) -> str:
    """A hash of the sources: of a path's content, of anything else's text."""
    parts = [hashlib.sha256(s.read_bytes() if isinstance(s, Path) else str(s).encode()).hexdigest() for s in sources]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def entries() -> "dict[str, Any]":
    return json.loads(STAMP.read_text()) if STAMP.exists() else {}


def intact(step: str, **expected: str) -> bool:
    """Whether the step was finished with these hashes, and all its files are there in the sizes they had."""
    entry = entries().get(step)
    if entry is None or any(entry[name] != value for name, value in expected.items()):
        return False
    files = {ROOT / name: size for name, size in entry["files"].items()}
    return all(path.exists() and path.stat().st_size == size for path, size in files.items())


def begin(step: str) -> None:
    """Forgets the step, so that one that is killed midway leaves no entry."""
    _write({name: entry for name, entry in entries().items() if name != step})


def finish(step: str, made: "list[Path]", **hashes: str) -> None:
    files = {str(path.relative_to(ROOT)): path.stat().st_size for path in made}
    _write({**entries(), step: {**hashes, "files": files}})


def _write(content: "dict[str, Any]") -> None:
    if VENV.exists():
        scratch = STAMP.with_suffix(".new")
        scratch.write_text(json.dumps(content, indent=1))
        os.replace(scratch, STAMP)
