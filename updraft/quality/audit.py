"""The audit: every bronze row goes either to clean or, with all its reasons, to quarantine."""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from updraft.core.errors import UpdraftError
from updraft.core.schema import quote
from updraft.core.use_case import UseCase
from updraft.quality.suites import Checked

REASONS = "reasons"
ELSEWHERE = "event_time: not in the partition"
REPLACED = "\ufffd"  # What readers put in place of bytes that are no text.


@dataclass(frozen=True)
class Audit:
    """``rows``: row_id, event_time, event_date, typed columns, ``raw`` (the row as it came), ``reasons`` (none: clean)."""

    rows: DataFrame

    @property
    def clean(self) -> DataFrame:
        return self.rows.where(F.size(REASONS) == 0).drop(REASONS, "raw")

    @property
    def quarantine(self) -> DataFrame:
        rows = self.rows.where(F.size(REASONS) > 0)
        return rows.select("event_time", "event_date", "raw.*", REASONS)

    def release(self) -> None:
        """Let go of the cached rows."""
        self.rows.unpersist()

    def counts(self) -> dict[str, int]:
        """How many rows each reason has. A row with several reasons counts for each."""
        reasons = self.rows.select(F.explode(REASONS).alias("reason"))
        generic = F.regexp_replace("reason", " \\(found .*", "")
        return {row["reason"]: row["count"] for row in reasons.groupBy(generic.alias("reason")).count().collect()}


def structural_audit(typed: DataFrame, use_case: UseCase) -> Audit:
    """What can be said without a suite: unreadable lines and values, event times outside their partition, repeated keys.

    ``typed`` has the declared columns in their types and ``__raw``, the bronze row.
    """
    data = use_case.data
    line = F.col("__raw.corrupt_record")
    corrupt, garbled = line.isNotNull(), f"not readable as {data.encoding}; is data.encoding right?"
    reasons: list[Column] = [
        F.when(line.contains(REPLACED) | ~F.is_valid_utf8(line), _found(f"line: {garbled}", line)).when(
            corrupt, _found(f"line: expected {len(data.columns)} fields", line)
        )
    ]
    for name, kind in data.columns.items():
        raw = F.trim(F.col("__raw")[name])
        unreadable = ~corrupt & raw.isNotNull() & ~raw.isin(data.null_values) & F.col(quote(name)).isNull()
        reasons.append(F.when(unreadable, _found(f"{name}: not readable as {kind}", raw)))
        if kind == "string":
            reasons.append(F.when(raw.contains(REPLACED), _found(f"{name}: {garbled}", raw)))
        if kind == "double":  # Text such as NaN and 1e999 is a number to Spark, but no figure that anything could be done with.
            endless = F.isnan(F.col(quote(name))) | (F.abs(F.col(quote(name))) == float("inf"))
            reasons.append(F.when(endless, _found(f"{name}: not finite", raw)))
    identity = [F.col(quote(name)) for name in data.key]
    if data.event_time:
        typed = typed.withColumn("__own", F.expr(data.event_time))  # Worked out once: it may parse the text in several ways.
        event_time = F.col("__own")
        # Ingestion has given a row that lies nowhere the start of a partition as its event time.
        elsewhere = ~event_time.eqNullSafe(F.col("__raw.event_time"))
        reasons.append(F.when(~corrupt & elsewhere, _found(ELSEWHERE, event_time.cast("string"))))
        identity = [F.date_format(event_time, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS"), *identity]
    rows = typed.select(
        F.col("__raw.event_time").alias("event_time"),
        F.col("__raw.event_date").alias("event_date"),
        F.concat_ws("|", *[F.coalesce(part.cast("string"), F.lit("")) for part in identity]).alias("row_id"),
        *[F.col(quote(name)) for name in data.columns],
        F.col("__raw").dropFields("event_time", "event_date").alias("raw"),
        F.array_compact(F.array(*reasons)).alias(REASONS),
    )
    # Of rows with one key the first in the order of their raw text stays, whatever order they were read in.
    order = Window.partitionBy("row_id", F.size(REASONS) == 0).orderBy("raw")
    repeated = (F.size(REASONS) == 0) & (F.row_number().over(order) > 1)
    repeat = F.when(repeated, _found("key: repeated", F.col("row_id")))
    return Audit(rows.withColumn(REASONS, _add(REASONS, repeat)).cache())


def apply_suites(audit: Audit, checked: list[Checked]) -> Audit:
    """Add the suites' reasons: the rows that break a critical expectation about single rows.

    Raises:
        UpdraftError: a critical expectation about the whole partition does not hold.
    """
    failed = [one for one in checked if not one.outcome.success and one.outcome.severity == "critical"]
    if whole := [one.reason for one in failed if one.failing_rows is None]:
        raise UpdraftError(
            f"the partition as a whole fails {len(whole)} expectation(s): {'; '.join(whole)}. "
            "Nothing was published. Mend the source or the suite, then clear this task."
        )
    rows = audit.rows
    structurally_sound = F.size(REASONS) == 0
    found = [F.when(structurally_sound & F.expr(str(one.failing_rows)), F.lit(one.reason)) for one in failed]
    return Audit(rows.withColumn(REASONS, _add(REASONS, *found)).cache()) if found else audit


def check_share(audit: Audit, use_case: UseCase) -> None:
    """Refuse partitions of which a larger share than ``data.max_quarantine`` would go to quarantine.

    Where files hold rows of any time, those that belong to no partition do not count against the one that keeps them, unless
    there are no others.

    Raises:
        UpdraftError: names each partition and its share.
    """
    limit, rows = use_case.data.max_quarantine, audit.rows
    if not use_case.data.dated:
        placed = rows.where(~F.exists(REASONS, lambda reason: reason.startswith(ELSEWHERE)))
        rows = rows if placed.isEmpty() else placed
    share = F.avg((F.size(REASONS) > 0).cast("double")).alias("share")
    days = rows.groupBy("event_date").agg(share).where(F.col("share") > limit).orderBy("event_date").collect()
    if days:
        listed = ", ".join(f"{row['event_date']} ({row['share']:.0%})" for row in days)
        reasons = ", ".join(f"{reason}: {rows}" for reason, rows in sorted(audit.counts().items()))
        raise UpdraftError(
            f"too many rows fail in {listed}; expected at most {limit:.0%} a partition (data.max_quarantine). "
            f"Nothing was published. Reasons, with rows: {reasons}."
        )


def _found(what: str, value: Column) -> Column:
    return F.concat(F.lit(f"{what} (found "), F.coalesce(F.substring(value, 1, 200), F.lit("nothing")), F.lit(")"))


def _add(array: str, *more: Column) -> Column:
    return F.concat(F.col(array), F.array_compact(F.array(*more)))
