"""From raw text to the declared types, the same way wherever rows are read."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from updraft.core.schema import quote
from updraft.core.use_case import UseCase


def event_time(use_case: UseCase) -> Column:
    """When a row happened, from its declared columns; of a snapshot always the same."""
    sql = use_case.data.event_time
    return F.expr(sql) if sql else F.lit(use_case.first_partition).cast("timestamp")


def typed(raw: DataFrame, use_case: UseCase) -> DataFrame:
    """The declared columns in their types, null where the text means no value or is not of the type.

    ``__raw`` keeps the row as it came, all columns.
    """
    whole = F.struct(*[F.col(quote(name)) for name in raw.columns]).alias("__raw")
    return raw.select(whole, *[value(name, use_case).alias(name) for name in use_case.data.columns])


def value(name: str, use_case: UseCase, column: Column | None = None) -> Column:
    """One column's value in its declared type, or null."""
    return present(name, use_case, column).try_cast(use_case.data.columns[name])


def present(name: str, use_case: UseCase, column: Column | None = None) -> Column:
    """One column's raw text, null where it means no value."""
    raw = F.trim(column if column is not None else F.col(quote(name)))
    return F.when(~raw.isin(use_case.data.null_values), raw)
