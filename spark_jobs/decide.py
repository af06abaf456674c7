"""Decide what follows from monitoring: nothing, an alert or a training. Starts no Spark session."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from updraft.core.arguments import DecideArguments
from updraft.core.errors import UpdraftError
from updraft.core.interval import SNAPSHOT, has_value
from updraft.core.job import run_job
from updraft.core.ledger import current_hold, last_change, manifest_of_version
from updraft.core.reports import DecideReport
from updraft.core.schema import FEATURES
from updraft.core.triggers import Trigger

if TYPE_CHECKING:
    from updraft.core.manifest import Manifest
    from updraft.data.tables import Table
    from updraft.monitoring.situations import Findings, Monitored


def job(arguments: DecideArguments) -> DecideReport:
    """Decide the newest day, or each day of a history in order, and enter that in ``triggers``.

    A page shows what was found and decided, day by day.

    The table is held from reading the earlier decisions to writing the new ones. What this run
    itself has decided before, if it is repeated, does not count as earlier. A history knows its own
    decisions alone, and supposes that nothing was queued, running or held.
    """
    from updraft.core.report_files import page_path
    from updraft.data.ledger import DeltaLedger
    from updraft.data.tables import Table
    from updraft.data.triggers import Triggers
    from updraft.models.provenance import origin
    from updraft.monitoring.history import write_history
    from updraft.monitoring.situations import Findings, Monitored

    use_case = arguments.use_case
    replayed = arguments.replayed
    table = Table(use_case, FEATURES)
    partitions = table.partitions() if table.exists else []
    entries = DeltaLedger(use_case).entries()
    champion = last_change(entries)
    if champion is None or champion.to_version is None:
        return DecideReport(
            use_case=use_case.name,
            outcome="no champion",
            day=partitions[-1] if partitions else SNAPSHOT,
            action="nothing",
            reasons=["there is no champion"],
            decisions=0,
        )
    findings = Findings.read(arguments.report, champion.to_version)
    if replayed is None:
        days = findings.days[-1:] or partitions[-1:]
    else:
        days = [day for day in findings.days if replayed.first <= day <= replayed.last]
    if not days:
        return DecideReport(
            use_case=use_case.name,
            outcome="no data",
            day=partitions[-1] if partitions else SNAPSHOT,
            action="nothing",
            reasons=["there is no partition to decide on", *findings.unknown],
            decisions=0,
        )
    monitored = Monitored(
        use_case=use_case,
        entries=entries,
        champion=champion,
        partitions=partitions,
        trainings=0 if replayed else number_of_trainings(arguments.trainings),
        held=replayed is None and current_hold(entries) is not None,
        replayed=replayed is not None,
        is_new_snapshot=None
        if use_case.unit
        else is_new(table, manifest_of_version(entries, champion.to_version)),
    )
    by = origin(arguments.report, use_case).by
    with Triggers(use_case).hold() as held:
        before = held.all()
        past = [trigger for trigger in before if not trigger.replayed and trigger.by != by]
        decisions = decide_days(days, by, monitored, findings, [] if replayed else past)
        held.add(decisions, after=before)
    newest = decisions[-1]
    earlier = [each for each in past if each.run_id == champion.run_id]
    write_history(
        findings.drift_report,
        findings.decay_report,
        decisions if replayed else [*earlier, *decisions],
        use_case.decay,
        page_path(arguments.report),
    )
    return DecideReport(
        use_case=use_case.name,
        day=newest.day,
        action="nothing" if replayed else newest.action,
        reasons=newest.reasons,
        cause=newest.cause,
        columns=newest.columns,
        decisions=len(decisions),
        replayed=replayed is not None,
    )


def decide_days(
    days: Sequence[date],
    by: str,
    monitored: "Monitored",
    findings: "Findings",
    past: Sequence[Trigger],
) -> list[Trigger]:
    """Decide days in order, each with the decisions on the days before it."""
    from updraft.decisions.retraining import decide

    champion = monitored.champion
    assert champion.to_version is not None
    now = datetime.now(UTC)
    decisions: list[Trigger] = []
    for day in days:
        situation = monitored.situation(day, now, findings, [*past, *decisions])
        decision = decide(monitored.use_case.retraining, situation)
        look = findings.look(day)
        trigger = Trigger(
            key="",  # The table sets it.
            time=now,
            day=day,
            by=by,
            champion=champion.to_version,
            run_id=champion.run_id,
            drifted=look.drifted,
            decayed=look.decayed,
            cause=situation.cause,
            columns=list(situation.columns),
            action=decision.action,
            reasons=decision.reasons,
            replayed=monitored.replayed,
        )
        decisions.append(trigger)
    return decisions


def is_new(table: "Table", trained: "Manifest | None") -> bool | None:
    """Whether the features table is not as it was for a training; None if that is not known.

    ``trained``: what the ledger says of the version that the training has registered.
    """
    from updraft.models.versions import FEATURES_TABLE, FEATURES_VERSION

    if trained is None or not table.exists:
        return None
    facts = trained.facts
    return (facts[FEATURES_TABLE], facts[FEATURES_VERSION]) != (table.id, str(table.version))


def number_of_trainings(text: str | None) -> int | None:
    """How many trainings are queued or running; None if the DAG does not say it.

    Raises:
        UpdraftError: It is not a number.
    """
    if text is None or not has_value(text):
        return None
    if not text.isdecimal():
        raise UpdraftError(
            f"trainings: found {text!r}, expected how many are queued or running, such as 0"
        )
    return int(text)


if __name__ == "__main__":
    run_job(DecideArguments, job, __doc__)
