"""Features for other readers: as Parquet in a folder, and as a table of Spark's catalog."""

from pyspark.sql import DataFrame, SparkSession

from updraft.core.interval import on_days
from updraft.core.locations import Location
from updraft.core.schema import EVENT_DATE, FEATURES
from updraft.core.settings import settings
from updraft.core.use_case import UseCase
from updraft.data.tables import Table


def export_features(frame: DataFrame, use_case: UseCase, where: str) -> None:
    """Update ``data.output`` and ``data.catalog`` for the partitions in ``where``."""
    spark = frame.sparkSession
    if use_case.data.output:
        _write_parquet(spark, use_case, use_case.data.output, where)
    catalog = use_case.data.catalog
    if catalog:
        with Table(use_case, catalog.table).hold(spark) as held:
            held.replace(frame, where)
        register(spark, use_case)


def register(spark: SparkSession, use_case: UseCase) -> None:
    """Add the table of ``data.catalog`` to this session's catalog, if it has been written."""
    catalog = use_case.data.catalog
    if catalog is None:
        return
    table = Table(use_case, catalog.table)
    if not table.exists:
        return
    path = table.location.spark
    spark.sql(f"CREATE TABLE IF NOT EXISTS {catalog.table} USING DELTA LOCATION '{path}'")
    rows = spark.sql(f"SHOW TBLPROPERTIES {catalog.table}").collect()
    current = {row["key"]: row["value"] for row in rows}
    assignments = [
        f"'{key}' = '{value}'"
        for key, value in catalog.properties.items()
        if current.get(key) != value
    ]
    if assignments:
        spark.sql(f"ALTER TABLE {catalog.table} SET TBLPROPERTIES ({', '.join(assignments)})")


def unregister(spark: SparkSession, use_case: UseCase) -> None:
    """Remove the table of ``data.catalog`` from this session's catalog; its rows stay."""
    catalog = use_case.data.catalog
    if catalog:
        spark.sql(f"DROP TABLE IF EXISTS {catalog.table}")


def _write_parquet(spark: SparkSession, use_case: UseCase, output: str, where: str) -> None:
    """Write complete partitions from the features table: a run may have built only some hours."""
    location = Location.of(output, settings().path())
    features = Table(use_case, FEATURES).read(spark)
    written = features.where(where).select(EVENT_DATE).distinct().collect()
    days = [row[EVENT_DATE] for row in written]
    rows = features.where(on_days(days)) if days else features.limit(0)
    writer = rows.repartition(EVENT_DATE).write.mode("overwrite").partitionBy(EVENT_DATE)
    # Only the partitions among the rows are replaced.
    writer.option("partitionOverwriteMode", "dynamic").parquet(location.spark)
