"""Models on one holdout: what they answer for its rows, with all that their kind is judged by."""

from dataclasses import dataclass

import mlflow
import pandas as pd
from pyspark.sql import DataFrame

from updraft.core.schema import LABEL, feature_names
from updraft.core.use_case import UseCase
from updraft.training.clusters import space
from updraft.training.export import score_onnx
from updraft.training.families import Columns
from updraft.training.metrics import Answers
from updraft.training.ranking import Truth, rank
from updraft.training.records import Registered
from updraft.training.scoring import holdout_answers, model_uri


@dataclass(frozen=True)
class Judged:
    """The holdout's ``rows`` with the features that are ``columns``, and the ``answers`` of each model for them."""

    rows: pd.DataFrame
    columns: Columns
    answers: list[Answers]


def judge(use_case: UseCase, holdout: DataFrame, before: DataFrame, models: list[Registered]) -> Judged:
    """Ask all models, the challenger first, about the same rows.

    ``holdout``: usable rows of the features table; ``before``: those that recommendations may rest on.
    """
    task, columns = use_case.task, Columns.of(holdout, feature_names(holdout.columns))
    points, truth = None, None
    wanted = columns.all if task.kind == "clustering" else columns.categories  # The latter to slice by.
    rows = holdout_answers(holdout, [model_uri(use_case, model.version) for model in models], task, wanted)
    if task.kind == "clustering":
        points = space(rows, columns.numbers, columns.categories)
    if task.kind == "recommendation":
        assert models[0].relevance is not None, "the training of a recommender says what is relevant"
        truth = Truth.of(before, holdout, models[0].relevance)
    found = []
    for n, model in enumerate(models):
        ranking = None
        if truth:
            exported = mlflow.onnx.load_model(model_uri(use_case, model.version))
            ranking = rank(lambda pairs, exported=exported: score_onnx(exported, pairs), truth)  # type: ignore[misc]
        scores = rows[[f"{name}@{n}" for name in task.outputs]].to_numpy(float)
        labels = rows[LABEL].to_numpy(float)
        found.append(Answers(labels, scores, model.threshold, use_case.model.costs, points, ranking))
    return Judged(rows, columns, found)
