"""Lookups: small tables next to the raw files, read and checked as raw files are."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from updraft.core.errors import UpdraftError
from updraft.core.schema import RAW, SOURCE_LINE, UNREADABLE, quote
from updraft.core.use_case import UseCase
from updraft.data.columns import Typing, typed
from updraft.data.sources import Declared, lookup_file, read_files, readable_files
from updraft.data.values import Marks

LISTED = 5  # Unreadable rows in a message.


def lookup(spark: SparkSession, use_case: UseCase, name: str) -> DataFrame:
    """A declared lookup in its declared types, cached.

    Raises:
        UpdraftError: its file is missing, has other columns, or has texts that cannot be read.
    """
    data = use_case.data
    declared = data.lookups[name]
    file = lookup_file(use_case, name)
    if not file.exists():
        raise UpdraftError(
            f"lookup {name}: {file} not found. Place it there, or fix data.lookups.{name}.file."
        )
    file_format = declared.format or data.format
    columns = Declared(
        columns=tuple(declared.columns),
        optional=frozenset(),
        rename=declared.rename,
        place=f"data.lookups.{name}.",
        encoding=file_format.encoding,
        texts=frozenset(name for name, kind in declared.columns.items() if kind == "string"),
    )
    null_values = data.null_values if declared.null_values is None else declared.null_values
    typing = Typing(
        columns=declared.columns,
        fields=len(declared.columns),
        null_values=tuple(null_values),
        marks=Marks(file_format.decimal, file_format.thousands),
        encoding=file_format.encoding,
    )
    with readable_files():
        rows = typed(read_files(spark, [file], columns, file_format), typing).cache()
        is_empty = rows.isEmpty()
        unreadable = rows.where(F.size(UNREADABLE) > 0)
        examples = unreadable.select(f"{RAW}.{SOURCE_LINE}", UNREADABLE).limit(LISTED).collect()
    if is_empty:
        raise UpdraftError(
            f"lookup {name}: {file}: found no rows, expected at least one: all rows that join it "
            "would have nulls. Copy the file again, or remove the lookup."
        )
    if examples:
        listed = "; ".join(f"line {line}: {', '.join(reasons)}" for line, reasons in examples)
        raise UpdraftError(
            f"lookup {name}: {file}: {unreadable.count()} rows cannot be read: {listed}. "
            f"Fix the file, or data.lookups.{name}."
        )
    return rows.select(*[quote(column) for column in declared.columns])
