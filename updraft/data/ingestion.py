"""From the landing folder to bronze: every raw row as text, in the partition that it belongs to."""

from datetime import date

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from upath import UPath

from updraft.core.interval import Interval, on_days
from updraft.core.reports import IngestReport
from updraft.core.schema import BRONZE, EVENT_DATE, EVENT_TIME, quote
from updraft.core.use_case import UseCase
from updraft.data.columns import event_time, typed
from updraft.data.sources import SOURCE, day_pattern, is_dated, raw_files, read_raw
from updraft.data.tables import Table, event_date, partitions_of


def ingest(
    spark: SparkSession, use_case: UseCase, interval: Interval, files: list[UPath]
) -> IngestReport:
    """Replace, in bronze, the partitions that have raw rows; the others keep their earlier rows.

    Bronze holds the raw columns as text, ``corrupt_record`` (the complete line, if it cannot be
    split into the columns), ``source_file``, ``event_time`` and ``event_date``, see ``bronze``.

    Raises:
        UpdraftError: a file's columns differ from the declared ones; nothing is written then.
    """
    replaced = _replace(spark, use_case, interval, files) if files else {}
    # A raw file may have been deleted since: then its partition is built again from bronze, in a
    # range as in a run of its own.
    kept_days: list[date] = []
    table = Table(use_case, BRONZE)
    if len(replaced) < len(interval.days) and table.exists:
        in_bronze = partitions_of(table.read(spark, interval.predicate()))
        kept_days = [day for day in in_bronze if day not in replaced]
    return IngestReport(
        use_case=use_case.name,
        outcome="done" if replaced or kept_days else "no data",
        first=interval.first,
        last=interval.last,
        files=len(files),
        kept_days=kept_days,
        missing_days=[day for day in interval.days if day not in replaced and day not in kept_days],
        rows=sum(replaced.values()),
    )


def source_days(spark: SparkSession, use_case: UseCase) -> Interval | None:
    """The partitions from the first to the last one with raw rows; None if there are no rows."""
    files = raw_files(use_case)
    if not files:
        return None
    rows = bronze(read_raw(spark, use_case, files), use_case)
    first, last = rows.agg(F.min(EVENT_DATE), F.max(EVENT_DATE)).collect()[0]
    return Interval(first, last, use_case.unit or "day") if first else None


def bronze(raw: DataFrame, use_case: UseCase) -> DataFrame:
    """Add the event time and the partition to every row.

    If the file's name says the partition, the event time is the row's own as long as it lies in
    that partition, else the partition's start. Otherwise it is the row's own as long as it can be
    read and lies between the schedule's start and today; else the start of the first partition,
    where the audit puts the row into quarantine. A snapshot has one partition.
    """
    first = F.lit(use_case.first_partition).cast("timestamp")
    if use_case.unit is None:
        timed = raw.withColumn(EVENT_TIME, first)
    else:
        names = [F.col(quote(name)) for name in raw.columns]
        # Exploded, because Spark would copy the expression to each place that uses the time, and
        # parse the text in each of them.
        own = F.explode(F.array(event_time(use_case))).alias("__own")
        rows = typed(raw, use_case).select(F.col("__raw"), own).select("__raw.*", "__own")
        timed = rows.select(*names, _time_in_partition(use_case, first).alias(EVENT_TIME))
    return timed.withColumn(EVENT_DATE, event_date(use_case.unit))


def _time_in_partition(use_case: UseCase, first: Column) -> Column:
    own = F.col("__own")
    if is_dated(use_case):
        day = F.to_date(F.regexp_extract(F.url_decode(SOURCE), day_pattern(use_case), 1))
        return F.when(F.to_date(own) == day, own).otherwise(day.cast("timestamp"))
    tomorrow = F.date_add(F.current_date(), 1).cast("timestamp")
    return F.when((own >= first) & (own < tomorrow), own).otherwise(first)


def _replace(
    spark: SparkSession, use_case: UseCase, interval: Interval, files: list[UPath]
) -> dict[date, int]:
    """Replace the partitions that have raw rows; returns the number of rows of each."""
    raw = bronze(read_raw(spark, use_case, files), use_case).where(interval.predicate()).cache()
    try:
        counts = raw.groupBy(EVENT_DATE).count().collect()
        rows_by_day = {row[EVENT_DATE]: row["count"] for row in counts}
        if rows_by_day:
            where = f"{interval.predicate()} AND {on_days(sorted(rows_by_day))}"
            table = Table(use_case, BRONZE)
            with table.hold(spark) as held:
                rows = raw
                if use_case.unit == "hour" and table.exists:
                    rows = raw.unionByName(_hours_without_raw_rows(table, raw, where))
                held.replace(rows, where)
        return rows_by_day
    finally:
        raw.unpersist()  # Otherwise Spark uses the old rows for a new file of the same name.


def _hours_without_raw_rows(table: Table, raw: DataFrame, where: str) -> DataFrame:
    """The table's rows in the hours for which there are no raw rows.

    They are written again: a condition that leaves them out might have to list thousands of hours.
    """
    hour = F.date_trunc("hour", EVENT_TIME).alias("hour")
    raw_hours = raw.select(hour).distinct()
    rows = table.read(raw.sparkSession, where).select("*", hour)
    return rows.join(raw_hours, "hour", "left_anti").drop("hour")
