"""Temporary folders under the root, which Spark's workers on other machines see too."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from updraft.core.locations import Location
from updraft.core.settings import settings


@contextmanager
def scratch_folder() -> Iterator[Location]:
    """A new folder that only this user may read, removed at the end."""
    folder = settings().location("scratch", uuid.uuid4().hex)
    if folder.is_local:
        folder.local.mkdir(mode=0o700, parents=True)
    try:
        yield folder
    finally:
        if folder.path.exists():
            folder.path.fs.rm(folder.path.path, recursive=True)
