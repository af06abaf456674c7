"""Makes the challenger champion, on the gate's verdict."""

from updraft.core.job import Arguments, run_job
from updraft.core.reports import GateReport, PromoteReport


def job(arguments: Arguments) -> PromoteReport:
    verdict = GateReport.read_sibling(arguments.report, "gate")
    from updraft.decisions.promotion import promote
    from updraft.training import records

    return promote(records.connect(arguments.use_case), arguments.use_case, verdict)


if __name__ == "__main__":
    run_job(__doc__, job)
