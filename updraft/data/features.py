"""From clean rows to features: the use case's features.sql, and the label beside it."""

from collections.abc import Callable
from datetime import timedelta

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from updraft.core.errors import UpdraftError
from updraft.core.interval import Interval, on_days
from updraft.core.reports import FeaturesReport
from updraft.core.schema import EVENT_DATE, IDENTITY, LABEL, ROW_ID, feature_names, quote
from updraft.core.settings import settings
from updraft.core.use_case import UseCase
from updraft.data import tables
from updraft.data.export import export_features, forget
from updraft.data.splits import with_split

MISSING = "missing"  # The category of an absent one, in training and in serving.


def build_features(spark: SparkSession, use_case: UseCase, interval: Interval) -> FeaturesReport:
    """Replace the interval's rows of the features table: row_id, event_time, features, label (null where unknown).

    With ``data.history``, later partitions that have looked back on the interval are built again, and the table is held from
    reading to writing: so it does not depend on the order in which partitions came.

    Raises:
        UpdraftError: features.sql does not give the rows that it should.
    """
    if not use_case.data.history:
        clean = tables.read(spark, use_case.name, "clean", interval)
        frame = with_split(with_label(features(spark, use_case, clean), use_case, clean), use_case).cache()
        return _publish(frame, use_case, interval.predicate(), clean.count(), tables.replace)
    with tables.writer_lock(spark, tables.table_path(use_case.name, "features")):
        back = timedelta(days=use_case.data.history)
        reach = Interval(interval.first, interval.end.date() - timedelta(days=1) + back)
        days = sorted({*interval.days, *tables.partitions(tables.read(spark, use_case.name, "clean", reach))})
        earliest = interval.first - back
        earliest = earliest.replace(day=1) if use_case.unit == "month" else earliest
        clean = tables.read(spark, use_case.name, "clean", Interval(earliest, days[-1]))
        spark.createDataFrame([(day,) for day in days], f"{EVENT_DATE} date").createOrReplaceTempView("days")
        frame = with_label(features(spark, use_case, clean), use_case, clean).cache()
        return _publish(frame, use_case, on_days(days), None, tables.write)


def _publish(
    frame: DataFrame, use_case: UseCase, where: str, expected: int | None, write: Callable[[DataFrame, UseCase, str, str], None]
) -> FeaturesReport:
    """``expected``: as many rows; None: no row_id twice."""
    try:
        dated = frame.withColumn(EVENT_DATE, tables.event_date(use_case.unit))
        counts = dated.agg(
            F.count("*").alias("rows"),
            F.count(LABEL).alias("labelled"),
            F.count_distinct(ROW_ID).alias("keys"),
            F.count_if(~F.expr(where)).alias("elsewhere"),
        ).collect()[0]
        if counts["elsewhere"] or counts["rows"] != (counts["keys"] if expected is None else expected):
            raise UpdraftError(
                f"{use_case.folder / 'features.sql'}: found {counts['rows']} rows with {counts['keys']} row_ids, "
                f"{counts['elsewhere']} of them outside the partitions to build; expected "
                + (
                    "every row_id once, with an event_time on a day of the view days."
                    if expected is None
                    else f"one row for each of the {expected} clean rows, with its event_time. "
                    "A lookup probably has several rows for one key, or an inner join drops rows."
                )
            )
        write(frame, use_case, "features", where)
        export_features(frame, use_case, where)
    finally:
        frame.unpersist()
    return FeaturesReport(
        use_case=use_case.name,
        outcome="done" if counts["rows"] else "no data",  # Written all the same: the days' earlier rows are gone.
        rows=counts["rows"],
        labelled=counts["labelled"],
        columns=feature_names(frame.columns),
        version=tables.version(use_case.name, "features"),
    )


def features(spark: SparkSession, use_case: UseCase, clean: DataFrame) -> DataFrame:
    """Run features.sql over the clean rows without the columns that are known only later, so that none can leak.

    Features come out as doubles or, if they are categories, as strings without nulls.
    """
    clean.drop(*use_case.data.known_after).createOrReplaceTempView("clean")
    forget(spark, use_case)  # It holds labels.
    for name in use_case.data.lookups:
        lookup(spark, use_case, name).createOrReplaceTempView(name)
    frame = spark.sql(use_case.features_sql)
    if absent := [name for name in IDENTITY if name not in frame.columns]:
        raise UpdraftError(
            f"{use_case.folder / 'features.sql'}: expected {', '.join(IDENTITY)} among its columns, missing {absent}."
        )
    return frame.select(*IDENTITY, *[_feature(use_case, frame, name) for name in feature_names(frame.columns)])


def lookup(spark: SparkSession, use_case: UseCase, name: str) -> DataFrame:
    """A declared lookup in its declared types."""
    declared = use_case.data.lookups[name]
    file = settings().source(use_case.name, use_case.data.input) / declared.file
    if not file.exists():
        raise UpdraftError(f"lookup {name}: {file} not found. Lay it there, or mend data.lookups.{name}.file.")
    schema = T.StructType([T.StructField(column, T.StringType()) for column in declared.columns])
    raw = spark.read.schema(schema).option("header", True).option("enforceSchema", False).csv(str(file))
    nulls = use_case.data.null_values
    return raw.select(
        *[
            F.when(~F.col(column).isin(nulls), F.col(column)).try_cast(kind).alias(column)
            for column, kind in declared.columns.items()
        ]
    )


def with_label(frame: DataFrame, use_case: UseCase, clean: DataFrame) -> DataFrame:
    """Join the label by the row's identity: features.sql never sees what it is computed from. Classes become their place."""
    target = use_case.data.target
    if target is None:
        return frame.withColumn(LABEL, F.lit(None).cast("double"))
    label = F.expr(target.sql)
    if target.classes:
        place = F.array_position(F.lit(target.classes), label.cast("string"))
        label = F.when(place > 0, place - 1)
    return frame.join(clean.select(*IDENTITY, label.cast("double").alias(LABEL)), IDENTITY, "left")


def _feature(use_case: UseCase, frame: DataFrame, name: str) -> Column:
    kind = frame.schema[name].dataType
    if isinstance(kind, T.StringType):
        return F.coalesce(F.col(quote(name)), F.lit(MISSING)).alias(name)
    if isinstance(kind, T.NumericType | T.BooleanType):
        return F.col(quote(name)).cast("double").alias(name)
    raise UpdraftError(
        f"{use_case.folder / 'features.sql'}: feature {name} is {kind.simpleString()}, expected a number, boolean or string."
    )
