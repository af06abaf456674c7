"""Decide what follows from monitoring: nothing, an alert or a training. Starts no Spark session."""

from functools import partial
from typing import TYPE_CHECKING

from updraft.core.arguments import DecideArguments
from updraft.core.errors import UpdraftError
from updraft.core.interval import SNAPSHOT, has_value
from updraft.core.job import run_job
from updraft.core.ledger import current_hold, last_change, manifest_of_version
from updraft.core.reports import DecideReport
from updraft.core.schema import FEATURES

if TYPE_CHECKING:
    from updraft.core.manifest import Manifest
    from updraft.data.tables import Table


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
    newest = partitions[-1] if partitions else SNAPSHOT
    undecided = partial(
        DecideReport, use_case=use_case.name, day=newest, action="nothing", decisions=0
    )
    entries = DeltaLedger(use_case).entries()
    champion = last_change(entries)
    if champion is None or champion.to_version is None:
        return undecided(outcome="no champion", reasons=["there is no champion"])
    findings = Findings.read(arguments.report, champion.to_version)
    if replayed is None:
        days = findings.days[-1:] or partitions[-1:]
    else:
        days = [day for day in findings.days if replayed.first <= day <= replayed.last]
    if not days:
        reasons = ["there is no partition to decide on", *findings.unknown]
        return undecided(outcome="no data", reasons=reasons)
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
        decisions = monitored.decide(days, by, findings, [] if replayed else past)
        held.add(decisions, after=before)
    last = decisions[-1]
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
        day=last.day,
        action="nothing" if replayed else last.action,
        reasons=last.reasons,
        cause=last.cause,
        columns=last.columns,
        decisions=len(decisions),
        replayed=replayed is not None,
    )


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
