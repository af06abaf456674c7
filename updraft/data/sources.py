"""Raw files: which there are, whether they have the declared columns, their rows as text. CSV, JSON lines and Parquet.

A folder that is named like a Parquet file, as Spark writes it, counts as one.
"""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import date

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from upath import UPath

from updraft.core.errors import UpdraftError
from updraft.core.interval import Interval
from updraft.core.mistakes import suggest
from updraft.core.schema import quote
from updraft.core.sections import SUFFIXES
from updraft.core.settings import settings
from updraft.core.use_case import UseCase

CORRUPT = "corrupt_record"
SOURCE = "source_file"
LISTED = 10  # Names in an error: a file of thousands of wrong columns is told by the first ones.
PARQUET_MARK = b"PAR1"


def is_dated(use_case: UseCase) -> bool:
    """Whether a raw file's name says which partition it is. A source that is a single file holds rows of any time."""
    return use_case.data.dated and not source(use_case).is_file()


def source(use_case: UseCase) -> UPath:
    """The folder of the raw files, or the file that the settings put in its place."""
    return settings().source(use_case.name, use_case.data.input)


def raw_files(use_case: UseCase, interval: Interval | None = None) -> list[UPath]:
    """The raw files that exist; of dated ones those of the interval, if one is given.

    Raises:
        UpdraftError: the source is no kind of file that can be read.
    """
    place = source(use_case)
    if is_dated(use_case):
        days = dated_files(use_case)
        return [days[day] for day in (interval.days if interval else sorted(days)) if day in days]
    if place.is_file() and place.suffix in SUFFIXES:
        return [place]
    if place.is_file():
        raise UpdraftError(f"{place}: found a file of an unknown kind, expected one of {', '.join(SUFFIXES)}, or a folder.")
    patterns = ["*" + UPath(name).suffix for name in use_case.data.files] if use_case.data.dated else use_case.data.files
    found = {file for pattern in patterns for file in place.glob(pattern)} if place.exists() else set()
    if ignored := sorted(file.name for file in found if file.name.startswith("_")):
        raise UpdraftError(
            f"{place}: found {_listed(ignored)}, which Spark does not read because of the _ in front. Rename it."
        )
    found = {file for file in found if not file.name.startswith(".")}
    _refuse_folders(found)
    return sorted(found, key=str)


def dated_files(use_case: UseCase) -> dict[date, UPath]:
    """The raw files whose names say their day, by it."""
    place, pattern = source(use_case), re.compile(day_pattern(use_case))
    found: dict[date, UPath] = {}
    for file in place.iterdir() if place.is_dir() else []:
        if match := pattern.fullmatch(file.name):
            with suppress(ValueError):  # A 30 February is no day, and no run will ask for it.
                found[date.fromisoformat(match[1])] = file
    _refuse_folders(found.values())
    return found


def _refuse_folders(files: Iterable[UPath]) -> None:
    """Only of Parquet can a folder stand for a file: its parts are known by their ends, and say their columns themselves."""
    if folders := sorted(str(file) for file in files if file.suffix != ".parquet" and file.is_dir()):
        raise UpdraftError(
            f"{_listed(folders)}: found a folder, expected a file. Lay the files that it holds beside it, and take it away."
        )


def day_pattern(use_case: UseCase) -> str:
    """A regular expression for the names of dated files, whose one group is the day."""
    return re.escape(use_case.data.files[0]).replace(re.escape("{day}"), r"(\d{4}-\d{2}-\d{2})")


def read_raw(spark: SparkSession, use_case: UseCase, files: list[UPath]) -> DataFrame:
    """The files' rows: the declared columns as text, ``corrupt_record`` (the whole line, where it is none), ``source_file``.

    Raises:
        UpdraftError: a file's columns are not the declared ones; the text names the file and the columns.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[UPath]] = {}
    for file in files:
        kind = str(file) if file.suffix == ".parquet" else file.suffix  # Parquet files may differ in types: each is read alone.
        groups.setdefault((kind, _columns(spark, file, use_case)), []).append(file)
    names = [*use_case.data.columns, CORRUPT, SOURCE]
    frames = [_read(spark, columns, use_case, some) for (_, columns), some in groups.items()]
    whole = frames[0]
    for frame in frames[1:]:
        whole = whole.unionByName(frame, allowMissingColumns=True)
    return whole.select(
        *[F.col(quote(name)) if name in whole.columns else F.lit(None).cast("string").alias(name) for name in names]
    )


def _read(spark: SparkSession, columns: tuple[str, ...], use_case: UseCase, files: list[UPath]) -> DataFrame:
    paths, suffix = [_literal(str(file)) for file in files], files[0].suffix
    name = F.col("_metadata.file_name").alias(SOURCE)
    if suffix == ".parquet":
        (file,) = files
        frame = spark.read.parquet(*paths)
        nanos = _nanosecond_times(file, frame)
        texts = [_without_nanoseconds(column) if column in nanos else F.col(quote(column)) for column in columns]
        name = F.url_encode(F.lit(file.name)).alias(SOURCE) if file.is_dir() else name
        return frame.select(*[text.cast("string").alias(column) for text, column in zip(texts, columns, strict=True)], name)
    schema = T.StructType([T.StructField(column, T.StringType()) for column in (*columns, CORRUPT)])
    reader = spark.read.schema(schema).option("columnNameOfCorruptRecord", CORRUPT).option("mode", "PERMISSIVE")
    encoding = codecs.lookup(use_case.data.encoding).name  # Java knows these names, and not all that Python knows.
    reader = reader.option("encoding", encoding)
    if suffix == ".csv":
        return reader.option("header", True).option("escape", '"').csv(paths).select("*", name)
    if encoding != "utf-8":
        reader = reader.option("lineSep", "\n")  # Spark does not look for it itself then.
    return reader.json(paths).select("*", name)


def _literal(path: str) -> str:
    """The path such that Spark takes it for itself, and not for a pattern."""
    return re.sub(r"([\[\]{}*?])", r"\\\1", path)


def _columns(spark: SparkSession, file: UPath, use_case: UseCase) -> tuple[str, ...]:
    """The file's columns, which are the declared ones: in CSV in their order, all but optional ones."""
    if file.suffix == ".csv":
        found = _header(file, use_case)
    elif file.suffix == ".parquet":
        found = _parquet_columns(spark, file)
    else:
        found = _json_keys(spark, file)
    if found is None:  # Without rows, nothing can be wrong.
        return tuple(use_case.data.columns)
    check_columns(file, found, use_case, ordered=file.suffix == ".csv")
    return tuple(found) if file.suffix == ".csv" else tuple(name for name in use_case.data.columns if name in found)


