"""Build features from clean rows by the use case's features.sql, together with the label."""

from updraft.core.arguments import PartitionArguments
from updraft.core.job import run_job
from updraft.core.report_files import is_of_dag_run
from updraft.core.reports import FeaturesReport, ValidateReport


def job(arguments: PartitionArguments) -> FeaturesReport:
    """Replace the features of the interval's partitions."""
    from updraft.data.features import build_features
    from updraft.data.session import session

    use_case = arguments.use_case
    if is_of_dag_run(arguments.report):
        # The clean rows have to be those of this run: a task can be marked as success by hand.
        ValidateReport.read_sibling(arguments.report, "validate")
    return build_features(session(use_case), use_case, arguments.interval, arguments.report)


if __name__ == "__main__":
    run_job(PartitionArguments, job, __doc__)
