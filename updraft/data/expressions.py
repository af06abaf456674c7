"""The SQL expressions of use_case.yaml, by Spark's analysed plan: what they are computed from."""

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from updraft.core.errors import UpdraftError
from updraft.core.schema import EVENT_DATE, EVENT_TIME, ROW_ID
from updraft.core.use_case import UseCase
from updraft.data.columns import spark_fields, typing_of
from updraft.data.row_wise import check_repeatable, columns_of_row
from updraft.data.sql_errors import EVENT_TIME_SQL, TARGET_SQL, sql_errors

ADDED = [
    T.StructField(ROW_ID, T.StringType()),
    T.StructField(EVENT_TIME, T.TimestampType()),
    T.StructField(EVENT_DATE, T.DateType()),
]


def check_event_time(spark: SparkSession, use_case: UseCase) -> None:
    """Refuse an event time that is more than a function of the row's own columns.

    Raises:
        UpdraftError: it sees other rows, other columns or such that are known only later, or is
            not the same in each run.
    """
    sql = use_case.data.event_time
    if sql:
        used = _columns(spark, use_case, EVENT_TIME_SQL, sql, [])
        _refuse(use_case, use_case.data.event_time_leak(used))


def check_target(spark: SparkSession, use_case: UseCase) -> None:
    """Refuse a label that is more than a function of the clean row, or known too early.

    Raises:
        UpdraftError: it sees other rows, uses no column of ``known_after``, or is not the same in
            each run.
    """
    target = use_case.data.target
    if target:
        used = _columns(spark, use_case, TARGET_SQL, target.sql, ADDED)
        _refuse(use_case, use_case.data.label_leak(used))


def _columns(
    spark: SparkSession, use_case: UseCase, place: str, sql: str, added: list[T.StructField]
) -> set[str]:
    """The columns that an expression is computed from, in lower case."""
    fields = [*added, *spark_fields(typing_of(use_case))]
    rows = spark.createDataFrame([], T.StructType(fields)).alias("clean")
    with sql_errors(use_case, place):
        frame = rows.select(F.expr(sql))
    full_place = f"{use_case.folder}/{place}"
    check_repeatable(frame, sql, full_place)
    columns = columns_of_row(frame)
    if columns is None:
        raise UpdraftError(
            f"{full_place}: found {sql.strip()!r}, which looks at several rows (a window, an "
            "aggregate, a subquery) or makes several of one: a range of partitions would give "
            "another result than its partitions one by one. Expected an expression over the "
            "columns of one row. Compute what needs several rows in features.sql."
        )
    return columns


def _refuse(use_case: UseCase, leak: str | None) -> None:
    if leak:
        raise UpdraftError(f"{use_case.folder}/use_case.yaml: data.{leak}.")
