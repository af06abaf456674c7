"""The audit: every bronze row goes either to clean or, with all its reasons, to quarantine."""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from updraft.core.errors import UpdraftError
from updraft.core.schema import EVENT_DATE, EVENT_TIME, REPLACEMENT_CHARACTER, ROW_ID, quote
from updraft.core.use_case import UseCase
from updraft.quality.suites import CheckedExpectation

REASONS = "reasons"
WRONG_PARTITION = "event_time: not in the partition"
FOUND_LENGTH = 200  # Characters of a value in a reason.


@dataclass(frozen=True)
class Audit:
    """Audited rows, cached.

    ``rows`` have row_id, event_time, event_date, the typed columns, ``raw`` (the bronze row,
    unchanged) and ``reasons``, which is empty for clean rows.
    """

    rows: DataFrame

    @property
    def clean(self) -> DataFrame:
        return self.rows.where(F.size(REASONS) == 0).drop(REASONS, "raw")

    @property
    def quarantine(self) -> DataFrame:
        rows = self.rows.where(F.size(REASONS) > 0)
        return rows.select(EVENT_TIME, EVENT_DATE, "raw.*", REASONS)

    def release(self) -> None:
        """Remove the rows from the cache."""
        self.rows.unpersist()

    def counts(self) -> dict[str, int]:
        """The number of rows by reason. A row with several reasons counts for each."""
        reasons = self.rows.select(F.explode(REASONS).alias("reason"))
        without_value = F.regexp_replace("reason", " \\(found .*", "").alias("reason")
        counts = reasons.groupBy(without_value).count().collect()
        return {row["reason"]: row["count"] for row in counts}


def structural_audit(typed: DataFrame, use_case: UseCase) -> Audit:
    """Check what needs no suite.

    These are unreadable lines and values, event times outside their partition, and repeated keys.

    ``typed`` has the declared columns in their types and ``__raw``, the bronze row.
    """
    data = use_case.data
    reasons = [_line_reason(use_case)]
    for name in data.columns:
        reasons += _value_reasons(name, use_case)
    identity = [F.col(quote(name)) for name in data.key]
    if data.event_time:
        # Computed once, because it may parse the text in several ways.
        typed = typed.withColumn("__own", F.expr(data.event_time))
        event_time = F.col("__own")
        reasons.append(_partition_reason(event_time))
        identity = [F.date_format(event_time, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS"), *identity]
    identity_texts = [F.coalesce(part.cast("string"), F.lit("")) for part in identity]
    rows = typed.select(
        F.col("__raw.event_time").alias(EVENT_TIME),
        F.col("__raw.event_date").alias(EVENT_DATE),
        F.concat_ws("|", *identity_texts).alias(ROW_ID),
        *[F.col(quote(name)) for name in data.columns],
        F.col("__raw").dropFields(EVENT_TIME, EVENT_DATE).alias("raw"),
        F.array_compact(F.array(*reasons)).alias(REASONS),
    )
    return Audit(rows.withColumn(REASONS, _with_reasons(_repetition_reason())).cache())


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
    is_readable = F.size(REASONS) == 0
    reasons = [
        F.when(is_readable & F.expr(str(expectation.failing_rows)), F.lit(expectation.reason))
        for expectation in failed
    ]
    return Audit(audit.rows.withColumn(REASONS, _with_reasons(*reasons)).cache())


def check_share(audit: Audit, use_case: UseCase) -> None:
    """Refuse partitions with a larger share of failing rows than ``data.max_quarantine``.

    If files hold rows of any time, rows that belong to no partition do not count against the one
    that keeps them, unless there are no other rows.

    Raises:
        UpdraftError: names each such partition and its share.
    """
    limit = use_case.data.max_quarantine
    rows = audit.rows
    if not use_case.data.dated:
        in_partition = rows.where(~F.exists(REASONS, _is_wrong_partition))
        rows = rows if in_partition.isEmpty() else in_partition
    share = F.avg((F.size(REASONS) > 0).cast("double")).alias("share")
    shares = rows.groupBy(EVENT_DATE).agg(share)
    refused = shares.where(F.col("share") > limit).orderBy(EVENT_DATE).collect()
    if refused:
        partitions = ", ".join(f"{row[EVENT_DATE]} ({row['share']:.0%})" for row in refused)
        counts = sorted(audit.counts().items())
        reasons = ", ".join(f"{reason}: {number}" for reason, number in counts)
        raise UpdraftError(
            f"too many rows fail in {partitions}; "
            f"expected at most {limit:.0%} a partition (data.max_quarantine). "
            f"Nothing was published. Reasons, with rows: {reasons}."
        )


def _line_reason(use_case: UseCase) -> Column:
    line = F.col("__raw.corrupt_record")
    has_wrong_bytes = line.contains(REPLACEMENT_CHARACTER) | ~F.is_valid_utf8(line)
    wrong_encoding = _reason(f"line: {_not_in_encoding(use_case)}", line)
    wrong_fields = _reason(f"line: expected {len(use_case.data.columns)} fields", line)
    return F.when(has_wrong_bytes, wrong_encoding).when(line.isNotNull(), wrong_fields)


def _value_reasons(name: str, use_case: UseCase) -> list[Column]:
    data = use_case.data
    column_type = data.columns[name]
    value = F.col(quote(name))
    text = F.trim(F.col("__raw")[name])
    has_text = text.isNotNull() & ~text.isin(data.null_values)
    is_unreadable = _line_is_readable() & has_text & value.isNull()
    reasons = [F.when(is_unreadable, _reason(f"{name}: not readable as {column_type}", text))]
    if column_type == "string":
        wrong_encoding = _reason(f"{name}: {_not_in_encoding(use_case)}", text)
        reasons.append(F.when(text.contains(REPLACEMENT_CHARACTER), wrong_encoding))
    if column_type == "double":
        # Spark reads text such as NaN and 1e999 as a number, but nothing can be computed with it.
        is_infinite = F.isnan(value) | (F.abs(value) == float("inf"))
        reasons.append(F.when(is_infinite, _reason(f"{name}: not finite", text)))
    return reasons


def _partition_reason(event_time: Column) -> Column:
    """Ingestion has set another event time, a partition's start, where the row's own is outside."""
    is_outside = ~event_time.eqNullSafe(F.col("__raw.event_time"))
    reason = _reason(WRONG_PARTITION, event_time.cast("string"))
    return F.when(_line_is_readable() & is_outside, reason)


def _repetition_reason() -> Column:
    """Among rows with the same key, the first by raw text stays, independent of their order."""
    is_readable = F.size(REASONS) == 0
    order = Window.partitionBy(ROW_ID, is_readable).orderBy("raw")
    is_repeated = is_readable & (F.row_number().over(order) > 1)
    return F.when(is_repeated, _reason("key: repeated", F.col(ROW_ID)))


def _line_is_readable() -> Column:
    return F.col("__raw.corrupt_record").isNull()


def _not_in_encoding(use_case: UseCase) -> str:
    return f"not readable as {use_case.data.encoding}; is data.encoding right?"


def _is_wrong_partition(reason: Column) -> Column:
    return reason.startswith(WRONG_PARTITION)


def _reason(description: str, value: Column) -> Column:
    """A reason with the start of the value that was found."""
    start = F.coalesce(F.substring(value, 1, FOUND_LENGTH), F.lit("nothing"))
    return F.concat(F.lit(f"{description} (found "), start, F.lit(")"))


def _with_reasons(*reasons: Column) -> Column:
    """The array of reasons with those added that are not null."""
    return F.concat(F.col(REASONS), F.array_compact(F.array(*reasons)))
