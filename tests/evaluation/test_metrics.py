"""Metrics of every kind against scikit-learn's and Spark's, with and without weights."""

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
from updraft.evaluation.kinds.binary import best_threshold
from updraft.evaluation.metrics import Answers, Auc, metrics, statistics
from updraft.evaluation.ranking import Ranking

RNG = np.random.default_rng(7)
ROWS = 3000
LABELS = (RNG.random(ROWS) < 0.25).astype(float)
GOOD = np.clip(LABELS * 0.2 + RNG.random(ROWS) * 0.8, 0, 1)
COSTS = Costs(true_positive=50, false_positive=-10, true_negative=0, false_negative=-80)
BINARY = Task("binary")
REGRESSION = Task("regression")
MULTICLASS = Task("multiclass", ("draw", "black", "white", "never"))
WEIGHTS = RNG.integers(0, 4, ROWS).astype(float)


def binary(scores: Any = GOOD, labels: Any = LABELS, **options: Any) -> Answers:
    column = np.array(scores).reshape(-1, 1)
    return Answers(np.array(labels), column, **{"threshold": 0.5, **options})


def multiclass() -> Answers:
    """Three classes of four; the last one is never observed. The scores carry some signal."""
    labels = RNG.choice(3, ROWS, p=[0.05, 0.45, 0.5]).astype(float)
    raw = RNG.random((ROWS, 4)) * [1, 1, 1, 0.9] + 0.5 * np.eye(4)[labels.astype(int)]
    return Answers(labels, raw / raw.sum(axis=1, keepdims=True))


def weighted(task: Task, answers: Answers, weights: Any) -> dict[str, float]:
    return {name: statistic.of(weights) for name, statistic in statistics(task, answers).items()}


def calibration_error(outcomes: Any, probabilities: Any, weights: Any) -> float:
    """The error row by row: each row is repeated by its weight, and equal ones share a bin."""
    rows = sorted(
        (float(probability), float(outcome))
        for probability, outcome, weight in zip(probabilities, outcomes, weights, strict=True)
        for _ in range(int(weight))
    )
    bins: list[list[tuple[float, float]]] = [[] for _ in range(10)]
    seen = 0
    for _, equal in itertools.groupby(rows, key=lambda row: row[0]):
        group = list(equal)
        bins[math.floor(10 * (seen + len(group) / 2) / len(rows))] += group
        seen += len(group)
    distance = 0.0
    for members in bins:
        if members:
            mean_probability = sum(probability for probability, _ in members) / len(members)
            share = sum(outcome for _, outcome in members) / len(members)
            distance += abs(mean_probability - share) * len(members)
    return distance / len(rows)


@pytest.mark.parametrize("weights", [np.ones(ROWS), WEIGHTS])
def test_binary_metrics_equal_those_of_scikit_learn(weights: Any) -> None:
    answers = binary(GOOD.round(1), costs=COSTS)
    measured = weighted(BINARY, answers, weights)
    decisions = GOOD.round(1) >= 0.5
    scores = answers.scores[:, 0]
    clipped = scores.clip(1e-7, 1 - 1e-7)
    if_positive = np.where(decisions, 50, -80)
    if_negative = np.where(decisions, -10, 0)
    values = np.where(LABELS > 0, if_positive, if_negative)
    weighting: dict[str, Any] = {"sample_weight": weights}
    macro_f1 = reference.f1_score(LABELS, decisions, average="macro", **weighting)
    assert measured == pytest.approx(
        {
            "auc": reference.roc_auc_score(LABELS, scores, **weighting),
            "log_loss": reference.log_loss(LABELS, clipped, **weighting),
            "calibration_error": calibration_error(LABELS, scores, weights),
            "f1": reference.f1_score(LABELS, decisions, **weighting),
            "macro_f1": macro_f1,
            "accuracy": reference.accuracy_score(LABELS, decisions, **weighting),
            "precision": reference.precision_score(LABELS, decisions, **weighting),
            "recall": reference.recall_score(LABELS, decisions, **weighting),
            "value": np.average(values, weights=weights),
        }
    )
    assert set(measured) == set(TRAITS["binary"].metrics)
    assert "value" not in metrics(BINARY, binary()), "without costs there is no value"


