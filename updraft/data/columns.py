"""From raw text to the declared types, in one pass over the cells, wherever rows are read.

An expression of Spark's for each column would make a plan that takes minutes for a thousand of
them, so Spark's workers do it with Arrow.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from updraft.core.schema import CORRUPT, RAW, REPLACEMENT_CHARACTER, UNREADABLE
from updraft.core.sections import ColumnType
from updraft.core.sql import identifiers
from updraft.core.use_case import UseCase
from updraft.data.values import Marks, present_texts, read_values

FOUND_LENGTH = 200  # Characters of a value in a reason.
SPARK_TYPES: dict[ColumnType, T.DataType] = {
    "string": T.StringType(),
    "int": T.IntegerType(),
    "bigint": T.LongType(),
    "double": T.DoubleType(),
    "boolean": T.BooleanType(),
    "date": T.DateType(),
    "timestamp": T.TimestampType(),
}


@dataclass(frozen=True)
class Typing:
    """How columns of text become values.

    Attributes:
        columns: The types by column.
        fields: How many columns a record has, for the reason of one that has another number.
        null_values: Texts that mean: no value.
        marks: How numbers are written.
        encoding: What the text is said to be encoded in.
    """

    columns: Mapping[str, ColumnType]
    fields: int
    null_values: tuple[str, ...]
    marks: Marks
    encoding: str

    @property
    def not_in_encoding(self) -> str:
        return f"not readable as {self.encoding}; is format.encoding right?"


def typing_of(use_case: UseCase, names: Collection[str] | None = None) -> Typing:
    """How the columns of a use case's raw rows, all or some, become values."""
    data = use_case.data
    columns = {
        name: column_type
        for name, column_type in data.columns.items()
        if names is None or name in names
    }
    marks = Marks(data.format.decimal, data.format.thousands)
    return Typing(columns, len(data.columns), tuple(data.null_values), marks, data.format.encoding)


def event_time(use_case: UseCase) -> Column:
    """When a row happened, from its declared columns; a constant for a snapshot."""
    sql = use_case.data.event_time
    return F.expr(sql) if sql else F.lit(use_case.first_partition).cast("timestamp")


def event_time_columns(use_case: UseCase) -> list[str]:
    """The columns that the event time is computed from."""
    words = {word.lower() for word in identifiers(use_case.data.event_time or "")}
    return [name for name in use_case.data.columns if name.lower() in words]


def typed(raw: DataFrame, typing: Typing) -> DataFrame:
    """The columns in their types, null where the text means no value or is not of the type.

    Also ``__raw``, the raw row with all its columns, and ``__reasons``: why texts, or the complete
    line, cannot be read; empty where everything can.
    """
    reasons = T.StructField(UNREADABLE, T.ArrayType(T.StringType()))
    schema = T.StructType([*spark_fields(typing), T.StructField(RAW, raw.schema), reasons])

    def convert(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield _typed_batch(batch, typing)

    # As one struct, because mapInArrow resolves the names of columns as expressions.
    return raw.select(F.struct("*").alias(RAW)).mapInArrow(convert, schema)


def spark_fields(typing: Typing) -> list[T.StructField]:
    """The typed columns in Spark."""
    return [T.StructField(name, SPARK_TYPES[kind]) for name, kind in typing.columns.items()]


class TypedColumn(NamedTuple):
    """A column of a batch: its texts without those that mean no value, and what they are read as.

    ``values``, ``unreadable`` and ``not_finite`` are those of ``values.Values``.
    """

    name: str
    column_type: ColumnType
    texts: pa.Array
    values: pa.Array
    unreadable: pa.Array
    not_finite: pa.Array


def typed_columns(column: Callable[[str], pa.Array], typing: Typing) -> Iterator[TypedColumn]:
    """Read each column of a batch as its type. ``column``: its texts, by name."""
    for name, column_type in typing.columns.items():
        texts = present_texts(column(name), typing.null_values)
        yield TypedColumn(name, column_type, texts, *read_values(texts, column_type, typing.marks))


def _typed_batch(batch: pa.RecordBatch, typing: Typing) -> pa.RecordBatch:
    raw: pa.StructArray = batch.column(0)
    lines = raw.field(CORRUPT)
    reasons: list[list[str]] = [[] for _ in range(batch.num_rows)]
    for row in _rows(pc.is_valid(lines)):
        line = lines[row].as_py()
        is_decoded = REPLACEMENT_CHARACTER not in line
        wrong = f"expected {typing.fields} fields" if is_decoded else typing.not_in_encoding
        reasons[row].append(reason(f"line: {wrong}", line))
    arrays = []
    for name, column_type, texts, values, is_unreadable, is_not_finite in typed_columns(
        raw.field, typing
    ):
        for row in _rows(is_unreadable):
            wrong = f"{name}: not readable as {column_type}"
            reasons[row].append(reason(wrong, texts[row].as_py()))
        for row in _rows(is_not_finite):
            reasons[row].append(reason(f"{name}: not finite", texts[row].as_py()))
        if column_type == "string":
            for row in _rows(pc.match_substring(texts, REPLACEMENT_CHARACTER)):
                reasons[row].append(reason(f"{name}: {typing.not_in_encoding}", texts[row].as_py()))
        arrays.append(values)
    arrays += [raw, pa.array(reasons, pa.list_(pa.string()))]
    return pa.record_batch(arrays, names=[*typing.columns, RAW, UNREADABLE])


def _rows(where: pa.Array) -> list[int]:
    """The positions at which an array of booleans is true."""
    positions: list[int] = pc.indices_nonzero(where).to_pylist()
    return positions


def reason(description: str, value: str) -> str:
    """A reason with the start of the value that was found."""
    return f"{description} (found {value[:FOUND_LENGTH]})"
