"""Ratings of items by users: the prediction of a label, and the best new items for each user."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import onnx
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.kinds import Task
from updraft.core.metrics import metric_of
from updraft.core.schema import ITEM, LABEL, USER
from updraft.core.sections import Costs, Model
from updraft.evaluation import ranking
from updraft.evaluation.answers import Answers, check_labels, check_scores
from updraft.evaluation.kinds.base import Importance, JudgeContext, NaiveAnswers
from updraft.evaluation.kinds.regression import Regression, error_metrics
from updraft.evaluation.statistic import Statistic, as_statistics, mean
from updraft.models.answers import Floats
from updraft.models.feature_columns import FeatureColumns
from updraft.models.onnx_runtime import session


@dataclass(frozen=True)
class RankingContext(JudgeContext):
    """The users to rank items for, and what proved relevant for them."""

    truth: ranking.Truth

    @property
    def ranks_nobody(self) -> bool:
        return not self.truth.users

    def answers(
        self,
        labels: Floats,
        scores: Floats,
        exported: Callable[[], onnx.ModelProto],
        *,
        threshold: float | None = None,
        costs: Costs | None = None,
    ) -> Answers:
        ranked = ranking.rank(session(exported().SerializeToString()), self.truth)
        return Answers(labels, scores, threshold=threshold, costs=costs, ranking=ranked)


class Recommendation(Regression):
    """Recommendation. A recommender predicts numbers, so most of it is like a regression."""

    recommends = True

    def check(self, answers: Answers, task: Task) -> None:
        check_scores(answers, task)
        check_labels(answers.labels)

    def statistics(self, answers: Answers, task: Task) -> dict[str, Statistic]:
        statistics = as_statistics(len(answers.labels), error_metrics(answers))
        if answers.ranking is not None:
            statistics |= _ranking_statistics(answers.ranking)
        return statistics

    def relevance(self, model: Model, train: DataFrame) -> float | None:
        return ranking.relevance(model, train)

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
        if metric is not None and metric_of(metric).unit != "users":
            return JudgeContext()
        threshold = relevance()
        assert threshold is not None, "the training of a recommender says what is relevant"
        return RankingContext(ranking.Truth.of(before, rows, threshold))

    def baseline(
        self,
        train: DataFrame,
        rows: pd.DataFrame,
        judged: Answers,
        context: JudgeContext,
        task: Task,
        metric: str,
    ) -> NaiveAnswers:
        """Each item's mean label, for new items that of all; recommended are the most popular."""
        by_item = train.groupBy(ITEM).agg(F.count("*").alias("rows"), F.mean(LABEL).alias("mean"))
        items = by_item.toPandas().set_index(ITEM)
        learnt = int(items["rows"].sum())
        mean_of_all = float((items["rows"] * items["mean"]).sum() / learnt)
        means = rows[ITEM].map(items["mean"]).fillna(mean_of_all).to_numpy(float)

        def popularity(pairs: pd.DataFrame) -> Floats:
            counts: Floats = pairs[ITEM].map(items["rows"]).fillna(0).to_numpy(float)
            return counts[:, None]

        ranked = None
        if isinstance(context, RankingContext):
            ranked = ranking.rank(popularity, context.truth)
        answers = replace(judged, scores=means[:, None], ranking=ranked)
        return NaiveAnswers("the items' mean labels and the most popular items", answers, learnt)

    def slice_rows(
        self, rows: pd.DataFrame, before: DataFrame, slice_columns: FeatureColumns
    ) -> tuple[pd.DataFrame, FeatureColumns]:
        """By how many earlier rows the user and the item have."""
        names = {f"earlier rows of the {entity}": entity for entity in (USER, ITEM)}
        counts = {}
        for name, entity in names.items():
            known = before.groupBy(entity).count().toPandas().set_index(entity)["count"]
            counts[name] = rows[entity].map(known).fillna(0.0)
        return rows.assign(**counts), FeatureColumns(list(names), [])

    def varying_columns(self) -> list[str]:
        return [USER, ITEM]

    def importance(self, labels: Floats, task: Task) -> Importance | None:
        return None  # Users and items are names, not values that can be shuffled.


def _ranking_statistics(ranked: ranking.Ranking) -> dict[str, Statistic]:
    def coverage(weights: Floats) -> float:
        shown = np.unique(ranked.shown[weights > 0])
        return float((shown >= 0).sum() / ranked.items)

    metrics = {
        "precision_at_10": mean(ranked.precision),
        "ndcg_at_10": mean(ranked.ndcg),
        "coverage": coverage,
    }
    return as_statistics(len(ranked.shown), metrics)