@pytest.mark.parametrize("weights", [np.ones(ROWS), WEIGHTS])
def test_multiclass_metrics_equal_those_of_scikit_learn(weights: Any) -> None:
    answers = multiclass()
    measured = weighted(MULTICLASS, answers, weights)
    labels = answers.labels
    decisions = answers.scores.argmax(axis=1)
    assert (decisions == 3).any(), "a class without rows is predicted, and counts as an error"
    weighting: dict[str, Any] = {"sample_weight": weights}
    scores = reference.precision_recall_fscore_support
    by_class = scores(labels, decisions, zero_division=0, **weighting)
    macro = scores(labels, decisions, average="macro", zero_division=0, **weighting)
    aucs = [
        reference.roc_auc_score(labels == n, answers.scores[:, n], **weighting) for n in range(3)
    ]
    expected = {
        "accuracy": reference.accuracy_score(labels, decisions, **weighting),
        "macro_precision": macro[0],
        "macro_recall": macro[1],
        "macro_f1": macro[2],
        "auc": np.mean(aucs),
        "log_loss": reference.log_loss(labels, answers.scores, labels=range(4), **weighting),
        "calibration_error": calibration_error(
            labels == decisions, answers.scores.max(axis=1), weights
        ),
    }
    assert set(expected) == set(TRAITS["multiclass"].metrics)
    for n, name in enumerate(MULTICLASS.classes[:3]):
        expected[f"precision_{name}"] = by_class[0][n]
        expected[f"recall_{name}"] = by_class[1][n]
        expected[f"f1_{name}"] = by_class[2][n]
    assert measured == pytest.approx(expected)


@pytest.mark.parametrize("weights", [np.ones(ROWS), WEIGHTS])
def test_regression_metrics_equal_those_of_scikit_learn(weights: Any) -> None:
    labels = RNG.normal(10, 3, ROWS)
    predicted = labels + RNG.normal(0, 2, ROWS)
    measured = weighted(REGRESSION, Answers(labels, predicted.reshape(-1, 1)), weights)
    rmse = reference.root_mean_squared_error(labels, predicted, sample_weight=weights)
    assert measured == pytest.approx(
        {
            "rmse": rmse,
            "mae": reference.mean_absolute_error(labels, predicted, sample_weight=weights),
            "r2": reference.r2_score(labels, predicted, sample_weight=weights),
        }
    )


def test_the_silhouette_equals_that_of_spark(spark: SparkSession) -> None:
    groups = ((0, 1, 80), (4, 0.5, 50), (-3, 2, 30), (20, 1, 1))  # Centre, deviation, rows.
    points = np.vstack([RNG.normal(centre, deviation, (n, 3)) for centre, deviation, n in groups])
    clusters = np.repeat([0.0, 2.0, 5.0, 7.0], [80, 50, 30, 1])
    clusters[:5] = 5
    rows = [
        (Vectors.dense(point), float(cluster))
        for point, cluster in zip(points, clusters, strict=True)
    ]
    frame = spark.createDataFrame(rows, ["features", "prediction"])
    answers = Answers(np.full(161, np.nan), clusters.reshape(-1, 1), space=points)
    measured = metrics(Task("clustering"), answers)
    assert measured.pop("silhouette") == pytest.approx(ClusteringEvaluator().evaluate(frame))
    assert measured == pytest.approx(
        {
            "share_0": 75 / 161,
            "share_2": 50 / 161,
            "share_5": 35 / 161,
            "share_7": 1 / 161,
            "smallest_share": 1 / 161,
        }
    )


def test_the_silhouette_of_a_single_cluster_is_the_lowest_and_that_of_equal_points_zero() -> None:
    assert silhouettes(RNG.normal(0, 1, (50, 2)), np.zeros(50)).tolist() == [-1] * 50
    assert silhouettes(np.ones((4, 2)), np.array([0.0, 0, 1, 1])).tolist() == [0] * 4


def test_the_space_is_scaled_by_the_rows_and_tolerates_missing_and_constant_values() -> None:
    rows = pd.DataFrame(
        {
            "x": [1.0, 3.0, np.nan, 100.0],
            "none": np.nan,
            "same": 7.0,
            "kind": ["a", "b", "a", "c"],
        }
    )
    points = space(rows, ["x", "none", "same"], ["kind"])
    assert points.shape == (4, 6)
    assert np.isfinite(points).all()
    assert points[:, 0].mean() == pytest.approx(0)
    assert points[:, 0].std() == pytest.approx(1)
    assert points[1, 0] == points[2, 0], "a missing number is replaced by the median"
    assert (points[:, 1:3] == 0).all()
    assert points[:, 3:].tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]]


def test_metrics_of_rankings_are_means_over_users_and_coverage_counts_shown_items() -> None:
    shown = np.array([[0, 1] + [-1] * 8, [1, 2] + [-1] * 8])
    ranking = Ranking(["a", "b"], 8, shown, np.array([0.1, 0.2]), np.array([1.0, 0.5]))
    labels = np.array([1.0, 5.0, 3.0])
    answers = Answers(labels, np.array([[2.0], [5.0], [3.0]]), ranking=ranking)
    measured = statistics(Task("recommendation"), answers)
    assert set(measured) == set(TRAITS["recommendation"].metrics)
    values = {name: statistic.value for name, statistic in measured.items()}
    assert values == pytest.approx(
        {
            "rmse": math.sqrt(1 / 3),
            "mae": 1 / 3,
            "precision_at_10": 0.15,
            "ndcg_at_10": 0.75,
            "coverage": 3 / 8,
        }
    )
    assert measured["coverage"].of(np.array([2.0, 0.0])) == 2 / 8
    assert (measured["rmse"].units, measured["coverage"].units) == (3, 2)


