"""Models on one holdout: what they answer for its rows, with all that their kind is judged by."""

from dataclasses import dataclass

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from pyspark.sql import DataFrame

from updraft.core.errors import UpdraftError
from updraft.core.schema import ITEM, LABEL, USER, feature_names
from updraft.core.use_case import UseCase
from updraft.evaluation.clusters import space
from updraft.evaluation.metrics import Answers
from updraft.evaluation.plots.importance import IMPORTANCE
from updraft.evaluation.ranking import Truth, rank
from updraft.evaluation.slices import FEATURES, sliced_by
from updraft.models.feature_columns import Columns
from updraft.models.onnx_runtime import score_onnx
from updraft.models.records import Registered, load_json
from updraft.models.scoring import holdout_answers, model_uri


@dataclass(frozen=True)
class Judged:
    """The holdout's ``rows`` and the ``answers`` of each model for them; the features' ``columns``, and what is ``sliced`` by.

    The rows have the columns of the latter alone; of clusters, all of them.
    """

    rows: pd.DataFrame
    columns: Columns
    answers: list[Answers]
    sliced: Columns


def judge(use_case: UseCase, holdout: DataFrame, before: DataFrame, models: list[Registered]) -> Judged:
    """Ask all models, the challenger first, about the same rows.

    ``holdout``: usable rows of the features table; ``before``: those that recommendations may rest on.
    """
    task, columns = use_case.task, Columns.of(holdout, feature_names(holdout.columns))
    points, truth = None, None
    sliced = sliced_by(columns, _important(models[0]) if len(columns.all) > FEATURES else [])
    declared = use_case.gate.slices.columns if use_case.gate.slices else []
    if unknown := [name for name in declared if name not in columns.categories]:
        raise UpdraftError(
            f"gate.slices.columns: found {unknown}, expected text features of features.sql: {columns.categories}."
        )
    wanted = columns.all if task.kind == "clustering" else list(dict.fromkeys([*sliced.all, *declared]))
    rows = holdout_answers(holdout, [model_uri(use_case, model.version) for model in models], task, wanted)
    if task.kind == "clustering":
        points = space(rows, columns.numbers, columns.categories)
    if task.kind == "recommendation":
        assert models[0].relevance is not None, "the training of a recommender says what is relevant"
        truth = Truth.of(before, holdout, models[0].relevance)
        rows, sliced = _with_activity(rows, before)
    found = []
    for n, model in enumerate(models):
        ranking = None
        if truth:
            exported = mlflow.onnx.load_model(model_uri(use_case, model.version))
            ranking = rank(lambda pairs, exported=exported: score_onnx(exported, pairs), truth)  # type: ignore[misc]
        scores = rows[[f"{name}@{n}" for name in task.outputs]].to_numpy(float)
        labels = rows[LABEL].to_numpy(float)
        found.append(Answers(labels, scores, model.threshold, use_case.model.costs, points, ranking))
    return Judged(rows, columns, found, sliced)


def _important(model: Registered) -> list[str]:
    """The features by what the model loses without them, as its training has measured it; none if it could not."""
    try:
        return [one["feature"] for one in load_json(model.run_id, IMPORTANCE)["features"]]
    except MlflowException:
        return []


def _with_activity(rows: pd.DataFrame, before: DataFrame) -> tuple[pd.DataFrame, Columns]:
    """The rows with how many earlier ones their user and their item have: what recommendations are sliced by."""
    names = {f"earlier rows of the {name}": name for name in (USER, ITEM)}
    known = {name: before.groupBy(name).count().toPandas().set_index(name)["count"] for name in names.values()}
    counted = {column: rows[name].map(known[name]).fillna(0.0) for column, name in names.items()}
    return rows.assign(**counted), Columns(list(names), [])
