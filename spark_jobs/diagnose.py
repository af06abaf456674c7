"""Say why the rows have drifted, or the champion has become worse."""

from typing import TYPE_CHECKING

from updraft.core.arguments import MonitoringArguments
from updraft.core.job import run_job
from updraft.core.reports import DecayReport, DiagnoseReport, DriftReport

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import DataFrame

    from updraft.core.use_case import UseCase
    from updraft.models.versions import RegisteredVersion
    from updraft.monitoring.broken import Volume

GROUPS = 20  # Of the rows of a snapshot, which has no partitions whose spread could be seen.
APART = 100  # Days between the groups of training rows, holdout and newest rows.


def job(arguments: MonitoringArguments) -> DiagnoseReport:
    """Report the cause for each day with drift or decay. Without such a day, Spark is not used."""
    drift = DriftReport.read_sibling(arguments.report, "drift")
    decay = DecayReport.read_sibling(arguments.report, "decay")
    use_case = arguments.use_case
    if drift.champion is None:
        return DiagnoseReport(use_case=use_case.name, outcome=drift.outcome)
    drifted = {window.day: window.columns for window in drift.windows}
    days = {window.day for window in drift.windows if window.detected}
    days |= {look.day for look in decay.looks if look.decayed}
    if not days:
        return DiagnoseReport(use_case=use_case.name)

    from updraft.core.schema import LABEL
    from updraft.data.labels import Maturity
    from updraft.data.ledger import DeltaLedger
    from updraft.models.scoring import answers
    from updraft.models.tracking import connect
    from updraft.models.versions import registered
    from updraft.monitoring.by_label import count_by_label, label_bins
    from updraft.monitoring.counting import make_bins
    from updraft.monitoring.diagnosis import History, diagnose
    from updraft.monitoring.drift import (
        DRIFT_REFERENCE,
        output_columns,
        with_outputs,
        with_window,
    )

    task = use_case.task
    entries = DeltaLedger(use_case).entries()
    champion = registered(connect(use_case), use_case, drift.champion, entries)
    train, later = _rows(use_case, champion, max(days))
    is_snapshot = use_case.unit is None
    policy = use_case.drift
    if is_snapshot:
        policy = policy.model_copy(update={"window": GROUPS})
    stored = with_window(
        champion.document(DRIFT_REFERENCE), train, None if is_snapshot else policy.window
    )
    reference = {name: column for name, column in stored.items() if not column.get("entities")}
    of_label = label_bins(task, reference.get(LABEL))
    scored = with_outputs(later, answers(later, champion.folder, task), task).cache()
    bins = {**reference, **make_bins(scored, output_columns(task))}
    history = History(
        task=task,
        policy=policy,
        reference=reference,
        train=count_by_label(train, reference, of_label),
        later=count_by_label(scored, bins, of_label),
        volumes={} if is_snapshot else _volumes(use_case, champion, max(days)),
    )
    diagnoses = []
    for day in sorted(days):
        columns = drifted.get(day, [])
        if is_snapshot:
            newest = history.later.days[-1]
            found = diagnose(history, newest, None, columns)
            diagnoses.append(found.model_copy(update={"day": day}))
        else:
            mature = Maturity.of(use_case).known(day)
            diagnoses.append(diagnose(history, day, mature, columns))
    return DiagnoseReport(use_case=use_case.name, diagnoses=diagnoses)


def _rows(
    use_case: "UseCase", champion: "RegisteredVersion", last: "date"
) -> tuple["DataFrame", "DataFrame"]:
    """The champion's training rows, and those after them until ``last``.

    Those of a snapshot are its holdout and that of the newest snapshot: to rows that the champion
    has learnt, its answers are too good. Hashes of their ids are the partitions.
    """
    from datetime import timedelta

    from pyspark.sql import functions as F

    from updraft.core.interval import SNAPSHOT
    from updraft.core.schema import EVENT_DATE, FEATURES, HOLDOUT_ROWS, ROW_ID
    from updraft.data.session import session
    from updraft.data.tables import Table
    from updraft.evaluation.champion import learnt_rows

    spark = session(use_case)
    table = Table(use_case, FEATURES)
    train = learnt_rows(spark, use_case, champion)
    if use_case.unit:
        day = F.col(EVENT_DATE)
        is_later = (day > F.lit(champion.days.last)) & (day <= F.lit(last))
        return train, table.read(spark).where(is_later)

    def grouped(rows: "DataFrame", number: int) -> "DataFrame":
        first = F.lit(SNAPSHOT + timedelta(days=number * APART))
        group = F.pmod(F.xxhash64(ROW_ID), F.lit(GROUPS)).cast("int")
        return rows.withColumn(EVENT_DATE, F.date_add(first, group))

    tags = champion.tags
    holdout = table.read(
        spark, HOLDOUT_ROWS, version=tags.features_version, table_id=tags.features_table
    )
    newest = table.read(spark, HOLDOUT_ROWS).select(*holdout.columns)
    return grouped(train, 0), grouped(holdout, 1).unionByName(grouped(newest, 2))


def _volumes(
    use_case: "UseCase", champion: "RegisteredVersion", last: "date"
) -> "dict[date, Volume]":
    """The rows of each partition since the training began.

    The newest day of hourly partitions is left out: it has not ended.
    """
    from pyspark.sql import functions as F

    from updraft.core.schema import CLEAN, EVENT_DATE, QUARANTINE
    from updraft.data.session import session
    from updraft.data.tables import Table
    from updraft.monitoring.volumes import volumes

    spark = session(use_case)
    day = F.col(EVENT_DATE)
    is_used = (day >= F.lit(champion.days.first)) & (day <= F.lit(last))
    clean, quarantine = (
        Table(use_case, name).read(spark).where(is_used) for name in (CLEAN, QUARANTINE)
    )
    found = volumes(clean, quarantine)
    if use_case.unit == "hour":
        found.pop(Table(use_case, CLEAN).partitions()[-1], None)
    return found


if __name__ == "__main__":
    run_job(MonitoringArguments, job, __doc__)