def check_columns(file: UPath, found: list[str], use_case: UseCase, *, ordered: bool) -> None:
    """Refuse columns that are not the declared ones.

    Raises:
        UpdraftError: the text names what is missing and what is not declared, with the nearest right spelling.
    """
    declared, present = list(use_case.data.columns), set(found)
    missing = [name for name in declared if name not in present and name not in use_case.data.optional]
    expected = [name for name in declared if name in present]
    if not missing and (found == expected if ordered else present <= set(declared)):
        return
    known = set(declared)
    extra = [name for name in found if name not in known]
    near = [name + suggest(name, missing) for name in extra[:LISTED]]
    what = [f"missing {_listed(missing)}"] * bool(missing)
    what += [f"not declared {_listed(near, len(extra))}"] * bool(extra)
    if twice := sorted(name for name, number in Counter(found).items() if number > 1):
        what.append(f"there twice {_listed(twice)}")
    if any("\ufffd" in name for name in extra):
        what.append(f"names that are not {use_case.data.encoding}, so data.encoding may be wrong")
    raise UpdraftError(
        f"{file}: its columns are not those of use_case.yaml: {'; '.join(what) or 'another order'}. "
        "Expected data.columns, in that order. Mend the file, or data.columns if the source has changed."
    )


def _listed(names: Iterable[str], number: int | None = None) -> str:
    names = list(names)
    more = (number or len(names)) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")


def _header(file: UPath, use_case: UseCase) -> list[str] | None:
    encoding = "utf-8-sig" if use_case.data.encoding.upper() == "UTF-8" else use_case.data.encoding
    with file.open("r", encoding=encoding, errors="replace") as lines:
        header = lines.readline().strip()
    return [name.strip() for name in next(csv.reader([header]))] if header else None


def _parquet_columns(spark: SparkSession, file: UPath) -> list[str]:
    for part in _parts(file):
        with part.open("rb") as content:
            content.seek(0, 2)
            size = content.tell()
            content.seek(max(0, size - len(PARQUET_MARK)))
            if content.read() != PARQUET_MARK:
                raise UpdraftError(
                    f"{part}: found {size} bytes that do not end as Parquet does, expected a whole file. Copy it again."
                )
    return list(spark.read.parquet(_literal(str(file))).columns)


def _parts(file: UPath) -> list[UPath]:
    """The Parquet files that a folder holds, at any depth; of a file itself."""
    if file.is_file():
        return [file]
    parts = sorted((part for part in file.rglob("*.parquet") if part.name[0] not in "._" and part.is_file()), key=str)
    if not parts:
        raise UpdraftError(
            f"{file}: found a folder without Parquet files, expected at least one. Copy it again, or take it away."
        )
    return parts


def _nanosecond_times(file: UPath, frame: DataFrame) -> set[str]:
    """The columns with times in nanoseconds, as pandas writes them: Spark, which has no such times, reads numbers."""
    from pyarrow import parquet, types

    with _parts(file)[0].open("rb") as content:
        fields = {field.name: field.type for field in parquet.read_schema(content)}
    return {
        name
        for name, kind in frame.dtypes
        if kind == "bigint" and name in fields and types.is_timestamp(fields[name]) and fields[name].unit == "ns"
    }


def _without_nanoseconds(column: str) -> Column:
    return F.timestamp_micros(F.expr(f"{quote(column)} div 1000"))


def _json_keys(spark: SparkSession, file: UPath) -> list[str] | None:
    """Every key of every line that is an object."""
    parsed = F.from_json("value", "map<string,string>")
    keys = spark.read.text(_literal(str(file))).select(F.explode(F.map_keys(parsed)).alias("key")).distinct()
    found = [row["key"] for row in keys.collect()]
    return found or None
