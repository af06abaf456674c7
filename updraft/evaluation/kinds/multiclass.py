"""Several classes: a probability for each, and the most probable one as the decision."""

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
    check_classes,
    check_labels,
    check_labels_differ,
    check_probabilities,
    check_scores,
)
from updraft.evaluation.confusion import confusion, f1, macro, of_class, precision, recall
from updraft.evaluation.kinds.base import JudgeContext, KindOfModel, NaiveAnswers
from updraft.evaluation.statistic import (
    Auc,
    CalibrationError,
    Statistic,
    Weighted,
    as_statistics,
    dot,
    log_losses,
    mean,
)
from updraft.models.answers import Floats, decide, probability_columns
from updraft.models.feature_columns import FeatureColumns
from updraft.models.versions import RegisteredVersion

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from updraft.evaluation.plots.style import Drawn


class Multiclass(KindOfModel):
    """Classification with several classes; a label is the index of its class."""

    def check(self, answers: Answers, task: Task) -> None:
        check_scores(answers, task)
        check_labels(answers.labels)
        check_labels_differ(answers.labels)
        check_classes(answers.labels, len(task.classes))
        check_probabilities(answers.scores, complete=True)

    def statistics(self, answers: Answers, task: Task) -> dict[str, Statistic]:
        labels = answers.labels
        scores = answers.scores
        decisions = decide(scores, task, None)
        is_right = (labels == decisions).astype(float)
        matrix = confusion(labels, decisions, len(task.classes))
        metrics: dict[str, Weighted] = {
            "macro_f1": macro(f1, matrix),
            "accuracy": mean(is_right),
            "macro_precision": macro(precision, matrix),
            "macro_recall": macro(recall, matrix),
            "auc": _mean_auc(labels, scores),
            "log_loss": mean(log_losses(labels, scores)),
            "calibration_error": CalibrationError(is_right, scores.max(axis=1)),
        }
        for number, name in enumerate(task.classes):
            if (labels == number).any():  # Without rows of a class, its metrics mean nothing.
                metrics[f"f1_{name}"] = of_class(f1, matrix, number)
                metrics[f"precision_{name}"] = of_class(precision, matrix, number)
                metrics[f"recall_{name}"] = of_class(recall, matrix, number)
        return as_statistics(len(labels), metrics)

    def baseline(
        self,
        train: DataFrame,
        rows: pd.DataFrame,
        judged: Answers,
        context: JudgeContext,
        task: Task,
        metric: str,
    ) -> NaiveAnswers:
        """The classes' shares of the training rows for every row, so always the most frequent."""
        learnt, summary = self.label_summary(train, task)
        shares = np.array(list(summary["classes"].values()), float) / learnt
        scores = np.tile(shares, (len(judged.labels), 1))
        most_frequent = task.classes[int(np.argmax(shares))]
        name = f"always {most_frequent}, with the classes' shares of the training rows"
        return NaiveAnswers(name, replace(judged, scores=scores), learnt)

    def label_summary(self, rows: DataFrame, task: Task) -> tuple[int, dict[str, Any]]:
        by_class = [F.count_if(F.col(LABEL) == number) for number in range(len(task.classes))]
        number_of_rows, *counts = rows.agg(F.count("*"), *by_class).collect()[0]
        return number_of_rows, {"classes": dict(zip(task.classes, counts, strict=True))}

    def label_text(self, rows: int, summary: dict[str, Any]) -> str:
        shares = [f"{count / rows:.1%} {name}" for name, count in summary["classes"].items()]
        return ", ".join(shares)

    def all_alike(
        self, name: str, value: Any, rows: int, zeros: int, where: str, task: Task
    ) -> str:
        return (
            f"a single class, {task.classes[round(value)]}, in all {rows} labelled rows in "
            f"{where}, expected several"
        )

    def prediction_columns(
        self, outputs: dict[str, Column], version: RegisteredVersion, task: Task
    ) -> list[Column]:
        probabilities = F.array(*outputs.values())
        place = F.array_position(probabilities, F.array_max(probabilities)).cast("int")
        names = probability_columns(task)
        columns = [output.alias(name) for output, name in zip(outputs.values(), names, strict=True)]
        prediction = F.element_at(F.array(*map(F.lit, task.classes)), place)
        return [*columns, prediction.alias("prediction")]

    def purpose(self, use_case: UseCase) -> str:
        assert use_case.data.target is not None, "a multiclass use case has a target"
        classes = ", ".join(use_case.task.classes)
        return f"Probability of each of {classes}: {use_case.data.target.description}"

    def holdout_document(
        self, answers: Answers, columns: FeatureColumns, task: Task
    ) -> dict[str, Any]:
        from updraft.evaluation.plots.multiclass import confusion_and_calibration

        return confusion_and_calibration(task, answers)

    def holdout_plots(self, documents: "Drawn", rows: str) -> "dict[str, Figure]":
        from updraft.evaluation.plots.multiclass import figures

        return figures(documents, rows)


def _mean_auc(labels: Floats, scores: Floats) -> Weighted:
    """The mean AUC of one class against the rest, over the classes that have rows; else NaN."""
    classes = range(scores.shape[1])
    one_against_rest = [Auc((labels == n).astype(float), scores[:, n]) for n in classes]

    def value(weights: Floats) -> float:
        total = weights.sum()
        present = [n for n in classes if 0 < dot(weights, labels == n) < total]
        if not present:
            return np.nan
        return float(np.mean([one_against_rest[n](weights) for n in present]))

    return value
