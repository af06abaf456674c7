"""The rows of raw files as text, whatever their formats. Spark's workers read them, file by file.

The same readers serve raw files and lookups, so a file has one meaning.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T
from upath import UPath

from updraft.core.errors import UpdraftError
from updraft.core.file_names import file_kind
from updraft.core.schema import CORRUPT, SOURCE, SOURCE_LINE, SOURCE_TIME, TIME_COLUMNS
from updraft.core.sections.file_format import FileFormat
from updraft.core.use_case import UseCase
from updraft.data.columns import (
    Typing,
    event_time_columns,
    spark_fields,
    typed_columns,
    typing_of,
)
from updraft.data.sources.checks import Declared, check_columns, fits
from updraft.data.sources.csv_files import (
    SEPARATORS,
    csv_records,
    default_separator,
    read_header,
)
from updraft.data.sources.format import RawFile, Record, open_text
from updraft.data.sources.json_files import json_keys, json_records
from updraft.data.sources.parquet_files import parquet_batches, parquet_columns

BATCH_CELLS = 1_000_000  # So that a batch of thousands of columns fits into a worker's memory.
BATCH_ROWS = 10_000


@dataclass(frozen=True)
class Plan:
    """How one file is read, decided by the driver when it has checked the file's columns.

    Attributes:
        names: The names that each declared column may have in the file.
        texts: The declared columns of text.
        fields: For CSV, the names of all fields in the file's order.
        separator: For CSV, what is between the fields.
    """

    file: RawFile
    file_format: FileFormat
    names: Mapping[str, tuple[str, ...]]
    texts: frozenset[str]
    fields: tuple[str, ...] = ()
    separator: str = ","


def read_raw(spark: SparkSession, use_case: UseCase, files: list[UPath]) -> DataFrame:
    """The files' rows: the declared columns as text, and where each row comes from.

    That is ``corrupt_record``, ``source_file``, ``source_line`` and ``source_time``. The columns of
    the event time are also there in their types, in the struct ``__time_columns``, so that a row
    does not have to go to Spark's workers again.

    Raises:
        UpdraftError: a file's columns are not the declared ones; the message names the file and
            the columns.
    """
    return _raw_reading(spark, use_case, files).rows()


@contextmanager
def cached_raw(spark: SparkSession, use_case: UseCase, files: list[UPath]) -> Iterator[DataFrame]:
    """As ``read_raw``, but each file is read once, however often its rows are used meanwhile.

    In the cache are Arrow's batches as they are: Spark's own cache converts each cell, which takes
    longer than to read it from a file.
    """
    reading = _raw_reading(spark, use_case, files)
    packed = reading.packed().cache()
    try:
        yield packed.mapInArrow(_unpack, reading.schema)
    finally:
        packed.unpersist()  # Otherwise Spark uses the old rows for a new file of the same name.


def read_files(
    spark: SparkSession, files: list[UPath], declared: Declared, file_format: FileFormat
) -> DataFrame:
    """The rows of files in one format, as ``read_raw`` returns them, without the typed columns."""
    return _reading(spark, files, declared, file_format).rows()


Batches = Iterable[pa.RecordBatch]


@dataclass(frozen=True)
class _Reading:
    """How files are read: the numbers of the files, their rows by number, and what a row has."""

    numbers: DataFrame
    read: Callable[[Batches], Iterator[pa.RecordBatch]]
    schema: T.StructType

    def rows(self) -> DataFrame:
        return self.numbers.mapInArrow(self.read, self.schema)

    def packed(self) -> DataFrame:
        """The same rows with one row for each batch, to be read by ``_unpack``."""
        read = self.read

        def pack(batches: Batches) -> Iterator[pa.RecordBatch]:
            for rows in read(batches):
                yield pa.record_batch([pa.array([_packed(rows)])], names=["batch"])

        return self.numbers.mapInArrow(pack, "batch binary")


def _packed(rows: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(sink, rows.schema, options=options) as stream:
        stream.write_batch(rows)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _unpack(batches: Batches) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for packed in batch.column(0):
            with pa.ipc.open_stream(packed.as_buffer()) as stream:
                yield from stream


def _raw_reading(spark: SparkSession, use_case: UseCase, files: list[UPath]) -> _Reading:
    data = use_case.data
    declared = Declared(
        columns=tuple(data.columns),
        optional=frozenset(data.optional),
        rename=data.rename,
        place="data.",
        encoding=data.format.encoding,
        texts=frozenset(name for name, kind in data.columns.items() if kind == "string"),
    )
    typing = typing_of(use_case, event_time_columns(use_case))
    return _reading(spark, files, declared, data.format, typing if typing.columns else None)


def _reading(
    spark: SparkSession,
    files: list[UPath],
    declared: Declared,
    file_format: FileFormat,
    typing: Typing | None = None,
) -> _Reading:
    """``typing``: of the columns in ``__time_columns``; without it there is no such column."""
    keys = _keys_of_json(spark, files, file_format)
    plans = [_plan(file, declared, file_format, keys) for file in files]
    columns = declared.columns
    text_fields = [T.StructField(name, T.StringType()) for name in (*columns, CORRUPT, SOURCE)]
    fields = [
        *text_fields,
        T.StructField(SOURCE_LINE, T.LongType()),
        T.StructField(SOURCE_TIME, T.TimestampType()),
    ]
    if typing is not None:
        fields.append(T.StructField(TIME_COLUMNS, T.StructType(spark_fields(typing))))

    def read(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                for rows in _batches(plans[number], columns):
                    yield rows if typing is None else _with_time_columns(rows, typing)

    return _Reading(_numbers(spark, len(plans)), read, T.StructType(fields))


@contextmanager
def readable_files() -> Iterator[None]:
    """Turn the error of a worker that cannot read a file into the worker's own sentence.

    Raises:
        UpdraftError: as the worker has raised it.
    """
    try:
        yield
    except PySparkException as error:
        match = re.search(r"^updraft\.core\.errors\.UpdraftError: (.*)$", str(error), re.MULTILINE)
        if match:
            raise UpdraftError(match[1]) from None
        raise


def _numbers(spark: SparkSession, number: int) -> DataFrame:
    """The numbers of the files; each worker takes some of them."""
    return spark.range(number, numPartitions=min(number, spark.sparkContext.defaultParallelism))


def _raw_file(file: UPath) -> RawFile:
    modified = max(
        (part.stat().st_mtime for part in [file, *(file.rglob("*") if file.is_dir() else [])]),
    )
    return RawFile(str(file), file.name, datetime.fromtimestamp(modified, UTC))


def _keys_of_json(
    spark: SparkSession, files: list[UPath], file_format: FileFormat
) -> dict[str, list[str] | None]:
    """Every key of each JSON file, by its path: a file has to be read completely for that.

    None for a file without any object.
    """
    paths = [str(file) for file in files if file_kind(file.name) == "json"]
    if not paths:
        return {}

    def read(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                with open_text(UPath(paths[number]), file_format) as text:
                    keys = json_keys(text)
                found = None if keys is None else sorted(keys)
                yield pa.record_batch(
                    [pa.array([number], pa.int64()), pa.array([found], pa.list_(pa.string()))],
                    names=["file", "keys"],
                )

    with readable_files():
        rows = _numbers(spark, len(paths)).mapInArrow(read, "file bigint, keys array<string>")
        return {paths[row["file"]]: row["keys"] for row in rows.collect()}


def _plan(
    file: UPath,
    declared: Declared,
    file_format: FileFormat,
    keys: Mapping[str, Sequence[str] | None],
) -> Plan:
    """Check a file's columns.

    Raises:
        UpdraftError: they are not the declared ones.
    """
    kind = file_kind(file.name)
    names = {column: declared.names(column) for column in declared.columns}
    plan = Plan(_raw_file(file), file_format, names, declared.texts)
    if kind == "csv":
        return _csv_plan(file, plan, declared)
    if kind == "json":
        found = keys[str(file)]
        # Without any object there is nothing that could be wrong. Objects differ in their names.
        if found is not None:
            columns = sorted({declared.rename.get(name, name) for name in found})
            check_columns(file, columns, declared)
    else:
        for part, columns in parquet_columns(file).items():
            check_columns(part, columns, declared)
    return plan


def _csv_plan(file: UPath, plan: Plan, declared: Declared) -> Plan:
    file_format = plan.file_format
    separator = file_format.separator or default_separator(file.name)
    if not file_format.header:
        return replace(plan, fields=declared.columns, separator=separator)
    header = _header(file, file_format, separator)
    if header is None:
        return replace(plan, separator=separator)
    if file_format.separator is None and not fits(header, declared):
        others = [other for other in SEPARATORS if other != separator]
        headers = {other: _header(file, file_format, other) or [] for other in others}
        fitting = [other for other in others if fits(headers[other], declared)]
        if len(fitting) == 1:
            separator = fitting[0]
            header = headers[separator]
    check_columns(file, header, declared)
    return replace(plan, fields=tuple(header), separator=separator)


def _header(file: UPath, file_format: FileFormat, separator: str) -> list[str] | None:
    with open_text(file, file_format) as text:
        return read_header(text, file_format, separator)


def _batches(plan: Plan, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """A file's rows, with a column of nulls for each declared column that it lacks."""
    file = UPath(plan.file.path)
    size = max(1, min(BATCH_ROWS, BATCH_CELLS // max(1, len(columns))))
    decimal = plan.file_format.decimal
    if file_kind(plan.file.name) == "parquet":
        first = 1
        texts = {name for column in plan.texts for name in plan.names[column]}
        for read in parquet_batches(file, size, decimal, texts):
            rows = len(next(iter(read.values())))
            arrays = [_of_parquet(read, plan.names[column], rows) for column in columns]
            lines = pa.array(range(first, first + rows), pa.int64())
            yield _with_source(arrays, columns, pa.nulls(rows, pa.string()), lines, plan.file)
            first += rows
        return
    with open_text(file, plan.file_format) as text:
        if file_kind(plan.file.name) == "csv":
            records = csv_records(text, plan.file_format, plan.separator, len(plan.fields))
            position = {field: number for number, field in enumerate(plan.fields)}
            positions = [_first(position, plan.names[column]) for column in columns]
        else:
            names = [plan.names[column] for column in columns]
            decimals = ["." if column in plan.texts else decimal for column in columns]
            records = json_records(text, names, decimals)
            positions = list(range(len(columns)))
        iterator = iter(records)
        while True:
            batch = list(islice(iterator, size))
            if not batch:
                return
            yield _batch_of_records(batch, positions, columns, plan.file)


def _first(found: Mapping[str, Any], names: Sequence[str]) -> Any:
    """What is found under one of a column's names; a file has at most one of them."""
    return next((found[name] for name in names if name in found), None)


def _of_parquet(read: Mapping[str, pa.Array], names: Sequence[str], rows: int) -> pa.Array:
    found = _first(read, names)
    return pa.nulls(rows, pa.string()) if found is None else found


def _batch_of_records(
    records: Sequence[Record],
    positions: Sequence[int | None],
    columns: Sequence[str],
    file: RawFile,
) -> pa.RecordBatch:
    empty: list[str | None] = [None] * (max((n for n in positions if n is not None), default=0) + 1)
    rows = [empty if record.values is None else record.values for record in records]
    by_field = list(zip(*rows, strict=True)) if len(positions) else []
    arrays = [
        pa.nulls(len(rows), pa.string()) if number is None else text_array(by_field[number])
        for number in positions
    ]
    corrupt = text_array([record.corrupt for record in records])
    lines = pa.array([record.line for record in records], pa.int64())
    return _with_source(arrays, columns, corrupt, lines, file)


def text_array(values: Sequence[str | None]) -> pa.Array:
    """Texts as an Arrow array; halves of characters, which JSON can hold, are replaced."""
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        whole = [
            None
            if value is None
            else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            for value in values
        ]
        return pa.array(whole, pa.string())


def _with_time_columns(rows: pa.RecordBatch, typing: Typing) -> pa.RecordBatch:
    values = [column.values for column in typed_columns(rows.column, typing)]
    typed = pa.StructArray.from_arrays(values, names=list(typing.columns))
    return rows.append_column(TIME_COLUMNS, typed)


def _with_source(
    arrays: Sequence[pa.Array],
    columns: Sequence[str],
    corrupt: pa.Array,
    lines: pa.Array,
    file: RawFile,
) -> pa.RecordBatch:
    rows = len(lines)
    names = pa.array([file.name] * rows, pa.string())
    times = pa.array([file.time] * rows, pa.timestamp("us", "UTC"))
    return pa.record_batch(
        [*arrays, corrupt, names, lines, times],
        names=[*columns, CORRUPT, SOURCE, SOURCE_LINE, SOURCE_TIME],
    )
