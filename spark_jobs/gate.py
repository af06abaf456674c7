"""Decide from the evidence whether the challenger becomes champion; record it in the ledger."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from updraft.core.arguments import JobArguments
from updraft.core.errors import UpdraftError
from updraft.core.evidence import sha256
from updraft.core.job import run_job
from updraft.core.ledger import Entry, Origin, barred_files, current_hold, key_of
from updraft.core.reports import EvaluateReport, GateReport, SearchAndFitReport

if TYPE_CHECKING:
    from updraft.decisions.gate import Case, Verdict


def job(arguments: JobArguments) -> GateReport:
    """Decide once: a challenger that this gate has ever made champion keeps its approval."""
    from updraft.data.labels import Maturity, newest_mature
    from updraft.data.ledger import DeltaLedger
    from updraft.decisions.champions import Champions
    from updraft.decisions.gate import Case, decide
    from updraft.decisions.looks import look_at
    from updraft.decisions.promotion import enter_decision, note_verdict, promotion_of
    from updraft.models.provenance import origin
    from updraft.models.tracking import connect

    use_case = arguments.use_case
    trained = SearchAndFitReport.read_sibling(arguments.report, "search_and_fit")
    client = connect(use_case)
    champions = Champions(
        client, DeltaLedger(use_case), use_case, origin(arguments.report, use_case)
    )
    current = champions.current()
    entries = champions.ledger.entries()
    carried_out = promotion_of(entries, trained.version, trained.run_id)
    if carried_out is not None:
        return report_of(carried_out, use_case.name)
    document = evidence_beside(arguments.report)
    sha = sha256(document) if document else None
    first, last = trained.holdout_first, trained.holdout_last
    has_time = use_case.unit is not None
    case = Case(
        use_case=use_case.name,
        kind=use_case.kind,
        challenger=trained.version,
        champion=current.to_version if current is not None else None,
        unit=use_case.unit_of_gain,
        look=look_at(entries, trained.version, trained.holdout_days),
        evidence=sha,
        features_version=trained.features_version,
        days=trained.holdout_days,
        now=datetime.now(UTC),
        trainable_until=Maturity.of(use_case).newest_before(first) if has_time else None,
        newest_mature=newest_mature(use_case, last) if has_time else None,
        hold=current_hold(entries),
        barred=barred_files(entries),
    )
    verdict = decide(document, use_case.gate, case)
    decision = entry_of(verdict, case, trained, sha, champions.origin)
    report = report_of(enter_decision(champions.ledger, decision), use_case.name)
    note_verdict(champions, report, document)
    return report


def evidence_beside(report: str) -> dict[str, Any]:
    """The evidence in the report of the task before; empty if there is none.

    It is taken from there, where only jobs write, and not from MLflow, where others may.
    """
    try:
        return EvaluateReport.read_sibling(report, "evaluate").evidence
    except UpdraftError:
        return {}


def entry_of(
    verdict: "Verdict",
    case: "Case",
    trained: SearchAndFitReport,
    evidence: str | None,
    origin: Origin,
) -> Entry:
    """The decision as an entry of the ledger; ``evidence`` is the hash of its document."""
    return Entry(
        number=0,  # The ledger assigns it.
        key=key_of(
            verdict.promote, case.challenger, case.evidence, case.champion, *verdict.reasons
        ),
        time=case.now,
        event="approved" if verdict.promote else "refused",
        version=case.challenger,
        from_version=case.champion,
        to_version=case.champion,
        reasons=verdict.reasons,
        evidence=evidence,
        run_id=trained.run_id,
        features_version=case.features_version,
        holdout_first=case.days[0] if case.days else None,
        holdout_last=case.days[1] if case.days else None,
        **origin._asdict(),
    )


def report_of(decision: Entry, use_case_name: str) -> GateReport:
    """Report a decision as the ledger has it."""
    return GateReport(
        use_case=use_case_name,
        promote=decision.event == "approved",
        challenger=decision.version,
        champion=decision.from_version,
        reasons=decision.reasons,
        evidence=decision.evidence,
    )


if __name__ == "__main__":
    run_job(JobArguments, job, __doc__)
