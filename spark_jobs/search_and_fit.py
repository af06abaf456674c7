"""Tries the use case's algorithms, fits the best one and registers it as challenger."""

from updraft.core.interval import on_days
from updraft.core.job import Arguments, run_job
from updraft.core.reports import SearchAndFitReport


def job(arguments: Arguments) -> SearchAndFitReport:
    use_case = arguments.use_case
    from updraft.core.schema import EVENT_DATE, LABEL, feature_names
    from updraft.data import tables
    from updraft.data.session import session
    from updraft.monitoring.drift import reference
    from updraft.training.challenger import make_challenger
    from updraft.training.windows import windows

    spark = session(use_case)
    version = tables.version(use_case.name, "features")
    frame = tables.read(spark, use_case.name, "features", version=version)
    if arguments.until:
        frame = frame.where(frame[EVENT_DATE] <= arguments.until)
    cut = windows(tables.partitions(frame.where(frame[LABEL].isNotNull())), use_case.model)
    drift_reference = reference(frame.where(on_days(cut.train)), feature_names(frame.columns))
    artifacts = {"drift_reference.json": drift_reference}
    return make_challenger(use_case, frame, version, cut, arguments.report, artifacts)


if __name__ == "__main__":
    run_job(__doc__, job)
