"""How many rows of each partition have passed their audit, and how many have not."""

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from updraft.core.schema import EVENT_DATE, REASONS
from updraft.monitoring.broken import Volume
from updraft.quality.audit import SUPERSEDED


def volumes(clean: DataFrame, quarantine: DataFrame) -> dict[date, Volume]:
    """The rows of each partition, in order.

    Rows that a newer delivery supersedes are in quarantine, too, and are not counted: nothing is
    wrong with them.
    """
    bad = quarantine.where(~F.exists(REASONS, _is_superseded))
    passed, failed = (
        {row[EVENT_DATE]: row["count"] for row in rows.groupBy(EVENT_DATE).count().collect()}
        for rows in (clean, bad)
    )
    days = sorted(passed.keys() | failed.keys())
    return {day: Volume(passed.get(day, 0), failed.get(day, 0)) for day in days}


def _is_superseded(reason: Column) -> Column:
    return reason.startswith(SUPERSEDED)
