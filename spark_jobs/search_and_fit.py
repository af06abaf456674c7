"""Try the use case's algorithms, fit the best one and register it as challenger."""

from updraft.core.arguments import TrainingArguments
from updraft.core.job import run_job
from updraft.core.reports import SearchAndFitReport


def job(arguments: TrainingArguments) -> SearchAndFitReport:
    """Train on the newest partitions, or on those until ``arguments.until``."""
    from updraft.core.schema import EVENT_DATE, FEATURES
    from updraft.data.labels import labelled_rows
    from updraft.data.session import session
    from updraft.data.tables import Table
    from updraft.monitoring.drift import training_reference
    from updraft.training.challenger import make_challenger
    from updraft.training.windows import split_data

    use_case = arguments.use_case
    spark = session(use_case)
    features = Table(use_case, FEATURES)
    version = features.version
    frame = features.read(spark, version=version)
    if arguments.until:
        frame = frame.where(frame[EVENT_DATE] <= arguments.until)
    split = split_data(frame, use_case.task, use_case.model, snapshot=use_case.unit is None)
    train = frame.where(split.train_rows)
    prepared = split.prepare(labelled_rows(train, use_case.task))
    fold = split.folds[-1]
    newest_fold = (prepared.where(fold.validation), prepared.where(fold.train))
    artifacts = {"drift_reference.json": training_reference(train, use_case, newest_fold)}
    return make_challenger(use_case, frame, version, split, arguments.report, artifacts)


if __name__ == "__main__":
    run_job(TrainingArguments, job, __doc__)
