"""What readers of raw files have in common: the columns that they add, and how text is decoded."""

import codecs
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from lzma import LZMAError
from typing import NamedTuple, TextIO

import pyarrow as pa
from upath import UPath

from updraft.core.errors import UpdraftError
from updraft.core.file_names import compression_of
from updraft.core.sections.file_format import FileFormat

# A longer mark goes first: that of UTF-32 begins as that of UTF-16 does.
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
NEED_A_MARK = ("utf-16", "utf-32")  # By Python's names. Without one, they do not say the order.
MARK_LENGTH = 4


class RawFile(NamedTuple):
    """A file or a folder of Parquet parts, as the workers open it.

    Attributes:
        path: Where it is, a local path or a URI.
        name: Its plain name.
        time: When it was last modified, in UTC.
    """

    path: str
    name: str
    time: datetime


class Record(NamedTuple):
    """One record of a file of text.

    Attributes:
        line: The line on which it starts, from 1.
        values: Its values in the order of the columns; None if it cannot be split into them.
        corrupt: Then its text, else None.
    """

    line: int
    values: list[str | None] | None
    corrupt: str | None


@contextmanager
def open_text(file: UPath, file_format: FileFormat) -> Iterator[TextIO]:
    """Open a file as decoded text, with the ends of its lines as they are.

    Bytes that are not text in the encoding become the replacement character.

    Raises:
        UpdraftError: its compression is broken, for instance because it was not copied completely;
            or it has no byte order mark, and its encoding needs one.
    """
    compression = file_format.compression or compression_of(file.name)
    if compression == "none":
        compression = None
    try:
        with _open_bytes(file, compression) as content:
            start = content.peek(MARK_LENGTH)[:MARK_LENGTH]
            marked = _marked_encoding(start)
            if start and marked is None:
                _check_order(file, file_format.encoding)
            encoding = marked or file_format.encoding
            yield io.TextIOWrapper(content, encoding, errors="replace", newline="")
    except (EOFError, zlib.error, LZMAError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UpdraftError(
            f"{file}: found broken {compression or 'text'}: {error}. Expected a complete file. "
            "Copy it again; if it is compressed otherwise, set format.compression."
        ) from None


@contextmanager
def _open_bytes(file: UPath, compression: str | None) -> Iterator[io.BufferedReader]:
    """Open a file without its compression."""
    if compression != "zstd":
        with file.fs.open(file.path, "rb", compression=compression) as content:
            yield io.BufferedReader(content)
        return
    # fsspec's reader stops silently after the first of several frames, and where a file is cut off.
    with file.fs.open(file.path, "rb") as packed:
        yield io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(packed, "r"), "zstd"))


def _check_order(file: UPath, encoding: str) -> None:
    name = codecs.lookup(encoding).name
    if name in NEED_A_MARK:
        raise UpdraftError(
            f"{file}: found no byte order mark at its start, expected one with format.encoding "
            f"{encoding}. Set it to {name}-le or {name}-be if the file is in that order, or to the "
            "file's own encoding; or save the file with a mark."
        )


def _marked_encoding(start: bytes) -> str | None:
    """The encoding that a byte order mark says; None without a mark."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            return encoding
    return None
