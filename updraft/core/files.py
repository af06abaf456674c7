"""Small files: written so that no reader sees a part of one, and loaded as modules."""

import os
import uuid
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from upath import UPath

from updraft.core.errors import UpdraftError
from updraft.core.locations import Location

PUBLIC = 0o666  # Before the umask, as open() has it.
PRIVATE = 0o600


def write_atomically(path: UPath | Path, text: str, *, private: bool = False) -> None:
    """Write a file so that a reader sees all of it or nothing.

    A local file appears under its name once it is complete. An object store only has
    complete objects anyway.

    Args:
        path: The file; folders that are missing are made.
        text: Its content, written as UTF-8.
        private: Only the owner may read the file, from its first byte on.
    """
    location = Location.of(path)
    location.path.parent.mkdir(parents=True, exist_ok=True)
    if not location.is_local:
        location.path.write_text(text, encoding="utf-8")
        return
    file = location.local
    part = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        descriptor = os.open(
            part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE if private else PUBLIC
        )
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(text)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def load_module(file: Path, name: str) -> ModuleType:
    """Run a Python file that is not part of a package, and return it as a module.

    Raises:
        UpdraftError: There is no such file, or its name does not end in .py.
    """
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None or not file.exists():
        raise UpdraftError(f"{file}: not found, expected a Python file. Create it.")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
