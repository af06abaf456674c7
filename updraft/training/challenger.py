"""A challenger from beginning to end: search, final fit, export, registration, all on record in MLflow."""

from functools import partial
from typing import Any

import mlflow
import onnx
import pandas as pd
from mlflow.entities import Metric, Param, Run
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_RUN_NOTE
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.kinds import Task
from updraft.core.registry import CHALLENGER
from updraft.core.reports import SearchAndFitReport
from updraft.core.schema import ROW_ID, TRAIN, feature_names
from updraft.core.use_case import UseCase
from updraft.evaluation.plots.importance import IMPORTANCE, importance_figure, permutation_importance
from updraft.evaluation.ranking import relevance
from updraft.models import records
from updraft.models.feature_columns import Columns, example
from updraft.models.onnx_runtime import score_onnx
from updraft.models.provenance import Used, code_tags, dag_run_tags, log_rows
from updraft.training.export import check_parity, to_onnx
from updraft.training.families import Fitted, fit
from updraft.training.search import Outcome, Trial, check_rows, search
from updraft.training.windows import Cut, usable

# What a server of the model needs; given, so that MLflow does not spend seconds to infer it.
REQUIREMENTS = ["mlflow", "onnx", "onnxruntime", "pandas"]
SAMPLE_ROWS = 2000  # For the comparison of exported and native model, and for the importance of the features.


def make_challenger(
    use_case: UseCase,
    frame: DataFrame,
    features_version: int,
    cut: Cut,
    report: str,
    artifacts: dict[str, dict[str, Any]],
) -> SearchAndFitReport:
    """Search and fit on the training rows of ``cut``, register the winner as ``challenger``.

    Done again, it finds what it has done.

    ``frame``: the features table as of ``features_version``. ``artifacts``: JSON documents to keep with the run.
    """
    client = records.connect(use_case)
    identity = records.identity(use_case, report, features_version)
    if done := records.finished_run(client, use_case, report, identity):
        return SearchAndFitReport.model_validate(records.load_json(done, "report.json"))

    task, model = use_case.task, use_case.model
    train = cut.prepare(usable(frame, task).where(cut.train_rows)).cache()
    columns = Columns.of(frame, feature_names(frame.columns))
    check_rows(train, cut, task, model)
    with mlflow.start_run(run_name=f"trained on {cut.name}") as run:
        dag_run, code = dag_run_tags(report), code_tags()
        mlflow.set_tags(
            {
                records.IDENTITY: identity,
                records.REPORT: report,
                "updraft.features_version": str(features_version),
                "updraft.train": str(cut.train_interval),
                "updraft.holdout": str(cut.holdout_interval),
                **dag_run,
                **code,
            }
        )
        outcome = search(train, columns, cut, task, model, partial(_record_trial, client, run, model.metric))
        best = outcome.best
        decided = {} if best.threshold is None else {"threshold": best.threshold}
        mlflow.log_params({"algorithm": best.algorithm, **best.parameters, **decided})
        mlflow.log_metrics({f"validation_{records.key(name)}": value for name, value in best.metrics.items()})
        used = Used.of(train, task, features_version, cut.train_interval, TRAIN)
        log_rows(client, run.info.run_id, "training", use_case, used, frame)
        fitted = fit(best.algorithm, train, columns, best.parameters, model.search.seed, task, balance=model.balance)
        description = _description(use_case, outcome, cut, used, {**dag_run, **code})
        mlflow.set_tag(MLFLOW_RUN_NOTE, description)
        tags = {
            "updraft.algorithm": best.algorithm,
            **{f"updraft.{name}": repr(value) for name, value in decided.items()},
            **({"updraft.relevance": repr(relevance(model, train))} if task.kind == "recommendation" else {}),
            "updraft.trained_from": str(cut.train_interval.first),
            "updraft.trained_until": str(cut.train_interval.last),
            "updraft.features_version": str(features_version),
            **dag_run,
            **({"updraft.search_cut": _progress(outcome)} if outcome.cut else {}),
        }
        newest = train.where(cut.blocks[-1].judged)
        version = _register(client, run.info.run_id, use_case, fitted, newest, description, tags)
        for name, document in artifacts.items():
            mlflow.log_dict(document, name)
        mlflow.log_text(use_case.features_sql, "features.sql")
        result = SearchAndFitReport(
            use_case=use_case.name,
            version=version,
            algorithm=best.algorithm,
            run_id=run.info.run_id,
            experiment_id=run.info.experiment_id,
            features_version=features_version,
            train_first=cut.train_interval.first,
            train_last=cut.train_interval.last,
            holdout_first=cut.holdout_interval.first,
            holdout_last=cut.holdout_interval.last,
            metrics=best.metrics,
            trials=len(_children(client, run.info.experiment_id, run.info.run_id)),
            planned=outcome.planned,
            pruned=sum(trial.pruned for trial in outcome.trials),
            cut=outcome.cut,
        )
        mlflow.log_dict(result.model_dump(mode="json"), "report.json")
    return result


