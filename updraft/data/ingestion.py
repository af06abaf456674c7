"""From the landing folder to bronze: every raw row as text, in the partition that it belongs to."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from upath import UPath

from updraft.core.errors import UpdraftError
from updraft.core.interval import Interval, latest_day, on_days, ranges
from updraft.core.reports import IngestReport
from updraft.core.schema import (
    BRONZE,
    CORRUPT,
    EVENT_DATE,
    EVENT_TIME,
    REASONS,
    SOURCE,
    TIME_COLUMNS,
    UNPLACED,
    quote,
)
from updraft.core.use_case import UseCase
from updraft.data.audited import is_unfinished
from updraft.data.columns import event_time, event_time_columns
from updraft.data.expressions import check_event_time
from updraft.data.lineage import Note
from updraft.data.sources import (
    cached_raw,
    day_pattern,
    file_state,
    is_dated,
    raw_files,
    read_raw,
    readable_files,
    unread_files,
)
from updraft.data.sql_errors import EVENT_TIME_SQL, sql_errors
from updraft.data.tables import HeldTable, Table, event_date

LISTED = 5  # Files in a message.

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Placement:
    """Where the raw rows of some files belong.

    Attributes:
        in_run: The number of rows of each day, in the partitions of the run.
        elsewhere: The number of rows in other partitions, by file and day.
        unplaced: The number of rows that belong to no partition, by reason.
        lost_files: The files with rows of which none can be placed.
    """

    in_run: dict[date, int]
    elsewhere: dict[tuple[str, date], int]
    unplaced: dict[str, int]
    lost_files: list[str]

    @property
    def read(self) -> int:
        placed = sum(self.in_run.values()) + sum(self.elsewhere.values())
        return placed + sum(self.unplaced.values())


@dataclass(frozen=True)
class Earlier:
    """The days of a run without raw rows, of which bronze has rows of earlier runs.

    Attributes:
        kept: Those with rows whose files are gone. They stay: their partition is built again from
            bronze, in a range as in a run of its own.
        emptied: Those with rows whose files have been read, and have them no longer. These rows
            are in another partition now, or nowhere.
    """

    kept: list[date]
    emptied: list[date]


NOTHING = Placement({}, {}, {}, [])


def ingest(
    spark: SparkSession, use_case: UseCase, interval: Interval, files: list[UPath], run: str
) -> IngestReport:
    """Replace, in bronze, the partitions that have raw rows.

    The others keep only their earlier rows from files that are gone: each raw row is in one place.
    Bronze holds the raw columns as text, where each row comes from, ``event_time`` and
    ``event_date``, see ``bronze``. Rows that belong to no partition go to the table ``unplaced``,
    with the reason. ``run``: the location of the job's report.

    Raises:
        UpdraftError: a file's columns differ from the declared ones, none of its rows can be
            placed, or too many of all rows cannot; nothing is written then.
    """
    check_event_time(spark, use_case)
    placement, earlier, late = _replace(spark, use_case, interval, files, run)
    with_rows = {*placement.in_run, *earlier.kept}
    has_work = with_rows or earlier.emptied or is_unfinished(use_case, interval)
    return IngestReport(
        use_case=use_case.name,
        outcome="done" if has_work else "no data",
        first=interval.first,
        last=interval.last,
        files=len(files),
        unread_files=unread_files(use_case),
        kept_days=earlier.kept,
        emptied_days=earlier.emptied,
        missing_days=[day for day in interval.days if day not in with_rows],
        rows_read=placement.read,
        rows=sum(placement.in_run.values()),
        elsewhere=sum(placement.elsewhere.values()),
        late_days=[day for day in late if not interval.first <= day <= interval.last],
        unplaced=placement.unplaced,
    )


def source_days(spark: SparkSession, use_case: UseCase) -> Interval | None:
    """The partitions from the first to the last one with raw rows; None if there are no rows."""
    files = raw_files(use_case)
    if not files:
        return None
    with readable_files():
        rows = bronze(read_raw(spark, use_case, files), use_case).where(F.size(REASONS) == 0)
        first, last = rows.agg(F.min(EVENT_DATE), F.max(EVENT_DATE)).collect()[0]
    return Interval(first, last, use_case.unit or "day") if first else None


def bronze(raw: DataFrame, use_case: UseCase) -> DataFrame:
    """Add the event time, the partition, and the reasons why a row belongs to none.

    If the file's name says the partition, the event time is the row's own as long as it lies in
    that partition, else the partition's start, and the audit puts the row into quarantine.
    Otherwise a row belongs to a partition if its own time can be read and lies between the
    schedule's start and today; else it has that start and a reason. A snapshot has one partition.
    """
    first = F.lit(use_case.first_partition).cast("timestamp")
    none = F.array().cast("array<string>")
    if use_case.unit is None:
        timed = raw.drop(TIME_COLUMNS).withColumns({EVENT_TIME: first, REASONS: none})
        return timed.withColumn(EVENT_DATE, event_date(use_case.unit))
    # The event time's expression uses the names of the columns for their values, not their texts.
    of_time = event_time_columns(use_case)
    texts = {name: f"__text_{name}" for name in of_time}
    values = [F.col(TIME_COLUMNS).getField(name).alias(name) for name in of_time]
    rows = raw.withColumnsRenamed(texts).select("*", *values).drop(TIME_COLUMNS)
    # Exploded, because Spark would copy the expression to each place that uses the time, and
    # parse the text in each of them.
    own = F.explode(F.array(event_time(use_case))).alias("__own")
    rows = rows.select("*", own).drop(*of_time)
    time = F.col("__own")
    if is_dated(use_case):
        day = F.to_date(F.regexp_extract(SOURCE, day_pattern(use_case), 1))
        placed = F.when(F.to_date(time) == day, time).otherwise(day.cast("timestamp"))
        reasons = none
    else:
        reasons = F.array_compact(F.array(_reason_for_no_partition(time, first)))
        placed = F.when(F.size(reasons) == 0, time).otherwise(first)
    rows = rows.select("*", placed.alias(EVENT_TIME), reasons.alias(REASONS)).drop("__own")
    timed = rows.withColumnsRenamed({text: name for name, text in texts.items()})
    return timed.withColumn(EVENT_DATE, event_date(use_case.unit))


def _reason_for_no_partition(time: Column, first: Column) -> Column:
    """Why a row belongs to no partition; null if it belongs to one."""
    future = F.lit(latest_day() + timedelta(days=1)).cast("timestamp")
    return (
        F.when(F.col(CORRUPT).isNotNull(), F.lit("line: cannot be split into the columns"))
        .when(time.isNull(), F.lit("event_time: cannot be read"))
        .when(time < first, F.lit("event_time: before schedule.start"))
        .when(time >= future, F.lit("event_time: in the future"))
    )


def _replace(
    spark: SparkSession, use_case: UseCase, interval: Interval, files: list[UPath], run: str
) -> tuple[Placement, Earlier, list[date]]:
    """Replace the rows of the run's partitions, and those that belong to no partition.

    Returns also the other partitions that need a run.

    If a file changes, comes or goes before the rows are written, all are read again.
    """
    while files:
        seen = _states(files)
        with _placed_rows(spark, use_case, interval, files) as (rows, placement):
            _check(placement, use_case)
            table = Table(use_case, BRONZE)
            with table.hold(spark) as held:
                files_now = raw_files(use_case, interval)
                if _states(files_now) == seen:
                    _write_unplaced(spark, use_case, rows, placement, run)
                    earlier = _earlier(spark, table, interval, placement, files)
                    late = _late_days(spark, table, interval, placement)
                    note = Note(
                        spans=[],
                        run=run,
                        files=seen if is_dated(use_case) else {},
                        late=ranges(late, interval.unit),
                    )
                    _write(held, table, interval, rows, placement, earlier, files, note)
                    return placement, earlier, late
        logger.info("raw files have changed in the meantime: they are read again")
        files = files_now
    return NOTHING, _earlier(spark, Table(use_case, BRONZE), interval, NOTHING, []), []


def _states(files: list[UPath]) -> dict[str, str]:
    return {file.name: file_state(file) for file in files}


@contextmanager
def _placed_rows(
    spark: SparkSession, use_case: UseCase, interval: Interval, files: list[UPath]
) -> Iterator[tuple[DataFrame, Placement]]:
    """All rows of the files, cached, and where they belong."""
    with readable_files(), cached_raw(spark, use_case, files) as raw:
        with sql_errors(use_case, EVENT_TIME_SQL):
            rows = bronze(raw, use_case)
            placement = _placement(rows, interval)
        yield rows, placement


def _placement(rows: DataFrame, interval: Interval) -> Placement:
    is_in_run = F.expr(interval.predicate()).alias("in_run")
    groups = rows.groupBy(SOURCE, EVENT_DATE, is_in_run, F.get(REASONS, F.lit(0)).alias("reason"))
    in_run: dict[date, int] = {}
    elsewhere: dict[tuple[str, date], int] = {}
    unplaced: dict[str, int] = {}
    with_rows: set[str] = set()
    with_placed_rows: set[str] = set()
    for group in groups.count().collect():
        number = group["count"]
        with_rows.add(group[SOURCE])
        if group["reason"] is not None:
            unplaced[group["reason"]] = unplaced.get(group["reason"], 0) + number
            continue
        with_placed_rows.add(group[SOURCE])
        if group["in_run"]:
            in_run[group[EVENT_DATE]] = in_run.get(group[EVENT_DATE], 0) + number
        else:
            elsewhere[group[SOURCE], group[EVENT_DATE]] = number
    return Placement(in_run, elsewhere, unplaced, sorted(with_rows - with_placed_rows))


def _check(placement: Placement, use_case: UseCase) -> None:
    """Refuse deliveries whose rows belong to no partition.

    Raises:
        UpdraftError: a file has only such rows, or their share among all rows is too large.
    """
    reasons = ", ".join(f"{reason}: {number}" for reason, number in placement.unplaced.items())
    if placement.lost_files:
        names = ", ".join(placement.lost_files[:LISTED])
        more = len(placement.lost_files) - LISTED
        raise UpdraftError(
            f"{names}{f' and {more} more files' if more > 0 else ''}: found rows, but none that "
            f"belongs to a partition. Reasons, with the rows of all files: {reasons}. "
            "Nothing was written. Fix data.event_time or data.format, or take the file away."
        )
    limit = use_case.data.max_quarantine
    number = sum(placement.unplaced.values())
    if number > limit * placement.read:
        raise UpdraftError(
            f"{number} of {placement.read} rows belong to no partition; expected at most "
            f"{limit:.0%} (data.max_quarantine). Reasons, with rows: {reasons}. "
            "Nothing was written. Fix the files, data.event_time or data.format."
        )


def _write_unplaced(
    spark: SparkSession, use_case: UseCase, rows: DataFrame, placement: Placement, run: str
) -> None:
    """Replace the table of rows without a partition; all files have been read, so it is complete.

    Dated files always say a partition.
    """
    table = Table(use_case, UNPLACED)
    if is_dated(use_case) or not (placement.unplaced or table.exists):
        return
    where = on_days([use_case.first_partition])
    with table.hold(spark) as held:
        unplaced = rows.where(F.size(REASONS) > 0).withColumn(
            EVENT_TIME, F.lit(use_case.first_partition).cast("timestamp")
        )
        held.replace(unplaced, where, Note(spans=[], run=run))


def _late_days(
    spark: SparkSession, table: Table, interval: Interval, placement: Placement
) -> list[date]:
    """The days of which the files have other numbers of rows outside the run than bronze.

    Their rows came after their run, it was missed, or its hour is yet to come.
    """
    expected = placement.elsewhere
    if not expected:
        return []
    known: dict[tuple[str, date], int] = {}
    if table.exists:
        days = sorted(day for _, day in expected)
        all_hours = Interval(days[0], days[-1], interval.unit).predicate()
        rows = table.read(spark, f"{all_hours} AND NOT ({interval.predicate()})")
        for name, day, number in rows.groupBy(SOURCE, EVENT_DATE).count().collect():
            known[name, day] = number
    return sorted(
        {day for (name, day), number in expected.items() if known.get((name, day)) != number}
    )


def _earlier(
    spark: SparkSession,
    table: Table,
    interval: Interval,
    placement: Placement,
    files: list[UPath],
) -> Earlier:
    """What bronze has of the days without raw rows, by whether their files have been read."""
    if len(placement.in_run) == len(interval.days) or not table.exists:
        return Earlier([], [])
    rows = table.read(spark, interval.predicate())
    read = {file.name for file in files}
    kept: set[date] = set()
    emptied: set[date] = set()
    for day, name in rows.select(EVENT_DATE, SOURCE).distinct().collect():
        if day not in placement.in_run:
            (emptied if name in read else kept).add(day)
    return Earlier(sorted(kept), sorted(emptied))


def _write(
    held: HeldTable,
    table: Table,
    interval: Interval,
    rows: DataFrame,
    placement: Placement,
    earlier: Earlier,
    files: list[UPath],
    note: Note,
) -> None:
    """Replace the partitions that have raw rows, and those that have lost rows."""
    days = sorted({*placement.in_run, *earlier.emptied})
    if not days:
        return
    where = f"{interval.predicate()} AND {on_days(days)}"
    placed = rows.where(where).where(F.size(REASONS) == 0).drop(REASONS)
    if earlier.emptied or (table.use_case.unit == "hour" and table.exists):
        placed = placed.unionByName(
            _rows_of_gone_files(table, placed, where, files), allowMissingColumns=True
        )
    # Partitions begin at midnight, or at an hour of their day.
    spans = [span for span in interval.partitions if span[0].date() in days]
    held.replace(placed, where, note.model_copy(update={"spans": spans}))


def _rows_of_gone_files(
    table: Table, placed: DataFrame, where: str, files: list[UPath]
) -> DataFrame:
    """The table's rows, from files that are gone, in partitions without raw rows.

    They are written again: a condition that leaves them out might have to list thousands of hours.
    """
    partition = F.date_trunc(table.use_case.unit or "day", EVENT_TIME).alias("__partition")
    with_raw_rows = placed.select(partition).distinct()
    rows = table.read(placed.sparkSession, where)
    gone = rows.where(~F.col(SOURCE).isin([file.name for file in files])).select("*", partition)
    kept = gone.join(with_raw_rows, "__partition", "left_anti")
    # Not a column that is no longer declared: the table refuses it for days, too.
    return kept.select([quote(name) for name in placed.columns if name in rows.columns])
