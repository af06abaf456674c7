"""What can be answered without a model: by the labels of the training rows alone."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from updraft.core.kinds import Task
from updraft.core.sections import Costs
from updraft.evaluation.answers import Answers
from updraft.evaluation.kinds import kind_of
from updraft.evaluation.kinds.base import JudgeContext, NaiveAnswers
from updraft.evaluation.kinds.recommendation import RankingContext
from updraft.evaluation.metrics import metrics
from updraft.evaluation.ranking import Truth, rank

COSTS = Costs(true_positive=80, false_positive=-20, true_negative=0, false_negative=-100)
HOLDOUT = np.array([0.0, 0.0, 1.0, 1.0])


def naive(
    spark: SparkSession, task: Task, labels: list[float], judged: Answers, metric: str
) -> NaiveAnswers:
    train = spark.createDataFrame([(label,) for label in labels], "label double").coalesce(1)
    rows = pd.DataFrame({"label": judged.labels})
    return kind_of(task).baseline(train, rows, judged, JudgeContext(), task, metric)


def judged(labels: Any, outputs: int = 1, **others: Any) -> Answers:
    """The answers of some model, which the baseline must not look at."""
    scores = np.random.default_rng(3).uniform(size=(len(labels), outputs))
    return Answers(np.asarray(labels, float), scores, **others)


@pytest.mark.parametrize(
    ("positives", "metric", "says_yes"),
    [
        (2, "f1", True),
        (2, "precision", True),
        (2, "accuracy", False),
        (8, "accuracy", True),
        (2, "macro_f1", False),
        (8, "macro_f1", True),
        (3, "value", True),  # 3 * 80 - 7 * 20 against 3 * -100.
        (2, "auc", True),  # Decisions do not matter.
    ],
)
def test_two_classes_get_their_share_and_the_best_constant_decision(
    spark: SparkSession, positives: int, metric: str, says_yes: bool
) -> None:
    task = Task("binary")
    labels = [1.0] * positives + [0.0] * (10 - positives)
    answer = naive(spark, task, labels, judged(HOLDOUT, threshold=0.3, costs=COSTS), metric)
    assert answer.learnt == 10
    assert answer.name.startswith(f"a probability of {positives / 10:.4f} for every row and always")
    assert answer.name.endswith("yes" if says_yes else "no")
    measured = metrics(task, answer.answers)
    assert measured["auc"] == 0.5
    assert measured["recall"] == float(says_yes)
    share = positives / 10
    assert measured["log_loss"] == pytest.approx(-(np.log(share) + np.log(1 - share)) / 2)
    assert measured["calibration_error"] == pytest.approx(abs(0.5 - share))
    assert measured["value"] == (30 if says_yes else -50)


def test_costs_decide_which_constant_decision_is_best(spark: SparkSession) -> None:
    cheap = COSTS.model_copy(update={"false_negative": 0.0, "false_positive": -80.0})
    answers = judged(HOLDOUT, threshold=0.3, costs=cheap)
    answer = naive(spark, Task("binary"), [1.0] * 3 + [0.0] * 7, answers, "value")
    assert answer.name.endswith("always no")


def test_several_classes_get_their_shares_so_the_most_frequent_is_decided(
    spark: SparkSession,
) -> None:
    task = Task("multiclass", ("black", "draw", "white"))
    answer = naive(spark, task, [0.0, 2.0, 2.0, 2.0], judged([0, 1, 2, 2], 3), "macro_f1")
    assert (answer.learnt, answer.name.partition(",")[0]) == (4, "always white")
    assert answer.answers.scores.tolist() == [[0.25, 0.0, 0.75]] * 4
    measured = metrics(task, answer.answers)
    assert (measured["accuracy"], measured["auc"]) == (0.5, 0.5)
    assert measured["macro_f1"] == pytest.approx(2 / 3 / 3)


@pytest.mark.parametrize(("metric", "constant"), [("rmse", 4.0), ("r2", 4.0), ("mae", 2.0)])
def test_numbers_get_the_mean_or_for_absolute_errors_the_median(
    spark: SparkSession, metric: str, constant: float
) -> None:
    task = Task("regression")
    answer = naive(spark, task, [1.0, 2.0, 9.0], judged([1.0, 3.0]), metric)
    assert answer.answers.scores.tolist() == [[constant], [constant]]
    errors = np.array([1.0, 3.0]) - constant
    measured = metrics(task, answer.answers)
    assert measured["mae"] == np.abs(errors).mean()
    assert measured["rmse"] == np.sqrt((errors**2).mean())
    assert measured["r2"] <= 0, "the holdout's own mean would have 0"


def test_clusters_are_dealt_at_random(spark: SparkSession) -> None:
    task = Task("clustering")
    clusters = np.repeat([0.0, 1.0, 2.0], 40)
    space = np.stack([clusters * 10, np.tile(np.arange(40.0), 3) / 40], axis=1)
    model = Answers(np.zeros(120), clusters[:, None], space=space)
    answer = naive(spark, task, [0.0] * 7, model, "silhouette")
    assert answer.learnt == 7
    assert sorted(answer.answers.scores[:, 0]) == sorted(clusters)
    of_model = metrics(task, model)
    of_chance = metrics(task, answer.answers)
    assert of_model["silhouette"] > 0.9
    assert of_chance["silhouette"] < 0.1
    assert of_chance["smallest_share"] == of_model["smallest_share"]


def test_items_get_their_mean_and_the_most_popular_new_ones_are_recommended(
    spark: SparkSession,
) -> None:
    task = Task("recommendation")
    rows = [("u1", "a", 1.0), ("u2", "a", 2.0), ("u3", "a", 3.0), ("u1", "b", 5.0)]
    train = spark.createDataFrame([*rows, ("u2", "b", 4.0), ("u3", "c", 5.0)], "user string, "
        "item string, label double").coalesce(1)  # fmt: skip
    held_out = pd.DataFrame(
        [("u4", "a", 4.0), ("u3", "b", 5.0), ("u4", "new", 1.0)], columns=["user", "item", "label"]
    )
    truth = Truth(["u3", "u4"], ["a", "b", "c"], {"u3": {"a", "c"}}, {"u3": {"b"}, "u4": {"a"}})
    by_name = rank(lambda pairs: pairs["item"].map(ord).to_numpy(float)[:, None], truth)
    model = judged(held_out["label"], ranking=by_name)
    context = RankingContext(truth)
    kind = kind_of(task)
    answer = kind.baseline(train, held_out, model, context, task, "ndcg_at_10")
    assert answer.learnt == 6
    assert answer.answers.scores[:, 0].tolist() == [2.0, 4.5, pytest.approx(20 / 6)]
    ranking = answer.answers.ranking
    assert ranking is not None
    assert ranking.shown[:, :4].tolist() == [[1, -1, -1, -1], [0, 1, 2, -1]]
    assert metrics(task, answer.answers)["ndcg_at_10"] == 1
    assert metrics(task, model)["ndcg_at_10"] < 1

    without_rankings = kind.baseline(
        train, held_out, judged(held_out["label"]), JudgeContext(), task, "rmse"
    )
    assert without_rankings.answers.ranking is None