def _record_trial(client: MlflowClient, parent: Run, metric: str, trial: Trial) -> None:
    """As a child run that has the trial's own times; of a pruned one only its folds, so that nobody takes it for whole."""
    state = "pruned" if trial.pruned else "complete"
    child = client.create_run(
        parent.info.experiment_id,
        start_time=int(trial.started * 1000),
        run_name=f"{trial.number:02d} {trial.algorithm}",
        tags={"mlflow.parentRunId": parent.info.run_id, "updraft.trial": state},
    ).info.run_id
    ended = int(trial.ended * 1000)
    figures = {"seconds": trial.seconds, **({} if trial.pruned else trial.metrics)}
    metrics = [Metric(records.key(name), value, ended, 0) for name, value in figures.items()]
    for step, fold in enumerate(trial.folds):
        metrics += [Metric(f"fold_{records.key(name)}", value, ended, step) for name, value in fold.items()]
    parameters = {"algorithm": trial.algorithm, **trial.parameters}
    client.log_batch(child, metrics, [Param(name, str(value)) for name, value in parameters.items()])
    client.set_terminated(child, end_time=ended)
    found = f"{metric} {trial.metrics[metric]:.4f}"
    print(f"trial {trial.number:2d}  {trial.algorithm:20s} {found}  {trial.seconds:5.1f} s  {state:8s} {trial.parameters}")


def _register(
    client: MlflowClient,
    run_id: str,
    use_case: UseCase,
    fitted: Fitted,
    newest: DataFrame,
    description: str,
    tags: dict[str, str],
) -> int:
    """Log the model as ONNX, which loads without pickles, and register it. ``newest``: rows of the newest validation block."""
    exported = to_onnx(fitted)
    # A sample that is the same again, and that is spread over the block: rows in the order of their ids are rows of one day.
    sample = newest.orderBy(F.xxhash64(ROW_ID), ROW_ID).limit(SAMPLE_ROWS).cache()
    rows = sample.toPandas()
    _, native = fitted.predict(sample)
    mlflow.log_metric("export_difference", check_parity(exported, rows, native))
    _log_importance(exported, rows, fitted.columns, use_case.model.search.seed, fitted.task)
    shown = example(sample, fitted.columns)
    info = mlflow.onnx.log_model(
        exported,
        name="model",
        signature=infer_signature(shown, pd.DataFrame(score_onnx(exported, shown), columns=fitted.task.outputs)),
        input_example=shown,
        pip_requirements=REQUIREMENTS,
    )
    _ensure_model(client, use_case)
    created = client.create_model_version(
        use_case.name, source=info.model_uri, model_id=info.model_id, run_id=run_id, description=description, tags=tags
    )
    client.set_registered_model_alias(use_case.name, CHALLENGER, created.version)
    return int(created.version)


def _log_importance(exported: onnx.ModelProto, rows: pd.DataFrame, columns: Columns, seed: int, task: Task) -> None:
    importance = permutation_importance(exported, rows, columns, seed, task)
    if importance is None:
        print("importance: nothing to measure on the sampled rows of the newest validation block, so nothing is drawn")
        return
    mlflow.log_dict(importance, IMPORTANCE)
    mlflow.log_figure(importance_figure(importance), "plots/importance.png")


def _ensure_model(client: MlflowClient, use_case: UseCase) -> None:
    if not client.search_registered_models(f"name = '{use_case.name}'"):
        client.create_registered_model(use_case.name, description=f"{use_case.title}. {use_case.description}")


def _description(use_case: UseCase, outcome: Outcome, cut: Cut, used: Used, origin: dict[str, str]) -> str:
    """A model card in Markdown. Its first paragraph is the summary that the evidence carries; the gate adds the verdict."""
    best = outcome.best
    parameters = ", ".join(f"{name} {value}" for name, value in best.parameters.items())
    dag_run = f"`{origin['updraft.dag_run_id']}`" if "updraft.dag_run_id" in origin else "none, by hand"
    if "updraft.dag_run_url" in origin:
        dag_run = f"[{origin['updraft.dag_run_id']}]({origin['updraft.dag_run_url']})"
    minutes = f" The search was cut by its minutes, after {_progress(outcome)}." if outcome.cut else ""
    changed = {"true": ", with changes that are not committed", "false": "", "unknown": ""}[origin["updraft.dirty"]]
    found = "Nothing to choose from, so nothing was searched; on" if outcome.planned == 1 else "Mean over"
    metric = use_case.model.metric
    value = f"{found} {_count(len(best.folds), 'validation block')}: {metric} {best.metrics[metric]:.4f}"
    return f"""\
{_answers(use_case)}. {best.algorithm} ({parameters or "defaults"}), trained on {cut.name}. \
{value}.{minutes} Owner: {use_case.owner}.

- Trained on {used}
- DAG run: {dag_run}
- Code: commit `{origin[MLFLOW_GIT_COMMIT][:12]}`{changed}
- In the training's run: pictures in `plots/`, `features.sql`, `drift_reference.json`, `evidence/`, a child run a trial
"""


def _answers(use_case: UseCase) -> str:
    """What the model says of a row, as the beginning of a sentence."""
    target = use_case.data.target
    if target is None:
        return f"Groups of rows that are alike. {use_case.title}"
    match use_case.kind:
        case "binary":
            return f"Probability that {target.description}"
        case "multiclass":
            return f"Probability of each of {', '.join(use_case.task.classes)}: {target.description}"
    return f"Prediction of {target.name}: {target.description}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _progress(outcome: Outcome) -> str:
    return f"{len(outcome.trials)} of {outcome.planned} trials"


def _children(client: MlflowClient, experiment_id: str, run_id: str) -> list[Any]:
    return list(client.search_runs([experiment_id], f"tags.mlflow.parentRunId = '{run_id}'"))
