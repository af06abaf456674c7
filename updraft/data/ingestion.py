"""From the landing folder to bronze: every raw row as it came, as text, in the partition that it belongs to."""

from datetime import date

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from upath import UPath

from updraft.core.interval import Interval, on_days
from updraft.core.reports import IngestReport
from updraft.core.schema import quote
from updraft.core.use_case import UseCase
from updraft.data import tables
from updraft.data.columns import event_time, typed
from updraft.data.sources import SOURCE, day_pattern, is_dated, raw_files, read_raw


def ingest(spark: SparkSession, use_case: UseCase, interval: Interval, files: list[UPath]) -> IngestReport:
    """Replace, in bronze, the rows of the partitions that have raw ones. Of the others, bronze keeps what it has.

    Bronze holds the raw columns as text, ``corrupt_record`` (the whole line, where it does not have the columns),
    ``source_file``, ``event_time`` and ``event_date``, as ``bronze`` gives them.

    Raises:
        UpdraftError: a file's columns differ from the declared ones; nothing is written then.
    """
    found = _replace(spark, use_case, interval, files) if files else {}
    # A raw file may be gone by now: what bronze holds is built again, in a range as in a run of its own.
    kept = []
    if tables.exists(use_case.name, "bronze") and len(found) < len(interval.days):
        kept = [day for day in tables.partitions(tables.read(spark, use_case.name, "bronze", interval)) if day not in found]
    return IngestReport(
        use_case=use_case.name,
        outcome="done" if found or kept else "no data",
        first=interval.first,
        last=interval.last,
        files=len(files),
        kept_days=kept,
        missing_days=[day for day in interval.days if day not in found and day not in kept],
        rows=sum(found.values()),
    )


def _replace(spark: SparkSession, use_case: UseCase, interval: Interval, files: list[UPath]) -> dict[date, int]:
    """The rows of each day that has raw ones."""
    raw = bronze(read_raw(spark, use_case, files), use_case).where(interval.predicate()).cache()
    try:
        rows = {row["event_date"]: row["count"] for row in raw.groupBy("event_date").count().collect()}
        where = f"{interval.predicate()} AND {on_days(sorted(rows))}"
        if rows and use_case.unit == "hour":
            _replace_hours(raw, use_case, where)
        elif rows:
            tables.replace(raw, use_case, "bronze", where)
        return rows
    finally:
        raw.unpersist()  # Spark would take the old rows for a file of the same name.


def source_days(spark: SparkSession, use_case: UseCase) -> Interval | None:
    """The partitions of which there are raw rows, from the first to the last; None if there are none."""
    files = raw_files(use_case)
    if not files:
        return None
    found = bronze(read_raw(spark, use_case, files), use_case).agg(F.min("event_date"), F.max("event_date")).collect()[0]
    return Interval(found[0], found[1], use_case.unit or "day") if found[0] else None


def bronze(raw: DataFrame, use_case: UseCase) -> DataFrame:
    """Give every row its event time and its partition.

    Where a file's name says the partition, the event time is the row's own if it lies in it, else the partition's start.
    Otherwise it is the row's own if it can be read and lies between the schedule's start and now; else the start of the
    first partition, where the audit puts the row into quarantine. A snapshot has one partition.
    """
    first = F.lit(use_case.first_partition).cast("timestamp")
    if use_case.unit is None:
        timed = raw.withColumn("event_time", first)
    else:
        names = [F.col(quote(name)) for name in raw.columns]
        # Exploded, because Spark would copy the expression to each place that asks for the time, and parse the text in each.
        own = F.explode(F.array(event_time(use_case))).alias("__own")
        rows = typed(raw, use_case).select(F.col("__raw"), own).select("__raw.*", "__own")
        timed = rows.select(*names, _placed(use_case, first).alias("event_time"))
    return timed.withColumn("event_date", tables.event_date(use_case.unit))


def _placed(use_case: UseCase, first: Column) -> Column:
    own = F.col("__own")
    if is_dated(use_case):
        day = F.to_date(F.regexp_extract(F.url_decode(SOURCE), day_pattern(use_case), 1))
        return F.when(F.to_date(own) == day, own).otherwise(day.cast("timestamp"))
    return F.when((own >= first) & (own < F.date_add(F.current_date(), 1).cast("timestamp")), own).otherwise(first)


def _replace_hours(raw: DataFrame, use_case: UseCase, where: str) -> None:
    """Hours without raw rows keep what bronze has: it is read and written again, since as a condition they may be thousands."""
    with tables.writer_lock(raw.sparkSession, tables.table_path(use_case.name, "bronze")):
        if tables.exists(use_case.name, "bronze"):
            hour = F.date_trunc("hour", "event_time").alias("hour")
            new = raw.select(hour).distinct()
            old = tables.read(raw.sparkSession, use_case.name, "bronze").where(where).select("*", hour)
            raw = raw.unionByName(old.join(new, "hour", "left_anti").drop("hour"))
        tables.write(raw, use_case, "bronze", where)
