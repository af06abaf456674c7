"""From clean rows to features: the use case's features.sql, and the label beside it."""

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from updraft.core.errors import UpdraftError
from updraft.core.interval import Interval
from updraft.core.reports import FeaturesReport
from updraft.core.schema import IDENTITY, LABEL, feature_names
from updraft.core.settings import settings
from updraft.core.use_case import UseCase
from updraft.data import tables

MISSING = "missing"  # The category of an absent one, in training and in serving.


def build_features(spark: SparkSession, use_case: UseCase, interval: Interval) -> FeaturesReport:
    """Replace the interval's rows of the features table: row_id, event_time, features, label (null where unknown)."""
    clean = tables.read(spark, use_case.name, "clean", interval)
    frame = with_label(features(spark, use_case, clean), use_case, clean).cache()
    try:
        return _publish(frame, use_case, interval, clean.count())
    finally:
        frame.unpersist()


def _publish(frame: DataFrame, use_case: UseCase, interval: Interval, expected: int) -> FeaturesReport:
    counts = frame.agg(F.count("*").alias("rows"), F.count(LABEL).alias("labelled")).first()
    assert counts is not None
    if counts["rows"] != expected:
        raise UpdraftError(
            f"{use_case.folder / 'features.sql'}: found {counts['rows']} rows for {expected} clean rows, expected one each. "
            "A lookup probably has several rows for one key, or an inner join drops rows."
        )
    tables.replace(frame, use_case, "features", interval.predicate())
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
    """Join the label by the row's identity: features.sql never sees what it is computed from."""
    labels = clean.select(*IDENTITY, F.expr(use_case.data.target.sql).cast("double").alias(LABEL))
    return frame.join(labels, IDENTITY, "left")


def _feature(use_case: UseCase, frame: DataFrame, name: str) -> Column:
    kind = frame.schema[name].dataType
    if isinstance(kind, T.StringType):
        return F.coalesce(F.col(name), F.lit(MISSING)).alias(name)
    if isinstance(kind, T.NumericType | T.BooleanType):
        return F.col(name).cast("double").alias(name)
    raise UpdraftError(
        f"{use_case.folder / 'features.sql'}: feature {name} is {kind.simpleString()}, expected a number, boolean or string."
    )
