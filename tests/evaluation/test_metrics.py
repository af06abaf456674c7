"""Metrics of every kind against scikit-learn's and Spark's own, with and without weights, and what is refused."""

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as reference
from pyspark.ml.evaluation import ClusteringEvaluator
from pyspark.ml.linalg import Vectors
from pyspark.sql import SparkSession

from updraft.core.errors import UpdraftError
from updraft.core.kinds import TRAITS, Task
from updraft.core.sections import Costs
from updraft.evaluation.clusters import silhouettes, space
from updraft.evaluation.metrics import Answers, Auc, best_threshold, metrics, statistics
from updraft.evaluation.ranking import Ranking

RNG = np.random.default_rng(7)
ROWS = 3000
LABELS = (RNG.random(ROWS) < 0.25).astype(float)
GOOD = np.clip(LABELS * 0.2 + RNG.random(ROWS) * 0.8, 0, 1)
COSTS = Costs(true_positive=50, false_positive=-10, true_negative=0, false_negative=-80)
BINARY, REGRESSION = Task("binary"), Task("regression")
SEVERAL = Task("multiclass", ("draw", "black", "white", "never"))
WEIGHTS = RNG.integers(0, 4, ROWS).astype(float)


def binary(scores: Any = GOOD, labels: Any = LABELS, **how: Any) -> Answers:
    return Answers(np.array(labels), np.array(scores).reshape(-1, 1), **{"threshold": 0.5, **how})


def several() -> Answers:
    """Three classes of four, the last is never observed; a fifth of the probability mass is right."""
    labels = RNG.choice(3, ROWS, p=[0.05, 0.45, 0.5]).astype(float)
    raw = RNG.random((ROWS, 4)) * [1, 1, 1, 0.9] + 0.5 * np.eye(4)[labels.astype(int)]
    return Answers(labels, raw / raw.sum(axis=1, keepdims=True))


def calibration_error(outcomes: Any, probabilities: Any, weights: Any) -> float:
    """Row by row: repeated as often as they weigh, in order, equal ones together, ten bins, the mean distance in them."""
    rows = sorted(
        (float(probability), float(outcome))
        for probability, outcome, weight in zip(probabilities, outcomes, weights, strict=True)
        for _ in range(int(weight))
    )
    bins: list[list[tuple[float, float]]] = [[] for _ in range(10)]
    seen = 0
    for _, equal in itertools.groupby(rows, key=lambda row: row[0]):
        together = list(equal)
        bins[math.floor(10 * (seen + len(together) / 2) / len(rows))] += together
        seen += len(together)
    found = [abs(sum(p for p, _ in one) / len(one) - sum(o for _, o in one) / len(one)) * len(one) for one in bins if one]
    return sum(found) / len(rows)


@pytest.mark.parametrize("weights", [np.ones(ROWS), WEIGHTS])
def test_binary_metrics_are_scikit_learns(weights: Any) -> None:
    answers = binary(GOOD.round(1), costs=COSTS)
    found = {name: one.of(weights) for name, one in statistics(BINARY, answers).items()}
    decided, scores = GOOD.round(1) >= 0.5, answers.scores[:, 0]
    assert found == pytest.approx(
        {
            "auc": reference.roc_auc_score(LABELS, scores, sample_weight=weights),
            "log_loss": reference.log_loss(LABELS, scores.clip(1e-7, 1 - 1e-7), sample_weight=weights),
            "calibration_error": calibration_error(LABELS, scores, weights),
            "f1": reference.f1_score(LABELS, decided, sample_weight=weights),
            "macro_f1": reference.f1_score(LABELS, decided, average="macro", sample_weight=weights),
            "accuracy": reference.accuracy_score(LABELS, decided, sample_weight=weights),
            "precision": reference.precision_score(LABELS, decided, sample_weight=weights),
            "recall": reference.recall_score(LABELS, decided, sample_weight=weights),
            "value": np.average(np.where(LABELS > 0, np.where(decided, 50, -80), np.where(decided, -10, 0)), weights=weights),
        }
    )
    assert set(found) == set(TRAITS["binary"].metrics)
    assert "value" not in metrics(BINARY, binary()), "without costs nothing is worth anything"


