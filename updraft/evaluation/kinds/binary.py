"""Two classes: the probability of the positive one, and a decision by a threshold."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from updraft.core.kinds import Task
from updraft.core.schema import LABEL
from updraft.core.sections import Costs
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
from updraft.evaluation.kinds.base import JudgeContext, KindOfModel, LabelCounts, NaiveAnswers
from updraft.evaluation.statistic import (
    Auc,
    CalibrationError,
    Statistic,
    Weighted,
    as_statistics,
    log_losses,
    mean,
)
from updraft.models.answers import Floats, decide
from updraft.models.feature_columns import FeatureColumns
from updraft.models.versions import RegisteredVersion

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from updraft.evaluation.plots.style import Drawn


class Binary(KindOfModel):
    """Binary classification."""

    def check(self, answers: Answers, task: Task) -> None:
        check_scores(answers, task)
        check_labels(answers.labels)
        check_labels_differ(answers.labels)
        check_classes(answers.labels, 2)
        check_probabilities(answers.scores, complete=False)

    def statistics(self, answers: Answers, task: Task) -> dict[str, Statistic]:
        labels = answers.labels
        scores = answers.scores[:, 0]
        decisions = decide(answers.scores, task, answers.threshold)
        matrix = confusion(labels, decisions, 2)
        metrics: dict[str, Weighted] = {
            "auc": Auc(labels, scores),
            "log_loss": mean(log_losses(labels, np.column_stack([1 - scores, scores]))),
            "f1": of_class(f1, matrix, 1),
            "accuracy": mean((labels == decisions).astype(float)),
            "precision": of_class(precision, matrix, 1),
            "recall": of_class(recall, matrix, 1),
            "macro_f1": macro(f1, matrix),
            "calibration_error": CalibrationError(labels, scores),
        }
        if answers.costs:
            values = decision_values(labels, answers.costs)
            metrics["value"] = mean(values[np.arange(len(labels)), decisions.astype(int)])
        return as_statistics(len(labels), metrics)

    def threshold(self, answers: Answers, metric: str) -> float | None:
        return best_threshold(answers, metric)

    def baseline(
        self,
        train: DataFrame,
        rows: pd.DataFrame,
        judged: Answers,
        context: JudgeContext,
        task: Task,
        metric: str,
    ) -> NaiveAnswers:
        """The training rows' share of positives for every row, and always the same decision."""
        learnt, summary = self.label_summary(train, task)
        positives = summary["positives"]
        share = positives / learnt
        always_yes = share
        always_no = float(np.nextafter(share, np.inf))

        def value(threshold: float) -> float:
            # Metrics are functions of weights: a row of each class stands for all of its class.
            classes = Answers(
                np.array([0.0, 1.0]),
                np.full((2, 1), share),
                threshold=threshold,
                costs=judged.costs,
            )
            statistic = self.statistics(classes, task)[metric]
            return statistic.of(np.array([learnt - positives, positives], float))

        says_yes = value(always_yes) >= value(always_no)
        answers = replace(
            judged,
            scores=np.full((len(judged.labels), 1), share),
            threshold=always_yes if says_yes else always_no,
        )
        decision = "yes" if says_yes else "no"
        name = f"a probability of {share:.4f} for every row and always {decision}"
        return NaiveAnswers(name, answers, learnt)

    def label_counts(self, rows: pd.DataFrame) -> LabelCounts:
        return LabelCounts(rows[LABEL].nunique(), int(rows[LABEL].sum()))

    def label_summary(self, rows: DataFrame, task: Task) -> tuple[int, dict[str, Any]]:
        positives = F.sum(F.col(LABEL)).cast("long")
        counts = rows.agg(F.count("*"), positives).collect()[0]
        return counts[0], {"positives": counts[1]}

    def label_text(self, rows: int, summary: dict[str, Any]) -> str:
        return f"{summary['positives'] / rows:.1%} positive"

    def all_alike(
        self, name: str, value: Any, rows: int, zeros: int, where: str, task: Task
    ) -> str:
        return (
            f"{zeros} of class 0 and {rows - zeros} of class 1 among the labelled rows in {where}, "
            "expected both"
        )

    def prediction_columns(
        self, outputs: dict[str, Column], version: RegisteredVersion, task: Task
    ) -> list[Column]:
        assert version.tags.threshold is not None, "a binary model decides by a threshold"
        probability = outputs["probability"]
        return [
            probability.alias("probability"),
            (probability >= version.tags.threshold).alias("prediction"),
        ]

    def purpose(self, use_case: UseCase) -> str:
        assert use_case.data.target is not None, "a binary use case has a target"
        return f"Probability that {use_case.data.target.description}"

    def holdout_document(
        self, answers: Answers, columns: FeatureColumns, task: Task
    ) -> dict[str, Any]:
        from updraft.evaluation.plots.binary import curves

        return curves(answers.labels, answers.scores[:, 0], _threshold(answers))

    def holdout_plots(self, documents: "Drawn", rows: str) -> "dict[str, Figure]":
        from updraft.evaluation.plots.binary import figures

        return figures(documents, rows)

    def plot_note(self, use_case: UseCase) -> str:
        target = use_case.data.target
        return f"\npositive means: {target.description}" if target else ""


def best_threshold(answers: Answers, metric: str) -> float:
    """The threshold with the highest F1 or, for the ``metric`` value, with the highest value.

    It must come from validation rows only.
    """
    # scikit-learn is slow to import, and scoring jobs do not need it.
    from sklearn.metrics import precision_recall_curve

    labels = answers.labels
    scores = answers.scores[:, 0]
    if metric == "value":
        return _most_valuable_threshold(labels, scores, answers.costs)
    precisions, recalls, thresholds = precision_recall_curve(labels, scores)
    f1_scores = 2 * precisions * recalls / np.maximum(precisions + recalls, 1e-12)
    return float(thresholds[int(np.argmax(f1_scores[:-1]))])


def _most_valuable_threshold(labels: Floats, scores: Floats, costs: Costs | None) -> float:
    assert costs is not None, "a value needs costs"
    values = decision_values(labels, costs)
    order = np.argsort(-scores, kind="stable")
    gains = np.cumsum((values[:, 1] - values[:, 0])[order])
    # Equal scores get the same decision, so a threshold lies behind the last of them.
    is_last = np.append(np.diff(scores[order]) != 0, True)
    best = int(np.argmax(np.where(is_last, gains, -np.inf)))
    if gains[best] > 0:
        return float(scores[order][best])
    # No positive decision pays off, so decide negatively for every row.
    return float(np.nextafter(scores.max(), np.inf))


def decision_values(labels: Floats, costs: Costs) -> Floats:
    """What a negative and a positive decision are worth for each row; shape (rows, 2)."""
    table = np.array(
        [
            [costs.true_negative, costs.false_positive],
            [costs.false_negative, costs.true_positive],
        ]
    )
    values: Floats = table[labels.astype(int)]
    return values


def _threshold(answers: Answers) -> float:
    assert answers.threshold is not None, "a binary model decides by a threshold"
    return answers.threshold
