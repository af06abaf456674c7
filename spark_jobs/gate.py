"""Decides, from the evidence alone, whether the challenger becomes champion, and enters the decision in the ledger."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from updraft.core.job import Arguments, run_job
from updraft.core.reports import GateReport, SearchAndFitReport

if TYPE_CHECKING:
    from updraft.core.ledger import Entry
    from updraft.decisions.gate import Case


def job(arguments: Arguments) -> GateReport:
    use_case = arguments.use_case
    trained = SearchAndFitReport.read_sibling(arguments.report, "search_and_fit")
    from updraft.core.evidence import sha256
    from updraft.core.ledger import Entry, key_of
    from updraft.data.ledger import Ledger
    from updraft.decisions.champions import Origin, settle
    from updraft.decisions.gate import decide
    from updraft.decisions.promotion import enter_decision, last_decision, note_verdict
    from updraft.models import records
    from updraft.models.provenance import origin

    client, ledger, by = records.connect(use_case), Ledger(use_case), Origin(*origin(arguments.report))
    evidence = records.evidence(client, use_case, trained.version) or {}
    now = settle(client, ledger, use_case, by)
    carried_out = now is not None and (now.event, now.version) == ("promoted", trained.version)
    if carried_out and (approval := last_decision(ledger.entries(), trained.version)):
        return _report(arguments, approval)  # It is champion by this decision: there is nothing to be decided again.
    champion, time = now.to_version if now else None, datetime.now(UTC)
    digest = records.evidence_digest(client, use_case, trained.version)
    verdict = decide(evidence, use_case.gate, _case(arguments, trained, champion, digest, time))
    entry = enter_decision(
        ledger,
        Entry(
            number=0,  # The ledger gives it.
            key=key_of(verdict.promote, trained.version, digest, champion, *verdict.reasons),
            time=time,
            event="approved" if verdict.promote else "refused",
            version=trained.version,
            from_version=champion,
            to_version=champion,
            by=by.by,
            reasons=verdict.reasons,
            evidence=sha256(evidence) if evidence else None,
            run_id=trained.run_id,
            features_version=trained.features_version,
            code=by.code,
        ),
    )
    report = _report(arguments, entry)
    note_verdict(client, use_case, report, evidence)
    return report


def _case(arguments: Arguments, trained: SearchAndFitReport, champion: int | None, digest: str | None, now: datetime) -> "Case":
    from updraft.decisions.gate import Case

    use_case = arguments.use_case
    return Case(
        use_case=use_case.name,
        kind=use_case.kind,
        challenger=trained.version,
        champion=champion,
        evidence=digest,
        features_version=trained.features_version,
        days=(trained.holdout_first, trained.holdout_last) if use_case.unit else None,
        now=now,
    )


def _report(arguments: Arguments, decision: "Entry") -> GateReport:
    return GateReport(
        use_case=arguments.use_case.name,
        promote=decision.event == "approved",
        challenger=decision.version,
        champion=decision.from_version,
        reasons=decision.reasons,
        evidence=decision.evidence,
    )


if __name__ == "__main__":
    run_job(__doc__, job)
