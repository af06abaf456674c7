"""From raw text to the declared types, in the same way wherever rows are read."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from updraft.core.schema import quote
from updraft.core.use_case import UseCase


def event_time(use_case: UseCase) -> Column:
    """When a row happened, from its declared columns; a constant for a snapshot."""
    sql = use_case.data.event_time
    return F.expr(sql) if sql else F.lit(use_case.first_partition).cast("timestamp")


def typed(raw: DataFrame, use_case: UseCase) -> DataFrame:
    """The declared columns in their types, null where the text means no value or has another type.

    ``__raw`` is the bronze row, unchanged, with all its columns.
    """
    raw_row = F.struct(*[F.col(quote(name)) for name in raw.columns]).alias("__raw")
    return raw.select(raw_row, *[_value(name, use_case) for name in use_case.data.columns])


def _value(name: str, use_case: UseCase) -> Column:
    """A column's value in its declared type, or null."""
    text = F.trim(F.col(quote(name)))
    present = F.when(~text.isin(use_case.data.null_values), text)
    return present.try_cast(use_case.data.columns[name]).alias(name)
