"""The evidence on a challenger, assembled from what is measured, and the plots that people see."""

import logging
from datetime import UTC, datetime
from typing import NamedTuple

from mlflow.tracking import MlflowClient
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from updraft.core.errors import UpdraftError
from updraft.core.evidence import Evidence, Labels
from updraft.core.interval import Interval
from updraft.core.reports import SearchAndFitReport
from updraft.core.schema import (
    EVENT_DATE,
    FEATURES,
    HOLDOUT,
    HOLDOUT_ROWS,
    LABEL,
    ROW_ID,
    TRAIN_ROWS,
)
from updraft.core.use_case import UseCase
from updraft.data.audited import audit_counts
from updraft.data.labels import labelled_rows, labelled_share, newest_mature
from updraft.data.tables import Table
from updraft.evaluation.baseline import baseline_evidence
from updraft.evaluation.comparison import Comparison, compare
from updraft.evaluation.kinds import kind_of
from updraft.evaluation.slices import by_slice, slices
from updraft.evaluation.statistic import Statistic
from updraft.evaluation.used_rows import UsedRows, log_rows
from updraft.models.tracking import metric_key
from updraft.models.versions import RegisteredVersion

ROLES = ("challenger", "champion")
logger = logging.getLogger(__name__)


class TrainingRows(NamedTuple):
    """The rows that a version was trained on, in the features as they were then.

    ``labelled``: their ids and labels and, for a recommender, users and items. ``rows``: how many
    rows their partitions have, with a label or without.
    """

    labelled: DataFrame
    rows: int


def make_evidence(
    client: MlflowClient,
    spark: SparkSession,
    use_case: UseCase,
    trained: SearchAndFitReport,
    versions: list[RegisteredVersion],
    look: int,
    code: str,
) -> Evidence:
    """The evidence on the first of ``versions``, compared with the second if there is one.

    It also logs with the training's run which rows the holdout has, the metrics and the plots.
    ``look``: see ``Evidence``. ``code``: the commit that makes the evidence.
    """
    task = use_case.task
    features_version = trained.features_version
    is_snapshot = use_case.unit is None
    holdout_days = Interval(trained.holdout_first, trained.holdout_last)
    used_days = Interval(trained.train_first, trained.holdout_last)
    table = Table(use_case, FEATURES).read(spark, version=features_version)
    features = labelled_rows(table, task)
    if is_snapshot:
        is_held_out = HOLDOUT_ROWS
        before = features.where(TRAIN_ROWS)
    else:
        is_held_out = holdout_days.predicate()
        before = features.where(features[EVENT_DATE] < holdout_days.first)
    holdout = features.where(is_held_out).cache()
    trained_on = [training_rows(spark, use_case, version) for version in versions]
    own = trained_on[0]
    labels = Labels(
        holdout_rows=table.where(is_held_out).count(),
        training_rows=own.rows if own else None,
        newest_mature=None if is_snapshot else newest_mature(use_case, holdout_days.last),
    )
    if own is not None:
        check_complete(use_case, holdout, labels, own)
    comparison = compare(use_case, holdout, before, versions, look)
    candidates = [
        comparison.candidate(n, rows.labelled.select(ROW_ID) if rows else None)
        for n, rows in enumerate(trained_on)
    ]
    has_champion = len(versions) > 1
    evidence = Evidence(
        use_case=use_case.name,
        owner=use_case.owner,
        made=datetime.now(UTC).replace(microsecond=0),
        code=code,
        look=look,
        holdout=comparison.holdout_evidence(
            features_version, None if is_snapshot else holdout_days
        ),
        audit=audit_counts(
            use_case, features.where(used_days.predicate()), holdout, features_version
        ),
        challenger=candidates[0],
        champion=candidates[1] if has_champion else None,
        gain=comparison.gain() if has_champion else None,
        slices=comparison.slices() if has_champion else [],
        labels=labels,
        baseline=baseline_evidence(comparison, own.labelled) if own else None,
    )
    used = UsedRows.of(holdout, task, features_version, holdout_days, HOLDOUT)
    log_rows(client, trained.run_id, "holdout", use_case, used, holdout)
    for name, value in evidence.challenger.metrics.items():
        client.log_metric(trained.run_id, f"holdout_{metric_key(name)}", value)
    for name, value in (evidence.baseline.metrics if evidence.baseline else {}).items():
        client.log_metric(trained.run_id, f"baseline_{metric_key(name)}", value)
    _log_plots(client, trained.run_id, comparison, str(used))
    return evidence


