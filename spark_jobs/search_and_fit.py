"""Tries the use case's algorithms, fits the best one and registers it as challenger."""

from updraft.core.job import Arguments, run_job
from updraft.core.reports import SearchAndFitReport


def job(arguments: Arguments) -> SearchAndFitReport:
    use_case = arguments.use_case
    from updraft.core.schema import EVENT_DATE, ITEM, LABEL, USER, feature_names
    from updraft.data import tables
    from updraft.data.session import session
    from updraft.monitoring.drift import reference, unseen
    from updraft.training.challenger import make_challenger
    from updraft.training.windows import cut, usable

    spark = session(use_case)
    version = tables.version(use_case.name, "features")
    frame = tables.read(spark, use_case.name, "features", version=version)
    if arguments.until:
        frame = frame.where(frame[EVENT_DATE] <= arguments.until)
    windows = cut(frame, use_case.task, use_case.model, snapshot=use_case.unit is None)
    train = frame.where(windows.train_rows)
    if use_case.kind == "recommendation":
        rows = windows.prepare(usable(train, use_case.task))
        newest = windows.blocks[-1]
        drift_reference = reference(train, [LABEL]) | unseen(rows.where(newest.judged), rows.where(newest.learns), [USER, ITEM])
    else:
        drift_reference = reference(train, feature_names(frame.columns))
    artifacts = {"drift_reference.json": drift_reference}
    return make_challenger(use_case, frame, version, windows, arguments.report, artifacts)


if __name__ == "__main__":
    run_job(__doc__, job)
