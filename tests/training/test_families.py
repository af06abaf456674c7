"""The families: they learn what there is to learn, the same again, and refuse in a sentence what they cannot."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from sklearn.metrics import normalized_mutual_info_score

from tests.training.families import CASES, CLASSES, NAMES, ROWS, SEEDED, Learnt, fit_case, frame_of, rows_of
from updraft.core.errors import UpdraftError
from updraft.core.hyperparameters import hyperparameters
from updraft.core.kinds import TRAITS, Kind, Task
from updraft.models.feature_columns import Columns
from updraft.models.onnx_runtime import score_onnx
from updraft.training.export import check_parity, to_onnx
from updraft.training.families import fit

BINARY = Task("binary")


def quality(case: str, learnt: Learnt) -> float:
    """On usual rows, which it has not learnt from: 1 is perfect, 0 as good as none."""
    kind, usual = CASES[case][0], slice(0, len(learnt.labels) // 2)
    labels, scores = learnt.labels[usual], learnt.native[usual]
    match kind:
        case "binary":
            return 2 * float(np.mean((scores[:, 0] > 0.5) == labels)) - 1
        case "multiclass":
            return 1.5 * float(np.mean(scores.argmax(axis=1) == labels)) - 0.5
        case "clustering":
            groups = (learnt.rows["größe"][usual] / 1000).round(), learnt.rows["kind.of"][usual]  # Both are there to be found.
            return float(max(normalized_mutual_info_score(group, scores[:, 0]) for group in groups))
        case _:
            return 1 - float(np.mean((labels - scores[:, 0]) ** 2) / np.var(labels))


def test_every_algorithm_of_every_kind_is_tried() -> None:
    tried: dict[Kind, set[str]] = {}
    for kind, algorithm, parameters in CASES.values():
        tried.setdefault(kind, set()).add(algorithm)
        assert set(parameters) <= set(hyperparameters(kind, algorithm)), "a use case may say so"
    assert tried == {kind: set(traits.algorithms) for kind, traits in TRAITS.items()}


@pytest.mark.parametrize("case", [case for case in CASES if case not in ("implicit recommendation", "Gaussian mixture")])
def test_a_family_learns_a_clear_signal(learnt: Callable[[str], Learnt], case: str) -> None:
    found = learnt(case)
    assert found.native.shape == (2 * ROWS, len(found.fitted.task.outputs))
    floors = {"multiclass naive Bayes": 0.1, "multiclass boosted": 0.2, "regression boosted": 0.25}
    assert quality(case, found) > floors.get(case, 0.5)


def test_a_gaussian_mixture_finds_groups_of_numbers(spark: SparkSession) -> None:
    """Of numbers alone: a one-hot column that never varies in a component makes that one's density arbitrarily large."""
    columns, task = Columns(["a.b c", "größe"], []), Task("clustering")
    fitted = fit("gaussian_mixture", frame_of(spark, rows_of("clustering", 1)), columns, {"k": 3, "maxIter": 20}, 1, task)
    usual = rows_of("clustering", 2)
    _, scores = fitted.predict(frame_of(spark, usual))
    assert normalized_mutual_info_score((usual["größe"] / 1000).round(), scores[:, 0]) > 0.9


