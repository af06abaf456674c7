"""Try the use case's algorithms, fit the best one and register it as challenger."""

from datetime import date

from updraft.core.arguments import TrainingArguments
from updraft.core.job import run_job
from updraft.core.reports import SearchAndFitReport


def job(arguments: TrainingArguments) -> SearchAndFitReport:
    """Train on the newest partitions, or on those that were known at the end of ``until``.

    A training that has finished is not repeated, and its report is returned.
    """
    from updraft.core.schema import FEATURES
    from updraft.data.ledger import DeltaLedger
    from updraft.data.session import session
    from updraft.data.tables import Table
    from updraft.decisions.promotion import enter_training
    from updraft.models.provenance import origin
    from updraft.models.tracking import connect
    from updraft.monitoring.drift import DRIFT_REFERENCE, training_reference
    from updraft.training.challenger import make_challenger
    from updraft.training.runs import delete_unfinished, finished_training, identity
    from updraft.training.windows import split_data

    use_case = arguments.use_case
    spark = session(use_case)
    table = Table(use_case, FEATURES)
    features = table.as_input()
    key = identity(use_case, arguments.report, features)
    ledger = DeltaLedger(use_case)
    entries = ledger.entries()
    client = connect(use_case)
    delete_unfinished(client, use_case, arguments.report, entries)
    finished = finished_training(client, use_case, key, entries)
    if finished:
        return finished
    frame = table.read(spark, version=features.version)
    end = date.fromisoformat(arguments.until) if arguments.until else None
    split = split_data(frame, use_case, end)
    train = frame.where(split.train_rows)
    artifacts = {DRIFT_REFERENCE: dict(training_reference(train, use_case))}
    challenger = make_challenger(use_case, frame, features, split, arguments.report, artifacts)
    source = origin(arguments.report, use_case)
    enter_training(ledger, key, challenger.report, challenger.manifest, source)
    return challenger.report


if __name__ == "__main__":
    run_job(TrainingArguments, job, __doc__)
