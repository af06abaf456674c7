"""Which rows of a features table can be used for training and evaluation, and when."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.interval import Interval, Unit, on_days
from updraft.core.kinds import Task
from updraft.core.schema import EVENT_DATE, FEATURES, LABEL
from updraft.core.use_case import UseCase
from updraft.data.session import session
from updraft.data.tables import Table, partitions_of


def labelled_rows(frame: DataFrame, task: Task) -> DataFrame:
    """The rows that have a label; all rows if the task has no target."""
    if not task.traits.has_target:
        return frame
    return frame.where(F.col(LABEL).isNotNull())


@dataclass(frozen=True)
class Maturity:
    """When the labels of a partition are complete: ``delay`` after its end.

    ``delay``: None where labels arrive with their rows. ``unit``: of a partition; the rows of an
    hour belong to the partition of their day, as ``event_date`` has it. Times are those of
    ``event_time``, compared as UTC.
    """

    unit: Unit
    delay: timedelta | None

    @classmethod
    def of(cls, use_case: UseCase) -> "Maturity":
        """``data.target.matures`` of a use case with time."""
        assert use_case.unit is not None, "a snapshot has no time"
        target = use_case.data.target
        return cls(use_case.unit, target.matures if target else None)

    def newest(self, moment: datetime) -> date:
        """The newest partition whose labels are complete at ``moment``: so are all before it."""
        last_ended_before = (moment - (self.delay or timedelta(0))).date()
        if self.unit == "month":
            last_day = last_ended_before.replace(day=1) - timedelta(days=1)
            return last_day.replace(day=1)
        return last_ended_before - timedelta(days=1)

    def newest_before(self, partition: date) -> date:
        """The newest partition whose labels are complete when ``partition`` begins."""
        return self.newest(datetime.combine(partition, time(), UTC))

    def known(self, end: date | None) -> date | None:
        """The newest partition whose labels may be used by a training, None for any.

        ``end``: the last day of what the training may know, included; None for the present moment.
        Where labels arrive with their rows, that day's partition is the newest.
        """
        if self.delay is None:
            return end
        moment = datetime.now(UTC) if end is None else Interval(end, end).end
        return self.newest(moment)

    def first_known(self, partition: date) -> date:
        """The first day at the end of which ``known`` returns this partition or a later one."""
        if self.delay is None:
            return partition
        complete = Interval(partition, partition, self.unit).end + self.delay
        return (complete - timedelta(microseconds=1)).date()

    def __str__(self) -> str:
        """The delay in words: as use_case.yaml has it."""
        hours = (self.delay or timedelta(0)) // timedelta(hours=1)
        number, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
        return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


IMMEDIATE = Maturity("day", None)


def newest_mature(use_case: UseCase, holdout_last: date) -> date:
    """The newest partition of the features table with labelled rows whose labels are complete.

    ``holdout_last``: a partition with labelled rows; an earlier date than it says that its labels
    are still coming in. Spark is asked only if the table has later partitions. Where labels arrive
    with their rows, a later partition counts when it has ended.
    """
    table = Table(use_case, FEATURES)
    maturity = Maturity.of(use_case)
    newest = maturity.newest(datetime.now(UTC))
    later = [day for day in table.partitions() if holdout_last < day <= newest]
    if later:
        frame = table.read(session(use_case), on_days(later))
        labelled = partitions_of(labelled_rows(frame, use_case.task))
        if labelled:
            return labelled[-1]
    return holdout_last if maturity.delay is None else min(holdout_last, newest)


def with_complete_labels(frame: DataFrame, use_case: UseCase) -> DataFrame:
    """The rows, without labels in the partitions whose labels are still coming in.

    Those that are known early are not like the others: who pays in time does so first.
    """
    if not use_case.task.traits.has_target or use_case.unit is None:
        return frame
    newest = Maturity.of(use_case).known(None)
    if newest is None:
        return frame
    return frame.withColumn(LABEL, F.when(F.col(EVENT_DATE) <= F.lit(newest), F.col(LABEL)))


def labelled_share(labelled: int, rows: int) -> str:
    """How many of some ``rows``, at least one, have a label, in words."""
    return f"{labelled:,} of {rows:,} rows ({labelled / rows:.0%}) have a label"
