"""Score challenger and champion on one frozen holdout and record the evidence for the gate."""

from updraft.core.arguments import JobArguments
from updraft.core.job import run_job
from updraft.core.reports import EvaluateReport, SearchAndFitReport


def job(arguments: JobArguments) -> EvaluateReport:
    """Make the evidence on the challenger; what the gate has decided on is reported unchanged."""
    from updraft.data.ledger import DeltaLedger
    from updraft.data.session import session
    from updraft.decisions.champions import Champions
    from updraft.decisions.looks import look_at
    from updraft.evaluation.evidence import make_evidence
    from updraft.models.provenance import origin
    from updraft.models.tracking import connect
    from updraft.models.versions import decided_evidence, record_evidence, registered

    use_case = arguments.use_case
    trained = SearchAndFitReport.read_sibling(arguments.report, "search_and_fit")
    client = connect(use_case)
    ledger = DeltaLedger(use_case)
    document = decided_evidence(client, use_case, trained.version, ledger.entries())
    if document is None:
        spark = session(use_case)
        champions = Champions(client, ledger, use_case, origin(arguments.report, use_case))
        entry = champions.current()
        numbers = [trained.version]
        if entry is not None and entry.to_version is not None:
            numbers.append(entry.to_version)
        entries = ledger.entries()
        versions = [registered(client, use_case, number, entries) for number in numbers]
        code = champions.origin.code
        look = look_at(entries, trained.version, trained.holdout_days)
        measured = make_evidence(client, spark, use_case, trained, versions, look, code)
        document = measured.model_dump(mode="json")
        record_evidence(client, use_case, trained.version, trained.run_id, document)
    return EvaluateReport(
        use_case=use_case.name,
        run_id=trained.run_id,
        experiment_id=trained.experiment_id,
        evidence=document,
    )


if __name__ == "__main__":
    run_job(JobArguments, job, __doc__)
