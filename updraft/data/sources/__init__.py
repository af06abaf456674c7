"""Raw files: which exist, whether they have the declared columns, and their rows as text.

There is a module for each format: CSV, JSON lines and Parquet. A folder that is named like a
Parquet file, as Spark writes it, counts as one file.
"""

from updraft.data.sources.checks import check_columns
from updraft.data.sources.format import CORRUPT, SOURCE
from updraft.data.sources.listing import dated_files, day_pattern, is_dated, raw_files, source
from updraft.data.sources.reading import read_raw

__all__ = [
    "CORRUPT",
    "SOURCE",
    "check_columns",
    "dated_files",
    "day_pattern",
    "is_dated",
    "raw_files",
    "read_raw",
    "source",
]
