"""Raw files in Parquet: single files, and folders that hold the parts of one.

Each part is read by its own schema: in one part a column may have another type, or be missing.
"""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet
from upath import UPath

from updraft.core.errors import UpdraftError
from updraft.data.sources.checks import listed

END_OF_FILE = b"PAR1"
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"  # In the name of a folder.


def parquet_columns(file: UPath) -> dict[UPath, list[str]]:
    """The columns of each part, those in the names of its folders included.

    Raises:
        UpdraftError: a part was not copied completely, or there is none.
    """
    columns = {}
    for part in parts(file):
        _check_end(part)
        with _readable(part), part.open("rb") as content:
            names = list(parquet.read_schema(content).names)
        folders = [name for name in values_of_folders(file, part) if name not in names]
        columns[part] = names + folders
    return columns


def parquet_batches(
    file: UPath, rows: int, decimal: str, texts: Collection[str]
) -> Iterator[dict[str, pa.Array]]:
    """The columns of at most ``rows`` rows at a time, as text.

    ``decimal``: the mark that numbers get in place of their point, but in the columns ``texts``.
    """
    for part in parts(file):
        in_folders = values_of_folders(file, part)
        with _readable(part), part.open("rb") as content:
            for batch in parquet.ParquetFile(content).iter_batches(batch_size=rows):
                columns = {
                    name: pa.array([value] * batch.num_rows, pa.string())
                    for name, value in in_folders.items()
                }
                for name in batch.schema.names:
                    mark = "." if name in texts else decimal
                    columns[name] = as_text(batch.column(name), mark)
                yield columns


def parts(file: UPath) -> list[UPath]:
    """The Parquet files that a folder holds, at any depth; for a file, the file itself.

    As for Spark, names that begin with a dot or an underscore are not data.

    Raises:
        UpdraftError: the folder holds none, or others beside them; it is a Delta table, of which
            some parts may be deleted rows; or Spark is still writing it.
    """
    if file.is_file():
        return [file]
    if (file / "_delta_log").exists():
        raise UpdraftError(
            f"{file}: found a Delta table, whose folder also holds deleted rows; expected Parquet "
            "files. Export the table's present rows as Parquet."
        )
    if (file / "_temporary").exists():
        raise UpdraftError(
            f"{file}: found a folder that is still being written (it holds _temporary). "
            "Wait until it is complete; if its writer has failed, write it again."
        )
    found = [
        part
        for part in file.rglob("*")
        if part.is_file() and not any(map(_is_no_data, part.relative_to(file).parts))
    ]
    others = sorted(str(part) for part in found if part.suffix.lower() != ".parquet")
    if others:
        raise UpdraftError(
            f"{listed(others)}: found in a folder of Parquet files, expected names that end in "
            ".parquet. Rename it if it is one, else remove it."
        )
    if not found:
        raise UpdraftError(
            f"{file}: found a folder without Parquet files, expected at least one. "
            "Copy it again, or remove it."
        )
    return sorted(found, key=str)


def _is_no_data(name: str) -> bool:
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def values_of_folders(file: UPath, part: UPath) -> dict[str, str | None]:
    """The columns that stand in the names of a part's folders, such as ``year=2024``, as text."""
    values: dict[str, str | None] = {}
    for folder in part.parents:
        if folder == file or len(str(folder)) < len(str(file)):
            break
        name, equals, value = folder.name.partition("=")
        if equals:
            values[unquote(name)] = None if value == NO_VALUE else unquote(value)
    return values


def as_text(values: pa.Array, decimal: str) -> pa.Array:
    """Values of any type as text: numbers with the mark ``decimal``, nested ones as JSON."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return as_text(values.dictionary_decode(), decimal)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        text = _numbers_as_text(values)
        return text if decimal == "." else pc.replace_substring(text, ".", decimal)
    if pa.types.is_timestamp(kind):
        return _times_as_text(values)
    if _is_text(kind):
        return _checked_text(values)
    if pa.types.is_nested(kind):
        try:
            items = values.to_pylist()
        except (ValueError, OverflowError):  # Python has no such text, or no such time.
            items = [_plain(item) for item in values]
        return pa.array([None if item is None else _json(item) for item in items], pa.string())
    return values.cast(pa.string())


def _numbers_as_text(values: pa.Array) -> pa.Array:
    if pa.types.is_decimal(values.type):
        return pa.array(
            [None if item is None else f"{item:f}" for item in values.to_pylist()], pa.string()
        )
    if values.type == pa.float16():
        values = values.cast(pa.float32())
    return values.cast(pa.string())


def _times_as_text(values: pa.Array) -> pa.Array:
    """Times in UTC, with no more digits than they have."""
    if values.type.tz is not None:
        unit = values.type.unit
        values = values.cast(pa.timestamp(unit, "UTC")).cast(pa.timestamp(unit))
    # In front of the year 1 or after 9999 there is no text that can be read again; typing says so.
    text = values.cast(pa.string())
    without_zeros = pc.replace_substring_regex(text, r"(\.\d*[1-9])0+$", r"\1")
    return pc.replace_substring_regex(without_zeros, r"\.0+$", "")


BINARY = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


def _is_text(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in (*BINARY, *TEXT))


def _checked_text(values: pa.Array) -> pa.Array:
    """Text, in which bytes that are not UTF-8 become the replacement character.

    A file may hold such bytes in a column whose type is text: nothing checks them when it is read.
    """
    try:
        text = values.cast(pa.binary()).cast(pa.string(), safe=True)
        text.validate(full=True)
        return text
    except pa.ArrowInvalid:
        raw = values.cast(pa.binary()).to_pylist()
        texts = [None if item is None else item.decode("utf-8", "replace") for item in raw]
        return pa.array(texts, pa.string())


def _plain(value: pa.Scalar) -> Any:
    """A value as Python has it; texts and times in it that Python cannot hold, as text."""
    if not value.is_valid:
        return None
    if pa.types.is_struct(value.type):
        names = [field.name for field in value.type]
        return {name: _plain(value[number]) for number, name in enumerate(names)}
    if pa.types.is_map(value.type):
        return [list(_plain(pair).values()) for pair in value.values]
    if pa.types.is_nested(value.type):
        return [_plain(item) for item in value.values]
    try:
        return value.as_py()
    except (ValueError, OverflowError):
        return as_text(pa.array([value]), ".")[0].as_py()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_text)


def _text(value: Any) -> str:
    """What JSON has no form for; bytes as where they are not nested."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


@contextmanager
def _readable(file: UPath) -> Iterator[None]:
    """Name the file that pyarrow cannot read.

    Raises:
        UpdraftError: its content is not Parquet.
    """
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UpdraftError(
            f"{file}: not readable as Parquet: {reason} Expected a complete file. Copy it again."
        ) from None


def _check_end(file: UPath) -> None:
    """Refuse a file that was not copied completely."""
    with file.open("rb") as content:
        content.seek(0, 2)
        size = content.tell()
        content.seek(max(0, size - len(END_OF_FILE)))
        if content.read() != END_OF_FILE:
            raise UpdraftError(
                f"{file}: found {size} bytes that do not end as Parquet does, "
                "expected a complete file. Copy it again."
            )