@pytest.mark.parametrize("weights", [np.ones(ROWS), WEIGHTS])
def test_metrics_of_several_classes_are_scikit_learns(weights: Any) -> None:
    answers = several()
    found = {name: one.of(weights) for name, one in statistics(SEVERAL, answers).items()}
    labels, decided = answers.labels, answers.scores.argmax(axis=1)
    assert (decided == 3).any(), "a class that is not there is predicted, and counts against the model"
    by_class = reference.precision_recall_fscore_support(labels, decided, sample_weight=weights, zero_division=0)
    macro = [
        reference.precision_recall_fscore_support(labels, decided, average="macro", sample_weight=weights, zero_division=0)[n]
        for n in (0, 1, 2)
    ]
    aucs = [reference.roc_auc_score(labels == n, answers.scores[:, n], sample_weight=weights) for n in range(3)]
    expected = {
        "accuracy": reference.accuracy_score(labels, decided, sample_weight=weights),
        **dict(zip(("macro_precision", "macro_recall", "macro_f1"), macro, strict=True)),
        "auc": np.mean(aucs),
        "log_loss": reference.log_loss(labels, answers.scores, labels=range(4), sample_weight=weights),
        "calibration_error": calibration_error(labels == decided, answers.scores.max(axis=1), weights),
    }
    assert set(expected) == set(TRAITS["multiclass"].metrics)
    for n, name in enumerate(SEVERAL.classes[:3]):
        for which, metric in enumerate(("precision", "recall", "f1")):
            expected[f"{metric}_{name}"] = by_class[which][n]
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("weights", [np.ones(ROWS), WEIGHTS])
def test_errors_are_scikit_learns(weights: Any) -> None:
    labels = RNG.normal(10, 3, ROWS)
    predicted = labels + RNG.normal(0, 2, ROWS)
    found = statistics(REGRESSION, Answers(labels, predicted.reshape(-1, 1)))
    assert {name: one.of(weights) for name, one in found.items()} == pytest.approx(
        {
            "rmse": reference.root_mean_squared_error(labels, predicted, sample_weight=weights),
            "mae": reference.mean_absolute_error(labels, predicted, sample_weight=weights),
            "r2": reference.r2_score(labels, predicted, sample_weight=weights),
        }
    )


def test_the_silhouette_is_sparks(spark: SparkSession) -> None:
    points = np.vstack([RNG.normal(c, s, (n, 3)) for c, s, n in ((0, 1, 80), (4, 0.5, 50), (-3, 2, 30), (20, 1, 1))])
    clusters = np.repeat([0.0, 2.0, 5.0, 7.0], [80, 50, 30, 1])
    clusters[:5] = 5
    rows = [(Vectors.dense(point), float(cluster)) for point, cluster in zip(points, clusters, strict=True)]
    frame = spark.createDataFrame(rows, ["features", "prediction"])
    answers = Answers(np.full(161, np.nan), clusters.reshape(-1, 1), space=points)
    found = metrics(Task("clustering"), answers)
    assert found.pop("silhouette") == pytest.approx(ClusteringEvaluator().evaluate(frame))
    assert found == pytest.approx(
        {"share_0": 75 / 161, "share_2": 50 / 161, "share_5": 35 / 161, "share_7": 1 / 161, "smallest_share": 1 / 161}
    )


def test_one_cluster_is_the_worst_answer_and_points_that_coincide_are_none() -> None:
    assert silhouettes(RNG.normal(0, 1, (50, 2)), np.zeros(50)).tolist() == [-1] * 50
    assert silhouettes(np.ones((4, 2)), np.array([0.0, 0, 1, 1])).tolist() == [0] * 4


def test_the_space_is_scaled_by_the_rows_themselves_and_bears_what_is_absent_or_constant() -> None:
    rows = pd.DataFrame({"x": [1.0, 3.0, np.nan, 100.0], "none": np.nan, "same": 7.0, "kind": ["a", "b", "a", "c"]})
    points = space(rows, ["x", "none", "same"], ["kind"])
    assert points.shape == (4, 6)
    assert np.isfinite(points).all()
    assert points[:, 0].mean() == pytest.approx(0)
    assert points[:, 0].std() == pytest.approx(1)
    assert points[1, 0] == points[2, 0], "an absent number is the median of those that are there"
    assert (points[:, 1:3] == 0).all()
    assert points[:, 3:].tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]]


def test_rankings_are_means_over_users_and_coverage_counts_what_is_shown() -> None:
    shown = np.array([[0, 1] + [-1] * 8, [1, 2] + [-1] * 8])
    ranking = Ranking(["a", "b"], 8, shown, np.array([0.1, 0.2]), np.array([1.0, 0.5]))
    labels = np.array([1.0, 5.0, 3.0])
    answers = Answers(labels, np.array([[2.0], [5.0], [3.0]]), ranking=ranking)
    found = statistics(Task("recommendation"), answers)
    assert set(found) == set(TRAITS["recommendation"].metrics)
    values = {name: one.value for name, one in found.items()}
    assert values == pytest.approx(
        {"rmse": math.sqrt(1 / 3), "mae": 1 / 3, "precision_at_10": 0.15, "ndcg_at_10": 0.75, "coverage": 3 / 8}
    )
    assert found["coverage"].of(np.array([2.0, 0.0])) == 2 / 8
    assert (found["rmse"].units, found["coverage"].units) == (3, 2)


