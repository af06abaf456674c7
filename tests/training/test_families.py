"""The families: they fit a clear signal, are deterministic, and refuse bad input in a sentence."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from sklearn.metrics import normalized_mutual_info_score

from tests.training.families import (
    CASES,
    CLASSES,
    NAMES,
    ROWS,
    SEEDED,
    FittedCase,
    fit_case,
    frame_of,
    recipe_of,
    rows_of,
)
from updraft.core.errors import UpdraftError
from updraft.core.hyperparameters import hyperparameters
from updraft.core.kinds import TRAITS, Kind
from updraft.models.feature_columns import FeatureColumns
from updraft.models.onnx_runtime import score_onnx
from updraft.training.export import check_parity, to_onnx
from updraft.training.families import fit

# Cases whose signal has a test of its own.
OTHER_SIGNALS = {"implicit recommendation", "Gaussian mixture"}


def quality(tested: FittedCase) -> float:
    """On usual rows, on which the model was not trained: 1 is perfect, 0 no better than chance."""
    usual = slice(0, len(tested.labels) // 2)
    labels = tested.labels[usual]
    scores = tested.native[usual]
    match tested.fitted.task.kind:
        case "binary":
            return 2 * float(np.mean((scores[:, 0] > 0.5) == labels)) - 1
        case "multiclass":
            return 1.5 * float(np.mean(scores.argmax(axis=1) == labels)) - 0.5
        case "clustering":
            by_number = (tested.rows["größe"][usual] / 1000).round()
            by_category = tested.rows["kind.of"][usual]
            # A clustering may find either of these groups.
            information = [
                normalized_mutual_info_score(groups, scores[:, 0])
                for groups in (by_number, by_category)
            ]
            return float(max(information))
        case _:
            return 1 - float(np.mean((labels - scores[:, 0]) ** 2) / np.var(labels))


def test_every_algorithm_of_every_kind_is_tried() -> None:
    tried: dict[Kind, set[str]] = {}
    for kind, algorithm, parameters in CASES.values():
        tried.setdefault(kind, set()).add(algorithm)
        assert set(parameters) <= set(hyperparameters(kind, algorithm)), "a use case may say so"
    assert tried == {kind: set(traits.algorithms) for kind, traits in TRAITS.items()}


@pytest.mark.bad_input("B16")
@pytest.mark.parametrize("case", [case for case in CASES if case not in OTHER_SIGNALS])
def test_a_family_fits_a_clear_signal(fitted_case: Callable[[str], FittedCase], case: str) -> None:
    tested = fitted_case(case)
    assert tested.native.shape == (2 * ROWS, len(tested.fitted.task.outputs))
    floors = {"multiclass naive Bayes": 0.1, "multiclass boosted": 0.2, "regression boosted": 0.25}
    assert quality(tested) > floors.get(case, 0.5)


def test_a_gaussian_mixture_finds_groups_of_numbers(spark: SparkSession) -> None:
    """Without categories: a one-hot column that is constant in a component has infinite density."""
    columns = FeatureColumns(["a.b c", "größe"], [])
    recipe = recipe_of("clustering", "gaussian_mixture", columns, {"k": 3, "maxIter": 20})
    fitted = fit(recipe, frame_of(spark, rows_of("clustering", 1)))
    usual = rows_of("clustering", 2)
    _, scores = fitted.predict(frame_of(spark, usual))
    groups = (usual["größe"] / 1000).round()
    assert normalized_mutual_info_score(groups, scores[:, 0]) > 0.9


def test_implicit_feedback_ranks_what_was_liked_before_what_was_not(
    fitted_case: Callable[[str], FittedCase],
) -> None:
    tested = fitted_case("implicit recommendation")
    liked = tested.native[: len(tested.labels) // 2, 0]
    users, items = np.meshgrid([f"u{n}" for n in range(30)], [f"i{n}" for n in range(30)])
    all_pairs = pd.DataFrame({"user": users.ravel(), "item": items.ravel()})
    assert np.mean(liked) > np.mean(score_onnx(tested.model, all_pairs)) + 0.1


@pytest.mark.parametrize("case", SEEDED)
def test_the_same_seed_gives_the_same_model(
    fitted_case: Callable[[str], FittedCase], spark: SparkSession, case: str
) -> None:
    tested = fitted_case(case)
    repeated = score_onnx(to_onnx(fit_case(spark, case)), tested.rows)
    assert np.allclose(repeated, tested.exported, rtol=1e-6, atol=1e-6)


def test_a_class_without_a_row_has_probability_zero(
    fitted_case: Callable[[str], FittedCase],
) -> None:
    for case in [case for case, (kind, _, _) in CASES.items() if kind == "multiclass"]:
        native = fitted_case(case).native
        assert np.allclose(native.sum(axis=1), 1)
        assert not native[:, CLASSES.index("never")].any(), case


def test_unknown_users_and_items_get_means(fitted_case: Callable[[str], FittedCase]) -> None:
    rated = rows_of("recommendation", 1)
    pairs = pd.DataFrame({"user": ["new", "u1", "new", None], "item": ["i1", "new", "new", "i1"]})
    explicit = score_onnx(fitted_case("explicit recommendation").model, pairs)[:, 0]
    implicit = score_onnx(fitted_case("implicit recommendation").model, pairs)[:, 0]
    by_item = rated[rated["item"] == "i1"].label.mean()
    by_user = rated[rated["user"] == "u1"].label.mean()
    # A third of the usual rows was repeated for training, so the means are near, not equal.
    means = [by_item, by_user, rated.label.mean(), by_item]
    assert explicit == pytest.approx(means, abs=0.15)
    assert implicit[0] == implicit[3] > 0.1
    assert list(implicit[1:3]) == [0, 0]


@pytest.mark.parametrize("algorithm", TRAITS["binary"].algorithms)
def test_balance_gives_a_rare_class_the_same_weight(
    spark: SparkSession, exporting: None, algorithm: str
) -> None:
    random = np.random.default_rng(1)
    rows = pd.DataFrame({"row_id": range(400), "label": np.arange(400) < 40})
    rows["x"] = random.normal(size=400) + rows.label
    frame = frame_of(spark, rows)
    few_trees = {
        "random_forest": {"numTrees": 3},
        "gradient_boosted_trees": {"maxIter": 2},
        "lightgbm": {"n_estimators": 10},
    }
    columns = FeatureColumns(["x"], [])
    parameters = few_trees.get(algorithm)
    means = []
    for balance in (False, True):
        fitted = fit(recipe_of("binary", algorithm, columns, parameters, balance=balance), frame)
        _, scores = fitted.predict(frame)
        means.append(float(scores.mean()))
    assert means[0] < 0.2 < means[1]
    assert check_parity(to_onnx(fitted), rows, scores) < 1e-6


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [("regression", "linear_regression"), ("clustering", "k_means"), ("recommendation", "als")],
)
def test_balance_is_refused_where_there_are_no_classes(
    spark: SparkSession, kind: Kind, algorithm: str
) -> None:
    frame = frame_of(spark, rows_of("regression", 1))
    recipe = recipe_of(kind, algorithm, FeatureColumns(["flat"], []), balance=True)
    with pytest.raises(UpdraftError, match=f"model.balance.*kind {kind} has no classes"):
        fit(recipe, frame)


@pytest.mark.parametrize(
    ("kind", "algorithm", "parameters", "message"),
    [
        ("binary", "random_forest", {"maxDepth": "deep"}, "maxDepth"),
        ("binary", "gradient_boosted_trees", {"maxBins": 2}, "maxBins"),
        ("binary", "naive_bayes", {"modelType": "poisson"}, "modelType"),
        ("binary", "lightgbm", {"num_leaves": 0}, "num_leaves"),
        (
            "regression",
            "generalized_linear_regression",
            {"family": "poisson", "link": "logit"},
            "logit",
        ),
        (
            "regression",
            "generalized_linear_regression",
            {"family": "gamma"},
            "response variable of Gamma",
        ),
        ("clustering", "k_means", {"k": 1}, "k given invalid value 1"),
        (
            "recommendation",
            "als",
            {"rank": 0},
            "found \\['flat'\\], expected the strings user and item",
        ),
    ],
)
def test_what_a_family_refuses_is_reported_in_a_sentence(
    spark: SparkSession, kind: Kind, algorithm: str, parameters: dict[str, Any], message: str
) -> None:
    rows = rows_of("binary", 1)  # Labels of 0, which a gamma distribution does not have.
    columns = FeatureColumns(["a.b c"], ["`quoted`"])
    if kind == "recommendation":
        columns = FeatureColumns(["flat"], [])
    recipe = recipe_of(kind, algorithm, columns, parameters)
    with pytest.raises(UpdraftError, match=message) as refused:
        fit(recipe, frame_of(spark, rows))
    assert "\n" not in str(refused.value)


def test_too_many_factors_are_refused_before_they_are_fitted(spark: SparkSession) -> None:
    frame = frame_of(spark, rows_of("recommendation", 1))
    columns = FeatureColumns([], ["user", "item"])
    recipe = recipe_of("recommendation", "als", columns, {"rank": 10_000_000})
    message = "found 30 users and 30 items, whose 10000000 factors each would take 2.4 GB"
    with pytest.raises(UpdraftError, match=message):
        fit(recipe, frame)


def test_a_single_class_and_the_name_of_an_answer_are_refused(spark: SparkSession) -> None:
    rows = rows_of("binary", 1)
    recipe = recipe_of("binary", "lightgbm", FeatureColumns(["flat"], []))
    with pytest.raises(UpdraftError, match="found 300 rows of 1 class"):
        fit(recipe, frame_of(spark, rows.assign(label=1.0)))
    recipe = recipe_of("binary", "lightgbm", FeatureColumns(["probability"], []))
    message = r"found \['probability'\], which is the name of a model output"
    with pytest.raises(UpdraftError, match=message):
        fit(recipe, frame_of(spark, rows))


@pytest.mark.bad_input("B12")
@pytest.mark.bad_input("B16")
@pytest.mark.parametrize("algorithm", ["naive_bayes", "lightgbm"])
def test_a_feature_without_any_value_is_refused_or_ignored(
    spark: SparkSession, exporting: None, algorithm: str
) -> None:
    rows = rows_of("binary", 1).assign(empty=np.nan)
    frame = frame_of(spark, rows)
    recipe = recipe_of("binary", algorithm, FeatureColumns([*NAMES[:3], "empty"], NAMES[3:]))
    if algorithm == "lightgbm":  # It ignores the feature.
        fitted = fit(recipe, frame)
        assert check_parity(to_onnx(fitted), rows, fitted.predict(frame)[1]) < 1e-6
    else:
        message = r"features without any value in the rows: \['empty'\]"
        with pytest.raises(UpdraftError, match=message):
            fit(recipe, frame)


@pytest.mark.bad_input("B12")
def test_constant_features_leave_the_mean(spark: SparkSession, exporting: None) -> None:
    rows = rows_of("regression", 1).assign(**{"kind.of": "x"})
    frame = frame_of(spark, rows)
    constant = FeatureColumns(["flat"], ["kind.of"])
    fitted = fit(recipe_of("regression", "linear_regression", constant), frame)
    _, scores = fitted.predict(frame)
    assert scores == pytest.approx(rows.label.mean())
    assert check_parity(to_onnx(fitted), rows, scores) < 1e-6
    with pytest.raises(UpdraftError, match="found no feature that varies"):
        fit(recipe_of("regression", "linear_regression", FeatureColumns([], ["kind.of"])), frame)


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        ("binary", "logistic_regression"),
        ("binary", "lightgbm"),
        ("regression", "linear_regression"),
        ("clustering", "k_means"),
    ],
)
def test_ten_rows_are_enough_to_fit(
    spark: SparkSession, exporting: None, kind: Kind, algorithm: str
) -> None:
    rows = pd.DataFrame(
        {
            "row_id": range(10),
            "x": [n * n % 7 for n in range(10)],
            "k": list("aabbbccabd"),
            "label": [0, 1] * 5,
        }
    )
    frame = frame_of(spark, rows)
    fitted = fit(recipe_of(kind, algorithm, FeatureColumns(["x"], ["k"])), frame)
    _, scores = fitted.predict(frame)
    assert np.isfinite(scores).all()
    assert check_parity(to_onnx(fitted), rows, scores) < 1e-6