def test_the_calibration_error_distinguishes_calibrated_from_overconfident_models() -> None:
    random = np.random.default_rng(1)
    calibrated = random.random(20_000)
    labels = (random.random(20_000) < calibrated).astype(float)

    def error(probabilities: Any) -> float:
        return metrics(BINARY, binary(probabilities, labels))["calibration_error"]

    assert error(calibrated) < 0.02
    overconfident = np.where(calibrated > 0.5, 0.99, 0.01)
    assert error(overconfident) == pytest.approx(0.24, abs=0.01)
    assert error(np.full(20_000, 0.3)) == pytest.approx(labels.mean() - 0.3)
    assert error(1 - labels) == 1
    differences = (calibrated - labels)[np.argsort(calibrated)]
    tenths = [part.mean() for part in np.array_split(differences, 10)]
    assert error(calibrated) == pytest.approx(np.abs(tenths).mean())


def test_the_auc_of_a_single_class_is_not_defined() -> None:
    assert math.isnan(Auc(LABELS, GOOD)(LABELS))


@pytest.mark.parametrize("metric", ["f1", "value"])
def test_the_threshold_is_the_best_of_all(metric: str) -> None:
    answers = binary(costs=COSTS)

    def value(threshold: float) -> float:
        return metrics(BINARY, replace(answers, threshold=threshold))[metric]

    best = value(best_threshold(answers, metric))
    others = [value(float(threshold)) for threshold in np.linspace(0.01, 1.01, 60)]
    assert best >= max(others)
    assert best > min(others)


def test_if_every_positive_decision_loses_the_best_threshold_is_above_all_scores() -> None:
    costs = Costs(true_positive=-1, false_positive=-10, true_negative=0, false_negative=0)
    assert best_threshold(binary(costs=costs), "value") > GOOD.max()


@pytest.mark.parametrize("task", [BINARY, MULTICLASS, REGRESSION])
def test_a_constant_prediction_has_no_good_metric(task: Task) -> None:
    labels = LABELS
    scores = np.full((ROWS, len(task.outputs)), 0.4)
    if task is MULTICLASS:
        labels = multiclass().labels
        scores = np.full((ROWS, len(task.outputs)), 1 / len(task.outputs))
    measured = metrics(task, Answers(labels, scores, threshold=0.5))
    assert measured.get("auc", 0.5) == pytest.approx(0.5)
    assert measured.get("f1", 0) == 0
    assert measured.get("macro_f1", 0) < (0.1 if task is MULTICLASS else 0.5)
    assert measured.get("r2", 0) <= 0


@pytest.mark.parametrize(
    ("task", "labels", "scores", "message"),
    [
        (BINARY, [], np.empty((0, 1)), "found 0 rows"),
        (BINARY, [1, 1], [[0.1], [0.2]], "found 2 rows, all with label 1"),
        (BINARY, [0, 1], [[0.1], [np.nan]], "1 predictions that are not finite"),
        (BINARY, [0, 1], [[0.1], [1.2]], "expected probabilities from 0 to 1"),
        (BINARY, [0, 2], [[0.1], [0.2]], "labels"),
        (BINARY, [0, 1], [0.1, 0.2], "scores of shape"),
        (BINARY, [0, 1], [[0.1, 0.9], [0.2, 0.8]], "scores of shape"),
        (MULTICLASS, [0, 1], [[0.1] * 4, [0.25] * 4], "that add up to 1 in each row"),
        (MULTICLASS, [2, 2], [[0.25] * 4] * 2, "all with label 2"),
        (MULTICLASS, [0, 4], [[0.25] * 4] * 2, "labels"),
        (REGRESSION, [3.5, 3.5], [[1.0], [2.0]], "all with label 3.5"),
        (REGRESSION, [3.5, np.nan], [[1.0], [2.0]], "1 labels that are not finite"),
        (REGRESSION, [3.5, 1.0], [[np.inf], [np.nan]], "2 predictions"),
        (Task("clustering"), [np.nan] * 2, [[0.0], [np.nan]], "1 predictions"),
        (Task("recommendation"), [1.0, 1.0], [[np.nan], [1.0]], "1 predictions"),
    ],
)
def test_answers_that_cannot_be_judged_are_refused(
    task: Task, labels: Any, scores: Any, message: str
) -> None:
    answers = Answers(
        np.array(labels, float), np.array(scores, float), threshold=0.5, space=np.zeros((2, 1))
    )
    with pytest.raises(UpdraftError, match=message):
        metrics(task, answers)
