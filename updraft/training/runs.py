"""The MLflow runs of trainings and their trials: identity, search and clean-up, recording."""

import hashlib
import json
import logging
from collections.abc import Sequence

from mlflow.entities import Metric, Param, Run
from mlflow.tracking import MlflowClient

from updraft.core.ledger import Entry, training_of
from updraft.core.reports import SearchAndFitReport
from updraft.core.use_case import UseCase
from updraft.data.lineage import Input
from updraft.models.tracking import metric_key
from updraft.models.versions import registered
from updraft.training.trials import Trial

logger = logging.getLogger(__name__)
REPORT = "updraft.report"
REPORT_FILE = "report.json"  # Among the artifacts of a training's run.


def identity(use_case: UseCase, report: str, features: Input) -> str:
    """A hash of the DAG run, the rows and the use case: equal for two attempts of one training.

    ``report``: the URI of the training's report, which names the DAG run.
    """
    settings = use_case.model_dump_json(exclude={"folder", "alerts"})
    parts = [report, features.id, features.version, settings, use_case.features_sql]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def finished_training(
    client: MlflowClient, use_case: UseCase, key: str, entries: Sequence[Entry]
) -> SearchAndFitReport | None:
    """The report of the training that the ledger has under ``key``; None if it has none.

    What MLflow says alone is not believed: whoever may edit the experiment can write it.

    Raises:
        UpdraftError: the version or the report has been changed since.
    """
    entry = training_of(entries, key)
    if entry is None:
        return None
    version = registered(client, use_case, entry.version, entries)
    return SearchAndFitReport.model_validate(version.document(REPORT_FILE))


def delete_unfinished(
    client: MlflowClient, use_case: UseCase, report: str, entries: Sequence[Entry]
) -> None:
    """Delete what killed attempts at a training have left: their runs are not in the ledger."""
    finished = {entry.run_id for entry in entries}
    experiment = client.get_experiment_by_name(use_case.name)
    assert experiment is not None, "connecting to MLflow creates the experiment"
    for run in client.search_runs([experiment.experiment_id], f"tags.`{REPORT}` = '{report}'"):
        if run.info.run_id not in finished:
            _delete(client, use_case, run)


def child_runs(client: MlflowClient, experiment_id: str, run_id: str) -> list[Run]:
    """The runs of the trials of a training."""
    return list(client.search_runs([experiment_id], f"tags.mlflow.parentRunId = '{run_id}'"))


def record_trial(client: MlflowClient, parent: Run, metric: str, trial: Trial) -> None:
    """Log a trial as a child run with the trial's own times.

    For a pruned trial, only fold metrics are logged, so that nobody takes them for those of a
    complete one. ``metric``: the one to write to the job's log.
    """
    child = client.create_run(
        parent.info.experiment_id,
        start_time=int(trial.started * 1000),
        run_name=f"{trial.number:02d} {trial.algorithm}",
        tags={"mlflow.parentRunId": parent.info.run_id, "updraft.trial": trial.state},
    )
    run_id = child.info.run_id
    ended = int(trial.ended * 1000)
    parameters = {"algorithm": trial.algorithm, **trial.parameters}
    params = [Param(name, str(value)) for name, value in parameters.items()]
    client.log_batch(run_id, _trial_metrics(trial, ended), params)
    client.set_terminated(run_id, end_time=ended)
    if trial.failure is not None:
        client.set_tag(run_id, "updraft.failure", trial.failure)
        logger.warning("trial %2d  %-20s failed: %s", trial.number, trial.algorithm, trial.failure)
        return
    logger.info(
        "trial %2d  %-20s %s %.4f  %5.1f s  %-8s %s",
        trial.number,
        trial.algorithm,
        metric,
        trial.metrics[metric],
        trial.seconds,
        trial.state,
        trial.parameters,
    )


def _trial_metrics(trial: Trial, timestamp: int) -> list[Metric]:
    means = trial.metrics if trial.is_complete else {}
    metrics = [
        Metric(metric_key(name), value, timestamp, 0)
        for name, value in {"seconds": trial.seconds, **means}.items()
    ]
    for step, fold in enumerate(trial.folds):
        for name, value in fold.items():
            metrics.append(Metric(f"fold_{metric_key(name)}", value, timestamp, step))
    return metrics


def _delete(client: MlflowClient, use_case: UseCase, run: Run) -> None:
    """Delete a run, its children and the versions that it registered."""
    run_id = run.info.run_id
    for version in client.search_model_versions(f"run_id = '{run_id}'"):
        client.delete_model_version(use_case.name, version.version)
    for child in child_runs(client, run.info.experiment_id, run_id):
        client.delete_run(child.info.run_id)
    client.delete_run(run_id)
