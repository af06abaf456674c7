"""The audit: every bronze row goes either to clean or, with all its reasons, to quarantine."""

from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from updraft.core.errors import UpdraftError
from updraft.core.schema import (
    CORRUPT,
    EVENT_DATE,
    EVENT_TIME,
    RAW,
    REASONS,
    ROW_ID,
    SOURCE,
    SOURCE_LINE,
    SOURCE_TIME,
    UNREADABLE,
    quote,
)
from updraft.core.use_case import UseCase
from updraft.quality.suites import CheckedExpectation

FOUND_LENGTH = 200  # Characters of a value in a reason.
WRONG_PARTITION = "event_time: not in the partition"
SUPERSEDED = "key: superseded by a newer row"
REPEATED = "key: repeated"
SEPARATOR = "|"  # Between the parts of a row's id; a backslash is in front of it in a part.
NO_VALUE = "\\N"  # The part of a column without a value; no escaped text is like it.
NUMBER = "__number"  # Of an audited row.
OLDER = "__older"  # Why a row gives way to a newer one of its key.


@dataclass(frozen=True)
class PartitionCounts:
    """The numbers of audited rows of a partition, which together are all its rows.

    Attributes:
        partition: Its start.
        clean: The rows without a reason.
        failed: Those that fail a check.
        superseded: Those that a newer delivery supersedes, which do not fail.
    """

    partition: datetime
    clean: int
    failed: int
    superseded: int

    @property
    def share_failed(self) -> float:
        return self.failed / (self.clean + self.failed + self.superseded)


@dataclass(frozen=True)
class Audit:
    """Audited rows.

    Attributes:
        rows: With row_id, event_time, event_date, the typed columns, ``__raw`` (the bronze
            row, unchanged) and ``reasons``, which is empty for clean rows.
        cached: The frames in the cache that they are computed from.
    """

    rows: DataFrame
    cached: tuple[DataFrame, ...] = ()

    @property
    def clean(self) -> DataFrame:
        return self.rows.where(F.size(REASONS) == 0).drop(REASONS, RAW)

    @property
    def quarantine(self) -> DataFrame:
        return self.rows.where(F.size(REASONS) > 0).select(f"{RAW}.*", REASONS)

    def release(self) -> None:
        """Remove the rows from the cache."""
        for frame in self.cached:
            frame.unpersist()

    def by_partition(self, use_case: UseCase) -> list[PartitionCounts]:
        """The numbers of rows of each partition, in order of time."""
        is_superseded = F.exists(REASONS, _is_superseded)
        counts = self.rows.groupBy(
            F.date_trunc(use_case.unit or "day", EVENT_TIME).alias("partition")
        ).agg(
            F.count_if(F.size(REASONS) == 0).alias("clean"),
            F.count_if((F.size(REASONS) > 0) & ~is_superseded).alias("failed"),
            F.count_if(is_superseded).alias("superseded"),
        )
        return [PartitionCounts(**row.asDict()) for row in counts.orderBy("partition").collect()]

    def by_reason(self) -> dict[str, int]:
        """The number of rows by reason. A row with several reasons counts for each."""
        reasons = self.rows.select(F.explode(REASONS).alias("reason"))
        without_value = F.regexp_replace("reason", " \\(found .*", "").alias("reason")
        counts = reasons.groupBy(without_value).count().collect()
        return {row["reason"]: row["count"] for row in counts}


