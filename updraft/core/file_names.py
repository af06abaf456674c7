"""What the name of a raw file says: its format, and how it is compressed."""

from pathlib import PurePosixPath
from typing import Literal

FileKind = Literal["csv", "json", "parquet"]

KINDS: dict[str, FileKind] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd"}  # In fsspec's words.
EXPECTED = f"{', '.join(KINDS)}; all but .parquet also with {', '.join(COMPRESSIONS)}"


def suffix_of(name: str) -> str:
    """Return the suffix that names the format, such as ``.csv`` of ``a.csv.gz``."""
    path = PurePosixPath(name.lower())
    return PurePosixPath(path.stem).suffix if path.suffix in COMPRESSIONS else path.suffix


def file_kind(name: str) -> FileKind | None:
    """Return the format of a file by its name; None if no format has that suffix."""
    kind = KINDS.get(suffix_of(name))
    return None if kind == "parquet" and compression_of(name) else kind


def compression_of(name: str) -> str | None:
    """Return the compression of a file by its name; None for a file that is not compressed."""
    return COMPRESSIONS.get(PurePosixPath(name.lower()).suffix)
