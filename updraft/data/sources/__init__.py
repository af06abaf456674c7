"""Raw files: which exist, whether they have the declared columns, and their rows as text.

There is a module for each format: CSV, JSON and Parquet. A folder that is named like a Parquet
file, as Spark writes it, counts as one file.
"""

from updraft.data.sources.checks import Declared
from updraft.data.sources.listing import (
    dated_files,
    day_pattern,
    file_state,
    file_states,
    is_dated,
    lookup_file,
    raw_files,
    source,
    unread_files,
)
from updraft.data.sources.reading import cached_raw, read_files, read_raw, readable_files

__all__ = [
    "Declared",
    "cached_raw",
    "dated_files",
    "day_pattern",
    "file_state",
    "file_states",
    "is_dated",
    "lookup_file",
    "raw_files",
    "read_files",
    "read_raw",
    "readable_files",
    "source",
    "unread_files",
]
