"""Whether rows are what the newest raw rows have become: by the commits of the tables.

The result for some partitions is counted in the tables as they are now.
"""

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from upath import UPath

from updraft.core.errors import UpdraftError
from updraft.core.evidence import Audit
from updraft.core.interval import Interval, Span, on_days
from updraft.core.schema import BRONZE, CLEAN, EVENT_DATE, FEATURES, QUARANTINE, ROW_ID
from updraft.core.use_case import UseCase
from updraft.data.lineage import Commit, Note, is_made_from, last_changes
from updraft.data.sources import dated_files, file_state, file_states, is_dated, raw_files
from updraft.data.tables import Table, partitions_of

LISTED = 5  # Partitions in a message.


def unaudited_partitions(use_case: UseCase, interval: Interval) -> list[Span]:
    """The partitions whose clean rows are not the audit of their present raw rows."""
    bronze = Table(use_case, BRONZE)
    if not bronze.exists:
        return []
    changes = last_changes(bronze.commits(), interval.partitions)
    audits = last_changes(Table(use_case, CLEAN).commits(), interval.partitions)
    present = bronze.as_input()
    return [
        span
        for span in interval.partitions
        if not is_made_from(audits.get(span), changes.get(span), present)
    ]


def outdated_features(use_case: UseCase, interval: Interval, version: int) -> list[Span]:
    """The partitions whose features were not made from their present clean rows.

    ``version``: of the features table. With ``data.history``, features also depend on the days
    before.
    """
    clean = Table(use_case, CLEAN)
    if not clean.exists:
        return []
    history = timedelta(days=use_case.data.history)
    seen = interval.with_history(use_case.data.history).partitions
    starts = [span.start for span in seen]
    changes = last_changes(clean.commits(), seen)
    commits = Table(use_case, FEATURES).commits()
    made = last_changes(
        [commit for commit in commits if commit.version <= version], interval.partitions
    )
    present = clean.as_input()
    outdated = []
    for span in interval.partitions:
        looked_at = bisect_left(starts, span.start - history)
        relevant = [
            changes[own]
            for own in seen[looked_at : bisect_left(starts, span.end)]
            if own in changes
        ]
        newest = max(relevant, key=lambda commit: commit.version, default=None)
        if not is_made_from(made.get(span), newest, present):
            outdated.append(span)
    return outdated


def is_unfinished(use_case: UseCase, interval: Interval) -> bool:
    """Whether clean or features of partitions still have to follow bronze, or clean.

    So it is if ingestion has removed the last raw rows of a partition, and a later stage has not
    run since: without raw rows, nothing else says that there is something to do.
    """
    if unaudited_partitions(use_case, interval):
        return True
    features = Table(use_case, FEATURES)
    if not features.exists or set(interval.days).isdisjoint(features.partitions()):
        return False
    return bool(outdated_features(use_case, interval, features.version))


def outdated_partitions(use_case: UseCase) -> list[date]:
    """The partitions whose raw file has changed since it was ingested, if files say their day.

    By what the ingestion has noted of the file: a copy may keep the time of its original, which can
    lie before the ingestion.
    """
    files = dated_files(use_case) if is_dated(use_case) else {}
    if not files:
        return []
    partitions = Interval(min(files), max(files), use_case.unit or "day").partitions
    ingested: dict[date, Commit] = {}
    for span, commit in last_changes(Table(use_case, BRONZE).commits(), partitions).items():
        day = span.start.date()
        newest = ingested.setdefault(day, commit)
        ingested[day] = max(newest, commit, key=lambda commit: commit.version)
    return [
        day
        for day, file in sorted(files.items())
        if day in ingested and _has_changed(file, ingested[day])
    ]


def _has_changed(file: UPath, ingested: Commit) -> bool:
    """Whether a raw file is another than the one that a commit has ingested."""
    noted = ingested.note.files.get(file.name) if ingested.note else None
    if noted is None:
        return _last_change(file) > ingested.time
    return file_state(file) != noted


