"""The Delta tables of a use case: where they lie, how they are read, and the one way in which an interval is written."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from deltalake import DeltaTable
from py4j.protocol import Py4JJavaError
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from updraft.core.errors import UpdraftError
from updraft.core.interval import Interval, Unit
from updraft.core.settings import settings
from updraft.core.use_case import UseCase

LOCK_SECONDS = 1200
# How long a version of a table can be read again. The gate counts in them what a champion has learnt from; Delta's 30 days
# would be over before many a champion is.
RETENTION = {"delta.logRetentionDuration": "interval 400 days", "delta.deletedFileRetentionDuration": "interval 400 days"}
KEPT_LONG = "features"
NOT_IN_PARQUET = set(" ,;{}()\n\t=")  # In names; Delta then needs names of its own for the files.


def table_path(use_case: str, table: str) -> str:
    """Where a table lies."""
    return str(settings().table(use_case, table))


def exists(use_case: str, table: str) -> bool:
    """Whether the table has ever been written."""
    return bool(_commits(use_case, table))


def version(use_case: str, table: str) -> int:
    """The newest version of the table: the number of its last commit."""
    return max(_commits(use_case, table))


def _commits(use_case: str, table: str) -> list[int]:
    # The names in Delta's log are its protocol; asking Spark for its history takes a job and a second.
    log = settings().table(use_case, table) / "_delta_log"
    return [int(file.stem) for file in log.glob("*.json") if file.stem.isdigit()] if log.exists() else []


def read(
    spark: SparkSession,
    use_case: str,
    table: str,
    interval: Interval | None = None,
    *,
    version: int | None = None,
) -> DataFrame:
    """The rows of a table, all or one interval's, now or as of a version.

    Raises:
        UpdraftError: there is no such table yet.
    """
    _check_exists(use_case, table)
    reader = spark.read.format("delta")
    if version is not None:
        reader = reader.option("versionAsOf", version)
    frame = reader.load(table_path(use_case, table))
    return frame.where(interval.predicate()) if interval else frame


def _check_exists(use_case: str, table: str) -> None:
    if not exists(use_case, table):
        path = table_path(use_case, table)
        raise UpdraftError(f"table {path}: not found. Run {use_case}_data first, for at least one partition with rows.")


def partitions(frame: DataFrame) -> list[date]:
    """The days of which a frame has rows, in order."""
    return [row["event_date"] for row in frame.select("event_date").distinct().orderBy("event_date").collect()]


def all_partitions(use_case: str, table: str) -> list[date]:
    """The days of which a table has rows, in order, as its log lists them: in milliseconds, where a query takes seconds.

    Raises:
        UpdraftError: there is no such table yet.
    """
    _check_exists(use_case, table)
    listed = DeltaTable(table_path(use_case, table)).partitions()
    return sorted(date.fromisoformat(one["event_date"]) for one in listed)


def event_date(unit: Unit | None) -> Column:
    """The partition column: the day of the event time, or the first day of its month."""
    time = F.col("event_time")
    return F.to_date(F.date_trunc("month", time) if unit == "month" else time)


def replace(frame: DataFrame, use_case: UseCase, table: str, where: str) -> None:
    """Replace exactly the rows for which ``where`` holds by ``frame``, of whose rows it holds too, as one Delta commit.

    ``where``: a condition on ``event_date`` and ``event_time``, such as ``Interval.predicate`` and ``on_days`` give.

    Raises:
        UpdraftError: the table has other columns, or another writer has held the table for too long.
    """
    with writer_lock(frame.sparkSession, table_path(use_case.name, table)):
        write(frame, use_case, table, where)


def write(frame: DataFrame, use_case: UseCase, table: str, where: str) -> None:
    """``replace``, for who holds the table already."""
    path = table_path(use_case.name, table)
    # One file a day, whether a day comes alone or in a range.
    rows = frame.withColumn("event_date", event_date(use_case.unit)).repartition("event_date")
    writer = rows.write.format("delta").mode("overwrite").partitionBy("event_date")
    if exists(use_case.name, table):
        _check_columns(read(frame.sparkSession, use_case.name, table), rows, path)
    else:
        if table == KEPT_LONG:
            writer = writer.options(**RETENTION)
        if any(set(name) & NOT_IN_PARQUET for name in frame.columns):
            writer = writer.option("delta.columnMapping.mode", "name")
    writer.option("replaceWhere", where).save(path)


def _check_columns(table: DataFrame, rows: DataFrame, path: str) -> None:
    """Delta itself would add a column that the table lacks, and fill one that the rows lack with nulls."""
    has, gets = dict(table.dtypes), dict(rows.dtypes)
    wrong = [f"{name} ({has[name]}) is missing" for name in has if name not in gets]
    wrong += [f"{name} ({gets[name]}) is new" for name in gets if name not in has]
    wrong += [f"{name} is {gets[name]}, in the table {has[name]}" for name in has if has[name] != gets.get(name, has[name])]
    if wrong:
        raise UpdraftError(
            f"table {path}: its columns are not those of the new rows: {'; '.join(wrong)}. "
            "Nothing was written. After a change of the use case, delete the folder and backfill."
        )


@contextmanager
def writer_lock(spark: SparkSession, path: str) -> Iterator[None]:
    """Hold the table for one writer. On a local disk Delta's log alone does not keep two processes apart.

    The lock belongs to the JVM, the process that commits: when its task is killed the lock lives as long as the orphan can
    write, and no longer. At a URI the store itself must keep writers apart, so nothing is locked there.
    """
    if "://" in path:
        yield
        return
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    jvm.java.io.File(path).getParentFile().mkdirs()
    file = jvm.java.io.RandomAccessFile(path + ".lock", "rw")
    try:
        lock = _acquire(file.getChannel(), path)
        try:
            yield
        finally:
            lock.release()
    finally:
        file.close()


def _acquire(channel: Any, path: str) -> Any:
    deadline = time.monotonic() + LOCK_SECONDS
    told = False
    while True:
        try:
            lock = channel.tryLock()
        except Py4JJavaError as error:
            # The same JVM holds it: another thread of this job.
            if "OverlappingFileLockException" not in str(error):
                raise
            lock = None
        if lock is not None:
            return lock
        if time.monotonic() > deadline:
            raise UpdraftError(
                f"table {path}: another writer has held {path}.lock for {LOCK_SECONDS} s. "
                "Expected it to finish. Find the process (fuser names it), let it end or end it, then clear this task."
            )
        if not told:
            print(f"waiting for another writer of {path}")
            told = True
        time.sleep(0.2)
