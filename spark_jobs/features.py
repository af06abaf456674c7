"""Build features from clean rows by the use case's features.sql, together with the label."""

from updraft.core.arguments import PartitionArguments
from updraft.core.job import run_job
from updraft.core.reports import FeaturesReport


def job(arguments: PartitionArguments) -> FeaturesReport:
    """Replace the features of the interval's partitions."""
    from updraft.data.features import build_features
    from updraft.data.session import session

    use_case = arguments.use_case
    return build_features(session(use_case), use_case, arguments.interval)


if __name__ == "__main__":
    run_job(PartitionArguments, job, __doc__)
