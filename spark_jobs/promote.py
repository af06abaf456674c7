"""Make the challenger champion, if the gate has approved it."""

from updraft.core.arguments import JobArguments
from updraft.core.job import run_job
from updraft.core.reports import GateReport, PromoteReport


def job(arguments: JobArguments) -> PromoteReport:
    """Carry out the verdict of the gate of the same DAG run. Idempotent."""
    from updraft.data.ledger import DeltaLedger
    from updraft.decisions.champions import Champions
    from updraft.decisions.promotion import promote
    from updraft.models.provenance import origin
    from updraft.models.tracking import connect

    use_case = arguments.use_case
    verdict = GateReport.read_sibling(arguments.report, "gate")
    client = connect(use_case)
    champions = Champions(
        client, DeltaLedger(use_case), use_case, origin(arguments.report, use_case)
    )
    return promote(champions, verdict)


if __name__ == "__main__":
    run_job(JobArguments, job, __doc__)
