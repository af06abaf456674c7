"""The audit's result for some partitions, counted in the tables as they are now."""

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.evidence import Audit
from updraft.core.interval import on_days
from updraft.core.schema import BRONZE, CLEAN, EVENT_DATE, QUARANTINE, ROW_ID
from updraft.core.use_case import UseCase
from updraft.data.tables import Table, partitions_of


def audit_counts(use_case: UseCase, used: DataFrame, holdout: DataFrame) -> Audit:
    """Count the raw, clean and quarantined rows of the partitions of ``used``.

    ``unfinished``: the partitions in which some raw row is neither clean nor in quarantine.
    ``unaudited``: the keys of ``holdout`` that are not among the clean rows; 0 with
    ``data.history``, where features have keys of their own, which clean rows do not have.
    """
    spark = holdout.sparkSession
    days = partitions_of(used)

    def rows_by_day(table_name: str) -> dict[date, int]:
        table = Table(use_case, table_name)
        if not table.exists:
            return {}
        counts = table.read(spark, on_days(days)).groupBy(EVENT_DATE).agg(F.count("*"))
        return {row[0]: row[1] for row in counts.collect()}

    bronze = rows_by_day(BRONZE)
    clean = rows_by_day(CLEAN)
    quarantined = rows_by_day(QUARANTINE)

    def is_unfinished(day: date) -> bool:
        return bronze.get(day, 0) != clean.get(day, 0) + quarantined.get(day, 0)

    unaudited = 0
    if not use_case.data.history:
        clean_rows = Table(use_case, CLEAN).read(spark, on_days(days))
        unaudited = holdout.join(clean_rows, ROW_ID, "left_anti").count()
    return Audit(
        bronze=sum(bronze.values()),
        clean=sum(clean.values()),
        quarantined=sum(quarantined.values()),
        unfinished=[day for day in days if is_unfinished(day)],
        unaudited=unaudited,
    )
