"""Try the use case's algorithms, fit the best one and register it as challenger."""

from updraft.core.arguments import TrainingArguments
from updraft.core.job import run_job
from updraft.core.reports import SearchAndFitReport


def job(arguments: TrainingArguments) -> SearchAndFitReport:
    """Train on the newest partitions, or on those until ``arguments.until``."""
    from updraft.core.schema import EVENT_DATE, FEATURES
    from updraft.data.labels import labelled_rows
    from updraft.data.ledger import DeltaLedger
    from updraft.data.session import session
    from updraft.data.tables import Table
    from updraft.decisions.promotion import enter_training
    from updraft.models.provenance import origin
    from updraft.models.tracking import connect
    from updraft.models.versions import manifest
    from updraft.monitoring.drift import DRIFT_REFERENCE, training_reference
    from updraft.training.challenger import make_challenger
    from updraft.training.windows import split_data

    use_case = arguments.use_case
    spark = session(use_case)
    table = Table(use_case, FEATURES)
    features = table.as_input()
    frame = table.read(spark, version=features.version)
    if arguments.until:
        frame = frame.where(frame[EVENT_DATE] <= arguments.until)
    split = split_data(frame, use_case.task, use_case.model, snapshot=use_case.unit is None)
    train = frame.where(split.train_rows)
    prepared = split.prepare(labelled_rows(train, use_case.task))
    fold = split.folds[-1]
    newest_fold = (prepared.where(fold.validation), prepared.where(fold.train))
    artifacts = {DRIFT_REFERENCE: training_reference(train, use_case, newest_fold)}
    report = make_challenger(use_case, frame, features, split, arguments.report, artifacts)
    registered = manifest(connect(use_case), use_case, report.version, artifacts)
    enter_training(DeltaLedger(use_case), report, registered, origin(arguments.report))
    return report


if __name__ == "__main__":
    run_job(TrainingArguments, job, __doc__)
