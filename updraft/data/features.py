"""From clean rows to features: the use case's features.sql, with the label added separately."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from updraft.core.errors import UpdraftError
from updraft.core.interval import Interval, on_days
from updraft.core.locations import Location
from updraft.core.reports import FeaturesReport
from updraft.core.schema import (
    CLEAN,
    EVENT_DATE,
    FEATURES,
    IDENTITY,
    LABEL,
    ROW_ID,
    feature_names,
    quote,
)
from updraft.core.settings import settings
from updraft.core.use_case import UseCase
from updraft.data.export import export_features, unregister
from updraft.data.splits import with_split
from updraft.data.tables import HeldTable, Table, event_date, partitions_of

MISSING = "missing"  # The category of a missing value, in training and in serving.


@dataclass(frozen=True)
class NewRows:
    """Rows that are ready for the features table.

    ``where``: the partitions that they replace. ``clean_rows``: as many rows are expected; None
    with ``data.history``, where instead each row_id is expected once.
    """

    frame: DataFrame
    where: str
    clean_rows: int | None


def build_features(spark: SparkSession, use_case: UseCase, interval: Interval) -> FeaturesReport:
    """Replace the interval's rows of the features table.

    The columns are row_id, event_time, the features and the label (null where it is unknown).
    With ``data.history``, later partitions that look back on the interval are built again, and the
    table is held from reading to writing: the result does not depend on the order of the runs.

    Raises:
        UpdraftError: features.sql does not return the expected rows.
    """
    table = Table(use_case, FEATURES)
    if use_case.data.history:
        with table.hold(spark) as held:
            new_rows = _build_with_history(spark, use_case, interval)
            return _publish(new_rows, use_case, nullcontext(held))
    new_rows = _build_from_interval(spark, use_case, interval)
    return _publish(new_rows, use_case, table.hold(spark))


def features(spark: SparkSession, use_case: UseCase, clean: DataFrame) -> DataFrame:
    """Run features.sql on the clean rows, without the columns that are known only later.

    So no feature can leak the label. Features are doubles or, if they are categories, strings
    without nulls.

    Raises:
        UpdraftError: a lookup's file, a column of ``IDENTITY`` or a usable type is missing.
    """
    clean.drop(*use_case.data.known_after).createOrReplaceTempView("clean")
    unregister(spark, use_case)  # The table contains labels.
    for name in use_case.data.lookups:
        _lookup(spark, use_case, name).createOrReplaceTempView(name)
    frame = spark.sql(use_case.features_sql)
    missing = [name for name in IDENTITY if name not in frame.columns]
    if missing:
        raise UpdraftError(
            f"{use_case.folder / 'features.sql'}: "
            f"expected {', '.join(IDENTITY)} among its columns, missing {missing}."
        )
    names = feature_names(frame.columns)
    return frame.select(*IDENTITY, *[_feature(use_case, frame, name) for name in names])


def _build_from_interval(spark: SparkSession, use_case: UseCase, interval: Interval) -> NewRows:
    clean = Table(use_case, CLEAN).read(spark, interval.predicate())
    labelled = _with_label(features(spark, use_case, clean), use_case, clean)
    frame = with_split(labelled, use_case).cache()
    return NewRows(frame, interval.predicate(), clean.count())


def _build_with_history(spark: SparkSession, use_case: UseCase, interval: Interval) -> NewRows:
    table = Table(use_case, CLEAN)
    history = timedelta(days=use_case.data.history)
    last_day = interval.end.date() - timedelta(days=1)
    affected = Interval(interval.first, last_day + history)
    days_with_rows = partitions_of(table.read(spark, affected.predicate()))
    days = sorted({*interval.days, *days_with_rows})
    earliest = interval.first - history
    if use_case.unit == "month":
        earliest = earliest.replace(day=1)
    clean = table.read(spark, Interval(earliest, days[-1]).predicate())
    view = spark.createDataFrame([(day,) for day in days], f"{EVENT_DATE} date")
    view.createOrReplaceTempView("days")
    frame = _with_label(features(spark, use_case, clean), use_case, clean).cache()
    return NewRows(frame, on_days(days), None)


def _publish(
    new_rows: NewRows, use_case: UseCase, hold: AbstractContextManager[HeldTable]
) -> FeaturesReport:
    """Check the rows, then write them to the features table and to its exports."""
    try:
        counts = _count(new_rows, use_case)
        _check_counts(new_rows, use_case, counts)
        with hold as held:
            held.replace(new_rows.frame, new_rows.where)
        export_features(new_rows.frame, use_case, new_rows.where)
    finally:
        new_rows.frame.unpersist()
    return FeaturesReport(
        use_case=use_case.name,
        # Without rows the table is written all the same, which removes the days' earlier rows.
        outcome="done" if counts["rows"] else "no data",
        rows=counts["rows"],
        labelled=counts["labelled"],
        columns=feature_names(new_rows.frame.columns),
        version=Table(use_case, FEATURES).version,
    )


def _count(new_rows: NewRows, use_case: UseCase) -> Row:
    dated = new_rows.frame.withColumn(EVENT_DATE, event_date(use_case.unit))
    return dated.agg(
        F.count("*").alias("rows"),
        F.count(LABEL).alias("labelled"),
        F.count_distinct(ROW_ID).alias("keys"),
        F.count_if(~F.expr(new_rows.where)).alias("outside"),
    ).collect()[0]


def _check_counts(new_rows: NewRows, use_case: UseCase, counts: Row) -> None:
    if new_rows.clean_rows is None:
        expected_rows = counts["keys"]
        expected = "every row_id once, with an event_time on a day of the view days."
    else:
        expected_rows = new_rows.clean_rows
        expected = (
            f"one row for each of the {new_rows.clean_rows} clean rows, with its event_time. "
            "A lookup probably has several rows for one key, or an inner join drops rows."
        )
    if counts["outside"] or counts["rows"] != expected_rows:
        raise UpdraftError(
            f"{use_case.folder / 'features.sql'}: "
            f"found {counts['rows']} rows with {counts['keys']} row_ids, "
            f"{counts['outside']} of them outside the partitions to build; expected {expected}"
        )


def _lookup(spark: SparkSession, use_case: UseCase, name: str) -> DataFrame:
    """A declared lookup in its declared types."""
    declared = use_case.data.lookups[name]
    file = settings().source(use_case.name, use_case.data.input) / declared.file
    if not file.exists():
        raise UpdraftError(
            f"lookup {name}: {file} not found. Place it there, or fix data.lookups.{name}.file."
        )
    schema = T.StructType([T.StructField(column, T.StringType()) for column in declared.columns])
    reader = spark.read.schema(schema).option("header", True).option("enforceSchema", False)
    raw = reader.csv(Location.of(file).spark_literal)
    null_values = use_case.data.null_values
    values = [
        F.when(~F.col(column).isin(null_values), F.col(column)).try_cast(column_type).alias(column)
        for column, column_type in declared.columns.items()
    ]
    return raw.select(*values)


def _with_label(frame: DataFrame, use_case: UseCase, clean: DataFrame) -> DataFrame:
    """Join the label by the row's identity: features.sql never sees what it is computed from.

    The label of a class is its position in ``data.target.classes``.
    """
    target = use_case.data.target
    if target is None:
        return frame.withColumn(LABEL, F.lit(None).cast("double"))
    label = F.expr(target.sql)
    if target.classes:
        position = F.array_position(F.lit(target.classes), label.cast("string"))  # From 1; 0: none.
        label = F.when(position > 0, position - 1)
    labels = clean.select(*IDENTITY, label.cast("double").alias(LABEL))
    return frame.join(labels, IDENTITY, "left")


def _feature(use_case: UseCase, frame: DataFrame, name: str) -> Column:
    data_type = frame.schema[name].dataType
    if isinstance(data_type, T.StringType):
        return F.coalesce(F.col(quote(name)), F.lit(MISSING)).alias(name)
    if isinstance(data_type, T.NumericType | T.BooleanType):
        return F.col(quote(name)).cast("double").alias(name)
    raise UpdraftError(
        f"{use_case.folder / 'features.sql'}: feature {name} is {data_type.simpleString()}, "
        "expected a number, boolean or string."
    )
