"""What the audit has made of partitions, counted in the tables as they are now."""

from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.interval import on_days
from updraft.core.schema import EVENT_DATE, ROW_ID
from updraft.core.use_case import UseCase
from updraft.data import tables

PLACES = {"bronze": "bronze", "clean": "clean", "quarantined": "quarantine"}


def audit_counts(use_case: UseCase, used: DataFrame, judged: DataFrame) -> dict[str, Any]:
    """Count the raw, clean and quarantined rows of the partitions of ``used``, and the keys of ``judged`` that are not clean.

    ``unfinished``: the partitions of which some raw row is neither clean nor in quarantine. With ``data.history``, features
    have keys of their own, of which clean knows none; then these are not counted.
    """
    spark, days = judged.sparkSession, tables.partitions(used)
    found: dict[str, dict[Any, int]] = {name: {} for name in PLACES}
    for name, table in PLACES.items():
        if tables.exists(use_case.name, table):
            rows = tables.read(spark, use_case.name, table).where(on_days(days)).groupBy(EVENT_DATE).agg(F.count("*"))
            found[name] = {row[0]: row[1] for row in rows.collect()}

    def parted(day: Any) -> bool:
        return found["bronze"].get(day, 0) == found["clean"].get(day, 0) + found["quarantined"].get(day, 0)

    unaudited = 0
    if not use_case.data.history:
        clean = tables.read(spark, use_case.name, "clean").where(on_days(days))
        unaudited = judged.join(clean, ROW_ID, "left_anti").count()
    counts = {name: sum(by_day.values()) for name, by_day in found.items()}
    return {**counts, "unfinished": [day for day in days if not parted(day)], "unaudited": unaudited}
