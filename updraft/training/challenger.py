"""A challenger from search to registration, recorded in MLflow."""

from functools import partial
from typing import Any, NamedTuple

import mlflow
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE
from pyspark.sql import DataFrame

from updraft.core.evidence import sha256
from updraft.core.manifest import Manifest
from updraft.core.reports import SearchAndFitReport
from updraft.core.schema import TRAIN, feature_names
from updraft.core.use_case import UseCase
from updraft.data.labels import labelled_rows
from updraft.data.lineage import Input
from updraft.evaluation.kinds import kind_of
from updraft.evaluation.used_rows import UsedRows, log_rows
from updraft.models.feature_columns import FeatureColumns
from updraft.models.provenance import code_tags, dag_run_tags
from updraft.models.tracking import connect, metric_key
from updraft.models.versions import FEATURES_TABLE, FEATURES_VERSION, VersionTags
from updraft.training.families import fit
from updraft.training.model_card import model_card, search_progress
from updraft.training.recipe import Recipe
from updraft.training.registration import register
from updraft.training.runs import (
    REPORT,
    REPORT_FILE,
    child_runs,
    record_trial,
)
from updraft.training.search import SearchOutcome, check_rows, search
from updraft.training.trials import Trial
from updraft.training.windows import DataSplit


class Challenger(NamedTuple):
    """A registered version: the report of its training, and what it is, for the ledger."""

    report: SearchAndFitReport
    manifest: Manifest


def make_challenger(
    use_case: UseCase,
    frame: DataFrame,
    features: Input,
    split: DataSplit,
    report: str,
    artifacts: dict[str, dict[str, Any]],
) -> Challenger:
    """Search and fit on the training rows of ``split``, register the winner as ``challenger``.

    ``frame``: the rows of ``features``, a version of the features table. ``report``: the URI of the
    job's report. ``artifacts``: JSON documents to log with the run, by file name.

    Raises:
        UpdraftError: no model can be trained on the rows, an algorithm refuses a parameter, or the
            exported model differs from the native one.
    """
    client = connect(use_case)
    task = use_case.task
    model = use_case.model
    rows = split.prepare(frame.where(split.train_rows))
    train = labelled_rows(rows, task).cache()
    columns = FeatureColumns.of(frame, feature_names(frame.columns))
    check_rows(rows, split, task, model)
    with mlflow.start_run(run_name=f"trained on {split.name}") as run:
        run_id = run.info.run_id
        dag_run = dag_run_tags(report)
        origin = {**dag_run, **code_tags()}
        row_tags = _row_tags(features, split)
        mlflow.set_tags({REPORT: report, **row_tags, **origin})
        on_trial = partial(record_trial, client, run, model.metric)
        outcome = search(train, columns, split, task, model, on_trial)
        _log_best(outcome.best)
        used = UsedRows.of(train, task, features.version, split.train_interval, TRAIN)
        log_rows(client, run_id, "training", use_case, used, frame)
        best = outcome.best
        recipe = Recipe.of(model, task, columns, best.algorithm, best.parameters)
        fitted = fit(recipe, train)
        card = model_card(use_case, outcome, split, used, origin)
        mlflow.set_tag(MLFLOW_RUN_NOTE, card)
        tags = _version_tags(use_case, outcome, split, train, features, dag_run)
        validation = train.where(split.folds[-1].validation)
        version, manifest = register(
            client, run_id, use_case, fitted, validation, card, tags, artifacts
        )
        for name, document in artifacts.items():
            mlflow.log_dict(document, name)
        mlflow.log_text(use_case.features_sql, "features.sql")
        result = _report(client, use_case, run, outcome, split, features.version, version)
        document = result.model_dump(mode="json")
        mlflow.log_dict(document, REPORT_FILE)
    documents = {**manifest.documents, REPORT_FILE: sha256(document)}
    return Challenger(result, manifest.model_copy(update={"documents": documents}))


def _row_tags(features: Input, split: DataSplit) -> dict[str, str]:
    return {
        FEATURES_VERSION: str(features.version),
        FEATURES_TABLE: features.id,
        "updraft.train": str(split.train_interval),
        "updraft.holdout": str(split.holdout_interval),
    }


def _log_best(best: Trial) -> None:
    params = {"algorithm": best.algorithm, **best.parameters}
    if best.threshold is not None:
        params["threshold"] = best.threshold
    mlflow.log_params(params)
    means = {f"validation_{metric_key(name)}": value for name, value in best.metrics.items()}
    mlflow.log_metrics(means)


def _version_tags(
    use_case: UseCase,
    outcome: SearchOutcome,
    split: DataSplit,
    train: DataFrame,
    features: Input,
    dag_run: dict[str, str],
) -> VersionTags:
    return VersionTags(
        algorithm=outcome.best.algorithm,
        threshold=outcome.best.threshold,
        relevance=kind_of(use_case.task).relevance(use_case.model, train),
        features_version=features.version,
        features_table=features.id,
        trained_from=split.train_interval.first,
        trained_until=split.train_interval.last,
        dag_run=dag_run,
        search_progress=search_progress(outcome) if outcome.stopped_early else None,
    )


def _report(
    client: MlflowClient,
    use_case: UseCase,
    run: Run,
    outcome: SearchOutcome,
    split: DataSplit,
    features_version: int,
    version: int,
) -> SearchAndFitReport:
    experiment_id = run.info.experiment_id
    run_id = run.info.run_id
    return SearchAndFitReport(
        use_case=use_case.name,
        version=version,
        algorithm=outcome.best.algorithm,
        run_id=run_id,
        experiment_id=experiment_id,
        features_version=features_version,
        train_first=split.train_interval.first,
        train_last=split.train_interval.last,
        holdout_first=split.holdout_interval.first,
        holdout_last=split.holdout_interval.last,
        metrics=outcome.best.metrics,
        trials=len(child_runs(client, experiment_id, run_id)),
        planned=outcome.planned,
        pruned=sum(trial.pruned for trial in outcome.trials),
        cut=outcome.stopped_early,
    )
