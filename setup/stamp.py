"""What the set-up has made: for each finished step its sources and files, in .venv/setup.json.

The file is in .venv, so that removing or moving .venv forgets everything that was made for it.
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
    """Return a hash of the sources: of a path's content, of anything else's text."""
    parts = []
    for source in sources:
        content = source.read_bytes() if isinstance(source, Path) else str(source).encode()
        parts.append(hashlib.sha256(content).hexdigest())
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def entries() -> "dict[str, Any]":
    return json.loads(STAMP.read_text()) if STAMP.exists() else {}


def intact(step: str, **expected: str) -> bool:
    """Whether the step was finished with these hashes, and its files have their sizes still."""
    entry = entries().get(step)
    if entry is None or any(entry[name] != value for name, value in expected.items()):
        return False
    files = {ROOT / name: size for name, size in entry["files"].items()}
    return all(path.exists() and path.stat().st_size == size for path, size in files.items())


def begin(step: str) -> None:
    """Forget the step, so that a step that is killed leaves no entry."""
    _write({name: entry for name, entry in entries().items() if name != step})


def finish(step: str, result_files: "list[Path]", **hashes: str) -> None:
    """Note the files that the step has made, and the hashes of its sources."""
    files = {str(path.relative_to(ROOT)): path.stat().st_size for path in result_files}
    _write({**entries(), step: {**hashes, "files": files}})


def _write(content: "dict[str, Any]") -> None:
    # Standard library only: .venv may not have Updraft's packages yet.
    if VENV.exists():
        unfinished = STAMP.with_suffix(".new")
        unfinished.write_text(json.dumps(content, indent=1))
        os.replace(unfinished, STAMP)