def structural_audit(typed: DataFrame, use_case: UseCase) -> Audit:
    """Check what needs no suite.

    These are unreadable lines and values, event times outside their partition, and repeated keys.

    ``typed``: bronze rows as ``data.columns.typed`` returns them.
    """
    data = use_case.data
    reasons = F.col(UNREADABLE)
    identity = [F.col(quote(name)) for name in data.key]
    if data.event_time:
        # Computed once, because it may parse the text in several ways.
        typed = typed.withColumn("__own", F.expr(data.event_time))
        event_time = F.col("__own")
        reasons = F.concat(reasons, F.array_compact(F.array(_partition_reason(event_time))))
        identity = [F.date_format(event_time, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS"), *identity]
    # Not a list of all columns: to build it takes seconds if there are thousands.
    rows = typed.select(
        F.col(f"{RAW}.{EVENT_TIME}"),
        F.col(f"{RAW}.{EVENT_DATE}"),
        row_id(identity).alias(ROW_ID),
        "*",
        reasons.alias(REASONS),
        F.monotonically_increasing_id().alias(NUMBER),
    )
    rows = rows.drop(UNREADABLE, "__own").cache()
    older = _older_rows(rows, use_case).cache()
    if older.isEmpty():
        return Audit(rows.drop(NUMBER), (rows, older))
    # Few columns take part in the comparison of rows: sorting complete ones takes longer.
    marked = rows.join(older, NUMBER, "left")
    marked = marked.withColumn(REASONS, _with_reasons(F.col(OLDER))).drop(NUMBER, OLDER).cache()
    return Audit(marked, (marked, older, rows))


def row_id(identity: list[Column]) -> Column:
    """One text for the parts of a key: other parts always give another text."""
    texts = []
    for part in identity:
        text = F.replace(part.cast("string"), F.lit("\\"), F.lit("\\\\"))
        escaped = F.replace(text, F.lit(SEPARATOR), F.lit(f"\\{SEPARATOR}"))
        texts.append(F.coalesce(escaped, F.lit(NO_VALUE)))
    return F.concat_ws(SEPARATOR, *texts)


def apply_suites(audit: Audit, checked: list[CheckedExpectation]) -> Audit:
    """Add the suites' reasons to the rows that fail a critical expectation about single rows.

    Raises:
        UpdraftError: a critical expectation about all rows of the partition fails.
    """
    failed = [
        expectation
        for expectation in checked
        if not expectation.outcome.success and expectation.outcome.severity == "critical"
    ]
    about_partition = [
        expectation.reason for expectation in failed if expectation.failing_rows is None
    ]
    if about_partition:
        raise UpdraftError(
            f"expectations about all rows failed: {'; '.join(about_partition)}. "
            "Nothing was published. Fix the source or the suite, then clear this task."
        )
    if not failed:
        return audit
    rows = audit.rows
    conditions = []
    cached = []
    marks = []
    for number, expectation in enumerate(failed):
        fails = expectation.failing_rows
        if isinstance(fails, DataFrame):
            mark = f"__fails{number}"
            ids = fails.withColumn(mark, F.lit(True)).cache()
            rows = rows.join(ids, ROW_ID, "left")
            fails = F.col(mark).isNotNull()
            cached.append(ids)
            marks.append(mark)
        assert fails is not None
        conditions.append(fails)
    reasons = [
        F.when(fails, F.lit(expectation.reason))
        for fails, expectation in zip(conditions, failed, strict=True)
    ]
    # The reasons of the few rows that fail are made again in each pass: that takes less time than
    # to cache all columns once more. Rows that fail nothing need no array of reasons.
    fails_any = (F.size(REASONS) == 0) & reduce(or_, conditions)
    with_reasons = F.when(fails_any, _with_reasons(*reasons)).otherwise(F.col(REASONS))
    return Audit(rows.withColumn(REASONS, with_reasons).drop(*marks), tuple(cached))


def check_share(audit: Audit, partitions: list[PartitionCounts], use_case: UseCase) -> None:
    """Refuse partitions with a larger share of failing rows than ``data.max_quarantine``.

    Each partition is judged on its own, whatever else the run covers. Rows that a newer delivery
    supersedes do not fail.

    Raises:
        UpdraftError: names each such partition and its share.
    """
    limit = use_case.data.max_quarantine
    refused = [counts for counts in partitions if counts.share_failed > limit]
    if refused:
        shape = "%Y-%m-%dT%H" if use_case.unit == "hour" else "%Y-%m-%d"
        shares = ", ".join(
            f"{counts.partition:{shape}} ({counts.share_failed:.0%})" for counts in refused
        )
        by_reason = sorted(audit.by_reason().items())
        reasons = ", ".join(f"{reason}: {number}" for reason, number in by_reason)
        raise UpdraftError(
            f"too many rows fail in {shares}; "
            f"expected at most {limit:.0%} a partition (data.max_quarantine). "
            f"Nothing was published. Reasons, with rows: {reasons}."
        )


def _partition_reason(event_time: Column) -> Column:
    """Ingestion has set another event time, a partition's start, where the row's own is outside."""
    is_outside = ~event_time.eqNullSafe(F.col(f"{RAW}.{EVENT_TIME}"))
    reason = _reason(WRONG_PARTITION, event_time.cast("string"))
    is_readable_line = F.col(f"{RAW}.{CORRUPT}").isNull()
    return F.when(is_readable_line & is_outside, reason)


def _older_rows(rows: DataFrame, use_case: UseCase) -> DataFrame:
    """The numbers of all rows of a key but the newest, which stays, and a reason for each.

    A row of a later file is newer; in one file, that with the larger value of ``data.order``, then
    the later one. A row is superseded by one of a later file or of a larger value; it is repeated
    where only its place in the file tells it from the newest.
    """
    delivery = F.col("__delivery")
    line = F.col(f"{RAW}.{SOURCE_LINE}").alias("__line")
    readable = rows.where(F.size(REASONS) == 0)
    compared = readable.select(NUMBER, ROW_ID, _delivery(use_case).alias("__delivery"), line)
    newest_first = Window.partitionBy(ROW_ID).orderBy(
        delivery.desc(), F.col("__line").desc_nulls_last()
    )
    placed = compared.withColumns(
        {
            "__place": F.row_number().over(newest_first),
            "__newest": F.first(delivery).over(newest_first),
        }
    )
    superseded = F.when(~delivery.eqNullSafe(F.col("__newest")), _reason(SUPERSEDED, F.col(ROW_ID)))
    reason = F.coalesce(superseded, _reason(REPEATED, F.col(ROW_ID)))
    return placed.where(F.col("__place") > 1).select(NUMBER, reason.alias(OLDER))


def _delivery(use_case: UseCase) -> Column:
    """What tells that a row was meant to replace another: its file, and ``data.order``."""
    order = use_case.data.order
    declared = [F.col(quote(order)).alias("declared")] if order else []
    return F.struct(
        F.col(f"{RAW}.{SOURCE_TIME}").alias("time"),
        F.col(f"{RAW}.{SOURCE}").alias("file"),
        *declared,
    )


def _is_superseded(reason: Column) -> Column:
    return reason.startswith(SUPERSEDED)


def _reason(description: str, value: Column) -> Column:
    """A reason with the start of the value that was found."""
    start = F.coalesce(F.substring(value, 1, FOUND_LENGTH), F.lit("nothing"))
    return F.concat(F.lit(f"{description} (found "), start, F.lit(")"))


def _with_reasons(*reasons: Column) -> Column:
    """The array of reasons with those added that are not null."""
    return F.concat(F.col(REASONS), F.array_compact(F.array(*reasons)))
