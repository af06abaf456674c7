"""Makes the challenger champion, on the gate's verdict."""

from updraft.core.job import Arguments, run_job
from updraft.core.reports import GateReport, PromoteReport


def job(arguments: Arguments) -> PromoteReport:
    use_case = arguments.use_case
    verdict = GateReport.read_sibling(arguments.report, "gate")
    from updraft.data.ledger import Ledger
    from updraft.decisions.champions import Origin
    from updraft.decisions.promotion import promote
    from updraft.models import records
    from updraft.models.provenance import origin

    client, ledger = records.connect(use_case), Ledger(use_case)
    return promote(client, ledger, use_case, verdict, Origin(*origin(arguments.report)))


if __name__ == "__main__":
    run_job(__doc__, job)
