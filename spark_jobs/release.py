"""Release the promotions that a rollback holds, or readmit one barred model file."""

from updraft.core.arguments import ReleaseArguments
from updraft.core.job import run_job
from updraft.core.reports import ReleaseReport


def job(arguments: ReleaseArguments) -> ReleaseReport:
    """Enter it in the ledger, and on the registered model's page. Idempotent."""
    from updraft.data.ledger import DeltaLedger
    from updraft.decisions.champions import Champions
    from updraft.decisions.rollback import readmit, release
    from updraft.models.provenance import origin
    from updraft.models.tracking import connect

    use_case = arguments.use_case
    source = origin(arguments.report, use_case)
    if arguments.by:
        source = source._replace(by=f"{arguments.by}, {source.by}")
    champions = Champions(connect(use_case), DeltaLedger(use_case), use_case, source)
    if arguments.version is not None:
        return readmit(champions, arguments.version, arguments.reason)
    return release(champions, arguments.reason)


if __name__ == "__main__":
    run_job(ReleaseArguments, job, __doc__)
