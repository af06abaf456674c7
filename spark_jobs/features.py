"""Clean rows into features, by the use case's features.sql, with the label beside them."""

from updraft.core.job import Arguments, run_job
from updraft.core.reports import FeaturesReport


def job(arguments: Arguments) -> FeaturesReport:
    interval = arguments.interval
    from updraft.data.features import build_features
    from updraft.data.session import session

    return build_features(session(arguments.use_case), arguments.use_case, interval)


if __name__ == "__main__":
    run_job(__doc__, job)
