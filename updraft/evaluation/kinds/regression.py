"""Numbers: the prediction of a numeric label."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from updraft.core.kinds import Task
from updraft.core.schema import LABEL
from updraft.core.use_case import UseCase
from updraft.evaluation.answers import (
    Answers,
    check_labels,
    check_labels_differ,
    check_scores,
)
from updraft.evaluation.kinds.base import JudgeContext, KindOfModel, NaiveAnswers
from updraft.evaluation.statistic import Statistic, Weighted, as_statistics, dot, mean
from updraft.models.answers import Floats
from updraft.models.feature_columns import FeatureColumns
from updraft.models.versions import RegisteredVersion

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from updraft.evaluation.plots.style import Drawn


class Regression(KindOfModel):
    """Regression."""

    def check(self, answers: Answers, task: Task) -> None:
        check_scores(answers, task)
        check_labels(answers.labels)
        check_labels_differ(answers.labels)

    def statistics(self, answers: Answers, task: Task) -> dict[str, Statistic]:
        r2 = _r2(answers.labels, answers.scores[:, 0])
        metrics = {**error_metrics(answers), "r2": r2}
        return as_statistics(len(answers.labels), metrics)

    def baseline(
        self,
        train: DataFrame,
        rows: pd.DataFrame,
        judged: Answers,
        context: JudgeContext,
        task: Task,
        metric: str,
    ) -> NaiveAnswers:
        """The mean label of the training rows for every row; for mae their median."""
        middle = "median" if metric == "mae" else "mean"
        value = F.median(LABEL) if metric == "mae" else F.mean(LABEL)
        learnt, constant = train.agg(F.count("*"), value).collect()[0]
        answers = replace(judged, scores=np.full((len(judged.labels), 1), constant))
        name = f"the {middle} label of the training rows, {constant:.4g}, for every row"
        return NaiveAnswers(name, answers, learnt)

    def label_summary(self, rows: DataFrame, task: Task) -> tuple[int, dict[str, Any]]:
        summary = rows.agg(F.count("*"), F.mean(LABEL)).collect()[0]
        return summary[0], {"mean": summary[1]}

    def label_text(self, rows: int, summary: dict[str, Any]) -> str:
        return f"{summary['mean']:.4g} on average"

    def prediction_columns(
        self, outputs: dict[str, Column], version: RegisteredVersion, task: Task
    ) -> list[Column]:
        return [outputs["prediction"].alias("prediction")]

    def purpose(self, use_case: UseCase) -> str:
        target = use_case.data.target
        assert target is not None, "a use case with numeric labels has a target"
        return f"Prediction of {target.name}: {target.description}"

    def holdout_document(
        self, answers: Answers, columns: FeatureColumns, task: Task
    ) -> dict[str, Any]:
        from updraft.evaluation.plots.regression import residuals

        return residuals(answers)

    def holdout_plots(self, documents: "Drawn", rows: str) -> "dict[str, Figure]":
        from updraft.evaluation.plots.regression import figures

        return figures(documents, rows)


def error_metrics(answers: Answers) -> dict[str, Weighted]:
    """The metrics of the errors alone: rmse and mae."""
    errors = answers.labels - answers.scores[:, 0]
    mean_square = mean(errors**2)
    return {
        "rmse": lambda weights: float(np.sqrt(mean_square(weights))),
        "mae": mean(np.abs(errors)),
    }


def _r2(labels: Floats, predictions: Floats) -> Weighted:
    squared_errors = (labels - predictions) ** 2

    def value(weights: Floats) -> float:
        average = dot(weights, labels) / weights.sum()
        variation = dot(weights, (labels - average) ** 2)
        return 1 - dot(weights, squared_errors) / variation if variation > 0 else np.nan

    return value