def late_partitions(use_case: UseCase) -> list[date]:
    """The days (or months) that have ended, and of which an ingestion has seen other raw rows.

    The newest ingestion that has read their files says so: if the names of files say a day, the
    last one of that day, else the last of all, because each reads all files.
    """
    newest: dict[date | None, Note] = {}
    for commit in sorted(Table(use_case, BRONZE).commits(), key=lambda commit: commit.version):
        if commit.note is None:
            continue
        days = {start.date() for start, _ in commit.note.spans} if is_dated(use_case) else {None}
        newest.update(dict.fromkeys(days, commit.note))
    now = datetime.now(UTC)
    unit = use_case.unit or "day"
    late = {
        day
        for read, note in newest.items()
        for first, last in note.late
        for day in Interval(first, last, unit).days
        if read in (None, day)
    }
    return sorted(day for day in late if Interval(day, day, unit).end <= now)


def changed_files(use_case: UseCase) -> list[str]:
    """The raw files that have changed since the last ingestion, if their names say no day."""
    if is_dated(use_case):
        return []
    commits = Table(use_case, BRONZE).commits()
    last = max((commit.time for commit in commits), default=datetime.min.replace(tzinfo=UTC))
    return [file.name for file in raw_files(use_case) if _last_change(file) > last]


def _last_change(file: UPath) -> datetime:
    return datetime.fromtimestamp(max(time for _, time in file_states(file).values()), UTC)


def check_audited(use_case: UseCase, interval: Interval) -> None:
    """Refuse clean rows that are not the audit of the present raw rows.

    Raises:
        UpdraftError: names the partitions, and says how to audit them.
    """
    stale = unaudited_partitions(use_case, interval)
    if not stale:
        return
    names = ", ".join(_name(span, use_case) for span in stale[:LISTED])
    more = f" and {len(stale) - LISTED} more" if len(stale) > LISTED else ""
    raise UpdraftError(
        f"table {CLEAN}: its rows of {names}{more} are not the audit of the present rows of "
        f"{BRONZE}: that has failed, was left out, or was made before the last ingestion. Expected "
        f"an audit after it. Nothing was written. Run {use_case.name}_data for these partitions, "
        "from the task ingest on."
    )


def audit_counts(
    use_case: UseCase, used: DataFrame, holdout: DataFrame, features_version: int
) -> Audit:
    """Count the raw, clean and quarantined rows of the partitions of ``used``.

    ``unfinished``: the partitions in which some raw row is neither clean nor in quarantine, whose
    clean rows are not the audit of the present raw rows, or whose features are not the result of
    the present clean rows. ``unaudited``: the keys of ``holdout`` that are not among the clean
    rows; 0 with ``data.history``, where features have keys of their own, which clean rows do not
    have.
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
    stale: set[date] = set()
    if days:
        interval = Interval(days[0], days[-1], use_case.unit or "day")
        seen = interval.with_history(use_case.data.history)
        spans = unaudited_partitions(use_case, seen)
        spans += outdated_features(use_case, interval, features_version)
        stale = {span.start.date() for span in spans}
    # With data.history, features are also made of rows of other days.
    looked_at = {*days, *stale} if use_case.data.history else days

    def has_open_rows(day: date) -> bool:
        return day in stale or bronze.get(day, 0) != clean.get(day, 0) + quarantined.get(day, 0)

    unaudited = 0
    if not use_case.data.history:
        clean_rows = Table(use_case, CLEAN).read(spark, on_days(days))
        unaudited = holdout.join(clean_rows, ROW_ID, "left_anti").count()
    return Audit(
        bronze=sum(bronze.values()),
        clean=sum(clean.values()),
        quarantined=sum(quarantined.values()),
        unfinished=sorted(day for day in looked_at if has_open_rows(day)),
        unaudited=unaudited,
    )


def _name(span: Span, use_case: UseCase) -> str:
    return f"{span.start:%Y-%m-%dT%H}" if use_case.unit == "hour" else str(span.start.date())
