"""Compare the champion's metric since its holdout with that on the holdout."""

from updraft.core.arguments import MonitoringArguments
from updraft.core.job import run_job
from updraft.core.ledger import holdout_of
from updraft.core.reports import DecayReport

JUDGED_ROWS = 2_000_000  # More are sampled: labels and scores of all are held in memory.


def job(arguments: MonitoringArguments) -> DecayReport:
    """Report whether the champion has become worse, by each day that is looked at."""
    from updraft.core.metrics import metric_of
    from updraft.core.schema import EVENT_DATE, FEATURES
    from updraft.data.labels import Maturity, labelled_rows, with_complete_labels
    from updraft.data.session import session
    from updraft.data.tables import Table
    from updraft.evaluation.by_partition import metric_by_partition
    from updraft.evaluation.champion import current_champion
    from updraft.monitoring.counting import some_rows
    from updraft.monitoring.days import days_to_look_at
    from updraft.monitoring.decay import looks_at

    use_case = arguments.use_case
    current = current_champion(use_case, arguments.report)
    if current is None:
        return DecayReport(use_case=use_case.name, outcome="no champion")
    champion = current.version
    more_is_better = metric_of(use_case.gate.metric).more_is_better
    report = DecayReport(
        use_case=use_case.name,
        outcome="no verdict",
        champion=champion.version,
        metric=use_case.gate.metric,
        more_is_better=more_is_better,
    )
    holdout = holdout_of(current.entries, champion.version, champion.run_id)
    if holdout is None or not use_case.task.traits.has_target:
        return report
    holdout_first, holdout_last = holdout
    spark = session(use_case)
    table = Table(use_case, FEATURES)
    days = days_to_look_at(
        table.partitions(), champion.days.last, use_case.retraining.looks, arguments.replayed
    )
    if not days:
        return report.model_copy(update={"outcome": "no data"})
    features = table.read(spark)
    since = features.where(features[EVENT_DATE].between(holdout_first, days[-1]))
    labelled = labelled_rows(with_complete_labels(since, use_case), use_case.task)
    judged = some_rows(labelled, labelled.count(), JUDGED_ROWS)
    partitions = metric_by_partition(judged, champion, use_case)
    maturity = Maturity.of(use_case)
    looks = looks_at(
        [(day, maturity.known(day) or day) for day in days],
        partitions,
        holdout_last,
        use_case.decay,
        more_is_better=more_is_better,
    )
    values = [
        each.value for each in partitions if each.day <= holdout_last and each.value is not None
    ]
    has_verdict = looks[-1].decayed is not None
    return report.model_copy(
        update={
            "outcome": "done" if has_verdict else "no verdict",
            "holdout": sum(values) / len(values) if values else None,
            "partitions": partitions,
            "looks": looks,
        }
    )


if __name__ == "__main__":
    run_job(MonitoringArguments, job, __doc__)
