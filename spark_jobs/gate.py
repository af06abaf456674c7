"""Decides, from the evidence alone, whether the challenger becomes champion."""

from updraft.core.errors import UpdraftError
from updraft.core.job import Arguments, run_job
from updraft.core.reports import EvaluateReport, GateReport, SearchAndFitReport


def job(arguments: Arguments) -> GateReport:
    use_case = arguments.use_case
    trained = SearchAndFitReport.read_sibling(arguments.report, "search_and_fit")
    from updraft.decisions.gate import champion_of, decide
    from updraft.decisions.promotion import note_verdict
    from updraft.training import records

    try:
        evidence = EvaluateReport.read_sibling(arguments.report, "evaluate").evidence
    except (UpdraftError, ValueError) as error:
        print(f"no evidence: {error}")
        evidence = {}
    verdict = decide(evidence, use_case.gate, trained.version, kind=use_case.kind, snapshot=use_case.unit is None)
    report = GateReport(
        use_case=use_case.name,
        promote=verdict.promote,
        challenger=trained.version,
        champion=champion_of(evidence),
        reasons=verdict.reasons,
    )
    note_verdict(records.connect(use_case), use_case, report, evidence)
    return report


if __name__ == "__main__":
    run_job(__doc__, job)
