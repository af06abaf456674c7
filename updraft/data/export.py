"""Features for others: as Parquet in a folder, and as a table that Spark's catalog knows by name."""

from pyspark.sql import DataFrame, SparkSession

from updraft.core.interval import on_days
from updraft.core.schema import EVENT_DATE
from updraft.core.settings import settings
from updraft.core.use_case import UseCase
from updraft.data import tables


def export_features(frame: DataFrame, use_case: UseCase, where: str) -> None:
    """Bring ``data.output`` and ``data.catalog`` up to date for the partitions of which ``where`` speaks."""
    if use_case.data.output:
        _as_parquet(frame.sparkSession, use_case, where)
    if catalog := use_case.data.catalog:
        tables.replace(frame, use_case, catalog.table, where)
        register(frame.sparkSession, use_case)


def register(spark: SparkSession, use_case: UseCase) -> None:
    """Let this session's catalog know the table of ``data.catalog``, if it has been written."""
    catalog = use_case.data.catalog
    if catalog is None or not tables.exists(use_case.name, catalog.table):
        return
    path = tables.table_path(use_case.name, catalog.table)
    spark.sql(f"CREATE TABLE IF NOT EXISTS {catalog.table} USING DELTA LOCATION '{path}'")
    has = {row["key"]: row["value"] for row in spark.sql(f"SHOW TBLPROPERTIES {catalog.table}").collect()}
    if missing := {key: value for key, value in catalog.properties.items() if has.get(key) != value}:
        listed = ", ".join(f"'{key}' = '{value}'" for key, value in missing.items())
        spark.sql(f"ALTER TABLE {catalog.table} SET TBLPROPERTIES ({listed})")


def forget(spark: SparkSession, use_case: UseCase) -> None:
    """Take the table of ``data.catalog`` out of this session's catalog; the table itself stays."""
    if catalog := use_case.data.catalog:
        spark.sql(f"DROP TABLE IF EXISTS {catalog.table}")


def _as_parquet(spark: SparkSession, use_case: UseCase, where: str) -> None:
    """Whole partitions, from the features table: a run may have written some hours of a day only."""
    output = str(use_case.data.output)
    path = output if "://" in output else str(settings().path(output))
    table = tables.read(spark, use_case.name, "features")
    touched = table.where(where).select(EVENT_DATE).distinct().collect()
    rows = table.where(on_days([row[EVENT_DATE] for row in touched])) if touched else table.limit(0)
    rows.repartition(EVENT_DATE).write.mode("overwrite").option("partitionOverwriteMode", "dynamic").partitionBy(
        EVENT_DATE
    ).parquet(path)
