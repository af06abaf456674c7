"""Groups of similar rows, without labels."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from updraft.core.kinds import Task
from updraft.core.sections import Costs
from updraft.core.use_case import UseCase
from updraft.evaluation.answers import Answers, check_scores
from updraft.evaluation.clusters import MOVED, silhouettes, space
from updraft.evaluation.kinds.base import (
    Importance,
    JudgeContext,
    KindOfModel,
    LabelCounts,
    NaiveAnswers,
)
from updraft.evaluation.statistic import Statistic, Weighted, as_statistics, mean
from updraft.models.answers import Floats
from updraft.models.feature_columns import FeatureColumns
from updraft.models.versions import RegisteredVersion

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from updraft.evaluation.plots.style import Drawn


@dataclass(frozen=True)
class ClusteringContext(JudgeContext):
    """The points of the rows, of shape (rows, dimensions), the same for all models."""

    points: Floats

    def answers(
        self,
        labels: Floats,
        scores: Floats,
        exported: Callable[[], onnx.ModelProto],
        *,
        threshold: float | None = None,
        costs: Costs | None = None,
    ) -> Answers:
        return Answers(labels, scores, threshold=threshold, costs=costs, space=self.points)


class Clustering(KindOfModel):
    """Clustering."""

    def check(self, answers: Answers, task: Task) -> None:
        check_scores(answers, task)

    def statistics(self, answers: Answers, task: Task) -> dict[str, Statistic]:
        """The silhouette, the share of each cluster, and the smallest of these shares.

        The latter because a single outlier should not count as a cluster.
        """
        assert answers.space is not None, "distances are measured in a space"
        clusters = answers.scores[:, 0]
        shares = {
            f"share_{cluster:g}": mean((clusters == cluster).astype(float))
            for cluster in np.unique(clusters)
        }

        def smallest_share(weights: Floats) -> float:
            return min(share(weights) for share in shares.values())

        metrics: dict[str, Weighted] = {
            "silhouette": mean(silhouettes(answers.space, clusters)),
            **shares,
            "smallest_share": smallest_share,
        }
        return as_statistics(len(clusters), metrics)

    def judge_context(
        self,
        rows: DataFrame,
        before: DataFrame,
        columns: FeatureColumns,
        *,
        features: Callable[[], pd.DataFrame],
        relevance: Callable[[], float | None],
        metric: str | None = None,
    ) -> JudgeContext:
        return ClusteringContext(space(features(), columns.numbers, columns.categories))

    def baseline(
        self,
        train: DataFrame,
        rows: pd.DataFrame,
        judged: Answers,
        context: JudgeContext,
        task: Task,
        metric: str,
    ) -> NaiveAnswers:
        """The model's own clusters, dealt to the rows at random: as many, and as large.

        The clusters of a single one, of which none is apart, are worse still: their silhouette
        is -1.
        """
        shuffled = np.random.default_rng(0).permutation(judged.scores)
        name = "the challenger's own clusters, dealt to the rows at random"
        return NaiveAnswers(name, replace(judged, scores=shuffled), train.count())

    def columns_to_collect(self, columns: FeatureColumns, slice_names: list[str]) -> list[str]:
        return columns.all  # Distances are measured in all of them.

    def label_counts(self, rows: pd.DataFrame) -> LabelCounts:
        return LabelCounts(None, None)

    def label_summary(self, rows: DataFrame, task: Task) -> tuple[int, dict[str, Any]]:
        return rows.agg(F.count("*")).collect()[0][0], {}

    def label_text(self, rows: int, summary: dict[str, Any]) -> str:
        return ""

    def varying_columns(self) -> list[str]:
        return []

    def prediction_columns(
        self, outputs: dict[str, Column], version: RegisteredVersion, task: Task
    ) -> list[Column]:
        return [outputs["cluster"].cast("int").alias("cluster")]

    def purpose(self, use_case: UseCase) -> str:
        return f"Groups of rows that are alike. {use_case.title}"

    def importance(self, labels: Floats, task: Task) -> Importance | None:
        """Measured by the share of rows that change their cluster."""

        def share(scores: Floats, unshuffled: Floats) -> float:
            return float((scores != unshuffled).mean())

        return Importance(MOVED, share, more_is_better=False)

    def holdout_document(
        self, answers: Answers, columns: FeatureColumns, task: Task
    ) -> dict[str, Any]:
        from updraft.evaluation.plots.clusters import groups

        return groups(answers, columns.numbers)

    def holdout_plots(self, documents: "Drawn", rows: str) -> "dict[str, Figure]":
        from updraft.evaluation.plots.clusters import figures

        return figures(documents, rows)