def test_implicit_feedback_puts_what_was_liked_before_what_was_not(learnt: Callable[[str], Learnt]) -> None:
    found = learnt("implicit recommendation")
    liked = found.native[: len(found.labels) // 2, 0]
    users, items = np.meshgrid([f"u{n}" for n in range(30)], [f"i{n}" for n in range(30)])
    everything = score_onnx(found.model, pd.DataFrame({"user": users.ravel(), "item": items.ravel()}))
    assert np.mean(liked) > np.mean(everything) + 0.1


@pytest.mark.parametrize("case", SEEDED)
def test_the_same_seed_gives_the_same_model(learnt: Callable[[str], Learnt], spark: SparkSession, case: str) -> None:
    again = to_onnx(fit_case(spark, case))
    assert np.allclose(score_onnx(again, learnt(case).rows), learnt(case).exported, rtol=1e-6, atol=1e-6)


def test_a_class_without_a_row_has_no_chance(learnt: Callable[[str], Learnt]) -> None:
    for case in (case for case, (kind, _, _) in CASES.items() if kind == "multiclass"):
        native = learnt(case).native
        assert np.allclose(native.sum(axis=1), 1)
        assert not native[:, CLASSES.index("never")].any(), case


def test_the_cold_get_means(learnt: Callable[[str], Learnt]) -> None:
    rated = rows_of("recommendation", 1)
    cold = pd.DataFrame({"user": ["new", "u1", "new", None], "item": ["i1", "new", "new", "i1"]})
    explicit, implicit = (score_onnx(learnt(f"{way} recommendation").model, cold)[:, 0] for way in ("explicit", "implicit"))
    # The odd rows repeat a third of the usual ones, so the means are near, not equal.
    by_item, by_user = rated[rated["item"] == "i1"].label.mean(), rated[rated["user"] == "u1"].label.mean()
    assert explicit == pytest.approx([by_item, by_user, rated.label.mean(), by_item], abs=0.15)
    assert implicit[0] == implicit[3] > 0.1
    assert list(implicit[1:3]) == [0, 0]


@pytest.mark.parametrize("algorithm", TRAITS["binary"].algorithms)
def test_balance_lets_a_rare_class_count_as_much(spark: SparkSession, exporting: None, algorithm: str) -> None:
    random = np.random.default_rng(1)
    rows = pd.DataFrame({"row_id": range(400), "x": random.normal(size=400), "label": np.arange(400) < 40})
    rows["x"] += rows.label
    frame = frame_of(spark, rows)
    small = {"random_forest": {"numTrees": 3}, "gradient_boosted_trees": {"maxIter": 2}, "lightgbm": {"n_estimators": 10}}
    means = []
    for balance in (False, True):
        fitted = fit(algorithm, frame, Columns(["x"], []), small.get(algorithm, {}), 1, BINARY, balance=balance)
        _, scores = fitted.predict(frame)
        means.append(float(scores.mean()))
    assert means[0] < 0.2 < means[1]
    assert check_parity(to_onnx(fitted), rows, scores) < 1e-6


@pytest.mark.parametrize(
    ("kind", "algorithm"), [("regression", "linear_regression"), ("clustering", "k_means"), ("recommendation", "als")]
)
def test_balance_is_refused_where_there_are_no_classes(spark: SparkSession, kind: Kind, algorithm: str) -> None:
    frame = frame_of(spark, rows_of("regression", 1))
    with pytest.raises(UpdraftError, match=f"model.balance.*kind {kind} has no classes"):
        fit(algorithm, frame, Columns(["flat"], []), {}, 1, Task(kind), balance=True)


@pytest.mark.parametrize(
    ("kind", "algorithm", "wrong", "says"),
    [
        ("binary", "random_forest", {"maxDepth": "deep"}, "maxDepth"),
        ("binary", "gradient_boosted_trees", {"maxBins": 2}, "maxBins"),
        ("binary", "naive_bayes", {"modelType": "poisson"}, "modelType"),
        ("binary", "lightgbm", {"num_leaves": 0}, "num_leaves"),
        ("regression", "generalized_linear_regression", {"family": "poisson", "link": "logit"}, "logit"),
        ("regression", "generalized_linear_regression", {"family": "gamma"}, "response variable of Gamma"),
        ("clustering", "k_means", {"k": 1}, "k given invalid value 1"),
        ("recommendation", "als", {"rank": 0}, "found \\['flat'\\], expected the strings user and item"),
    ],
)
def test_what_a_family_refuses_is_told_in_a_sentence(
    spark: SparkSession, kind: Kind, algorithm: str, wrong: dict[str, Any], says: str
) -> None:
    rows = rows_of("binary", 1)  # Labels of 0, which no gamma distribution gives.
    columns = Columns(["flat"], []) if kind == "recommendation" else Columns(["a.b c"], ["`quoted`"])
    with pytest.raises(UpdraftError, match=says) as refused:
        fit(algorithm, frame_of(spark, rows), columns, wrong, 1, Task(kind))
    assert "\n" not in str(refused.value)


def test_too_many_factors_are_refused_before_they_are_learnt(spark: SparkSession) -> None:
    frame = frame_of(spark, rows_of("recommendation", 1))
    with pytest.raises(UpdraftError, match=r"found 30 users and 30 items, whose 10000000 factors each would take 2.4 GB"):
        fit("als", frame, Columns([], ["user", "item"]), {"rank": 10_000_000}, 1, Task("recommendation"))


def test_a_single_class_and_an_answers_name_are_refused(spark: SparkSession) -> None:
    rows = rows_of("binary", 1)
    with pytest.raises(UpdraftError, match="found 300 rows of 1 class"):
        fit("lightgbm", frame_of(spark, rows.assign(label=1.0)), Columns(["flat"], []), {}, 1, BINARY)
    with pytest.raises(UpdraftError, match=r"found \['probability'\], which is what the model's answer is called"):
        fit("lightgbm", frame_of(spark, rows), Columns(["probability"], []), {}, 1, BINARY)


@pytest.mark.parametrize("algorithm", ["naive_bayes", "lightgbm"])
def test_a_feature_without_any_value_has_a_verdict(spark: SparkSession, exporting: None, algorithm: str) -> None:
    rows = rows_of("binary", 1).assign(empty=np.nan)
    frame = frame_of(spark, rows)
    columns = Columns([*NAMES[:3], "empty"], NAMES[3:])
    if algorithm == "lightgbm":  # It finds nothing in the feature, and goes on.
        fitted = fit(algorithm, frame, columns, {}, 1, BINARY)
        assert check_parity(to_onnx(fitted), rows, fitted.predict(frame)[1]) < 1e-6
    else:
        with pytest.raises(UpdraftError, match=r"features without any value in the rows: \['empty'\]"):
            fit(algorithm, frame, columns, {}, 1, BINARY)


def test_features_that_never_vary_leave_the_mean(spark: SparkSession, exporting: None) -> None:
    rows = rows_of("regression", 1).assign(**{"kind.of": "x"})
    frame = frame_of(spark, rows)
    fitted = fit("linear_regression", frame, Columns(["flat"], ["kind.of"]), {}, 1, Task("regression"))
    _, scores = fitted.predict(frame)
    assert scores == pytest.approx(rows.label.mean())
    assert check_parity(to_onnx(fitted), rows, scores) < 1e-6
    with pytest.raises(UpdraftError, match="found no feature that varies"):
        fit("linear_regression", frame, Columns([], ["kind.of"]), {}, 1, Task("regression"))


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [("binary", "logistic_regression"), ("binary", "lightgbm"), ("regression", "linear_regression"), ("clustering", "k_means")],
)
def test_ten_rows_are_enough_to_fit(spark: SparkSession, exporting: None, kind: Kind, algorithm: str) -> None:
    rows = pd.DataFrame(
        {"row_id": range(10), "x": [n * n % 7 for n in range(10)], "k": list("aabbbccabd"), "label": [0, 1] * 5}
    )
    frame = frame_of(spark, rows)
    fitted = fit(algorithm, frame, Columns(["x"], ["k"]), {}, 1, Task(kind))
    _, scores = fitted.predict(frame)
    assert np.isfinite(scores).all()
    assert check_parity(to_onnx(fitted), rows, scores) < 1e-6