def training_rows(
    spark: SparkSession, use_case: UseCase, version: RegisteredVersion
) -> TrainingRows | None:
    """The rows that a version was trained on; None if they can no longer be read."""
    task = use_case.task
    rows = TRAIN_ROWS if use_case.unit is None else version.days.predicate()
    try:
        table = Table(use_case, FEATURES).read(
            spark,
            version=version.tags.features_version,
            table_id=version.tags.features_table,
        )
        partitions = table.where(rows)
        columns = [ROW_ID, LABEL, *task.traits.entities]
        labelled = labelled_rows(partitions, task).select(columns).cache()
        labelled.count()
        return TrainingRows(labelled, partitions.count())
    except (PySparkException, UpdraftError) as error:
        # The gate refuses what the evidence does not show.
        reason = str(error).splitlines()[0]
        logger.info(
            "features v%d: can no longer be read: %s", version.tags.features_version, reason
        )
        return None


def check_complete(
    use_case: UseCase, holdout: DataFrame, labels: Labels, training: TrainingRows
) -> None:
    """Refuse a holdout of which the few labels that have come are all equal.

    No metric can be computed on it, so there is no evidence by which the gate could refuse it.

    Raises:
        UpdraftError: labels are still coming in.
    """
    if not use_case.task.traits.labels_differ:
        return
    labelled = holdout.count()
    training_share = training.labelled.count() / max(training.rows, 1)
    is_complete = labelled >= use_case.gate.min_labelled * training_share * labels.holdout_rows
    if is_complete or holdout.select(LABEL).distinct().limit(2).count() > 1:
        return
    raise UpdraftError(
        "evaluation: labels are still coming in: only "
        f"{labelled_share(labelled, labels.holdout_rows)} in the holdout, of the training rows "
        f"{training_share:.0%}, and they are all equal. Say in data.target.matures how long after "
        "the end of a partition all its labels are known, then train again."
    )


def _log_plots(client: MlflowClient, run_id: str, comparison: Comparison, used: str) -> None:
    """Log plots of all models on the holdout and on slices of it, and the data behind them."""
    from updraft.evaluation.plots.slices import slices_figure

    use_case = comparison.use_case
    judged = comparison.judged
    task = use_case.task
    kind = kind_of(task)
    names = [
        f"{role} v{version.version} ({version.tags.algorithm})"
        for role, version in zip(ROLES, comparison.versions, strict=False)
    ]
    documents = {
        name: kind.holdout_document(answers, judged.columns, task)
        for name, answers in zip(names, judged.answers, strict=True)
    }
    client.log_dict(run_id, documents, "plots/holdout.json")
    plots = kind.holdout_plots(documents, used + kind.plot_note(use_case))

    metric = use_case.gate.metric
    statistics = dict(zip(names, comparison.statistics, strict=True))
    overall = {name: _values(by_metric) for name, by_metric in statistics.items()}
    slice_documents = by_slice(slices(judged.rows, judged.sliced_by), statistics)
    document = {"metric": metric, "overall": overall, "slices": slice_documents}
    client.log_dict(run_id, document, "plots/slices.json")
    # Metrics of rankings are of users, not of rows, so slices do not have them.
    if slice_documents and metric in slice_documents[0]["models"][names[0]]:
        overall_metric = {name: metrics[metric] for name, metrics in overall.items()}
        plots["slices.png"] = slices_figure(slice_documents, metric, overall_metric, used)
    for name, figure in plots.items():
        client.log_figure(run_id, figure, f"plots/{name}")


def _values(statistics: dict[str, Statistic]) -> dict[str, float]:
    return {name: statistic.value for name, statistic in statistics.items()}