def test_the_calibration_error_knows_the_honest_from_the_sure_of_themselves() -> None:
    random = np.random.default_rng(1)
    honest = random.random(20_000)
    labels = (random.random(20_000) < honest).astype(float)
    sure = np.where(honest > 0.5, 0.99, 0.01)
    assert metrics(BINARY, binary(honest, labels))["calibration_error"] < 0.02
    assert metrics(BINARY, binary(sure, labels))["calibration_error"] == pytest.approx(0.24, abs=0.01)
    assert metrics(BINARY, binary(np.full(20_000, 0.3), labels))["calibration_error"] == pytest.approx(labels.mean() - 0.3)
    assert metrics(BINARY, binary(1 - labels, labels))["calibration_error"] == 1
    tenths = [part.mean() for part in np.array_split((honest - labels)[np.argsort(honest)], 10)]
    assert metrics(BINARY, binary(honest, labels))["calibration_error"] == pytest.approx(np.abs(tenths).mean())


def test_an_auc_of_a_single_class_is_none() -> None:
    assert math.isnan(Auc(LABELS, GOOD)(LABELS))


@pytest.mark.parametrize("metric", ["f1", "value"])
def test_the_threshold_is_the_best_of_all(metric: str) -> None:
    answers = binary(costs=COSTS)
    best = best_threshold(answers, metric)
    values = [metrics(BINARY, replace(answers, threshold=float(one)))[metric] for one in (best, *np.linspace(0.01, 1.01, 60))]
    assert values[0] == max(values)
    assert values[0] > min(values)


def test_where_every_yes_loses_the_best_is_to_say_no() -> None:
    costs = Costs(true_positive=-1, false_positive=-10, true_negative=0, false_negative=0)
    assert best_threshold(binary(costs=costs), "value") > GOOD.max()


@pytest.mark.parametrize("task", [BINARY, SEVERAL, REGRESSION])
def test_a_constant_prediction_has_no_good_figure(task: Task) -> None:
    labels = several().labels if task is SEVERAL else LABELS
    scores = np.full((ROWS, len(task.outputs)), 1 / len(task.outputs) if task is SEVERAL else 0.4)
    found = metrics(task, Answers(labels, scores, threshold=0.5))
    assert found.get("auc", 0.5) == pytest.approx(0.5)
    assert found.get("f1", 0) == 0
    assert found.get("macro_f1", 0) < (0.1 if task is SEVERAL else 0.5)
    assert found.get("r2", 0) <= 0


@pytest.mark.parametrize(
    ("task", "labels", "scores", "says"),
    [
        (BINARY, [], np.empty((0, 1)), "found 0 rows"),
        (BINARY, [1, 1], [[0.1], [0.2]], "found 2 rows, all with label 1"),
        (BINARY, [0, 1], [[0.1], [np.nan]], "1 predictions that are not finite"),
        (BINARY, [0, 1], [[0.1], [1.2]], "no probabilities"),
        (BINARY, [0, 2], [[0.1], [0.2]], "labels"),
        (BINARY, [0, 1], [0.1, 0.2], "scores of shape"),
        (BINARY, [0, 1], [[0.1, 0.9], [0.2, 0.8]], "scores of shape"),
        (SEVERAL, [0, 1], [[0.1] * 4, [0.25] * 4], "no probabilities"),
        (SEVERAL, [2, 2], [[0.25] * 4] * 2, "all with label 2"),
        (SEVERAL, [0, 4], [[0.25] * 4] * 2, "labels"),
        (REGRESSION, [3.5, 3.5], [[1.0], [2.0]], "all with label 3.5"),
        (REGRESSION, [3.5, np.nan], [[1.0], [2.0]], "1 labels that are not finite"),
        (REGRESSION, [3.5, 1.0], [[np.inf], [np.nan]], "2 predictions"),
        (Task("clustering"), [np.nan] * 2, [[0.0], [np.nan]], "1 predictions"),
        (Task("recommendation"), [1.0, 1.0], [[np.nan], [1.0]], "1 predictions"),
    ],
)
def test_what_cannot_be_judged_is_refused(task: Task, labels: Any, scores: Any, says: str) -> None:
    with pytest.raises(UpdraftError, match=says):
        metrics(task, Answers(np.array(labels, float), np.array(scores, float), threshold=0.5, space=np.zeros((2, 1))))
