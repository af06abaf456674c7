"""Each family on a small frame with a clear signal, unusual values and unusual names."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import pandas as pd
from pyspark.sql import DataFrame, SparkSession

from updraft.core.kinds import Kind, Task
from updraft.models.feature_columns import FeatureColumns
from updraft.models.onnx_runtime import Scores, score_onnx
from updraft.training.export import to_onnx
from updraft.training.families import Fitted, Labels, fit
from updraft.training.recipe import Parameters, Recipe

ROWS = 300
CLASSES = ("low", "middle", "high", "never")  # The last one has no rows.
NAMES = ["a.b c", "größe", "flat", "kind.of", "`quoted`"]
CASES: dict[str, tuple[Kind, str, dict[str, Any]]] = {
    "binary logistic regression": ("binary", "logistic_regression", {"maxIter": 10}),
    "binary forest": ("binary", "random_forest", {"numTrees": 6}),
    "binary boosted": (
        "binary",
        "gradient_boosted_trees",
        {"maxIter": 3, "subsamplingRate": 0.9},
    ),
    "binary naive Bayes": ("binary", "naive_bayes", {}),
    "binary LightGBM": (
        "binary",
        "lightgbm",
        {"n_estimators": 20, "subsample": 0.8, "subsample_freq": 1},
    ),
    "multiclass logistic regression": ("multiclass", "logistic_regression", {"maxIter": 10}),
    "multiclass forest": ("multiclass", "random_forest", {"numTrees": 6}),
    "multiclass boosted": (
        "multiclass",
        "gradient_boosted_trees",
        {"maxIter": 2, "maxDepth": 3},
    ),
    "multiclass naive Bayes": ("multiclass", "naive_bayes", {"modelType": "gaussian"}),
    "multiclass LightGBM": ("multiclass", "lightgbm", {"n_estimators": 20}),
    "linear regression": ("regression", "linear_regression", {}),
    "regression forest": ("regression", "random_forest", {"numTrees": 6}),
    "regression boosted": (
        "regression",
        "gradient_boosted_trees",
        {"maxIter": 4, "stepSize": 0.5},
    ),
    "generalized regression": (
        "regression",
        "generalized_linear_regression",
        {"family": "gamma", "link": "log"},
    ),
    "regression LightGBM": ("regression", "lightgbm", {"n_estimators": 20}),
    "k-means": ("clustering", "k_means", {"k": 5, "maxIter": 5}),
    "bisecting k-means": ("clustering", "bisecting_k_means", {"k": 4, "maxIter": 5}),
    "Gaussian mixture": ("clustering", "gaussian_mixture", {"k": 3, "maxIter": 20}),
    "explicit recommendation": (
        "recommendation",
        "als",
        {"rank": 3, "maxIter": 4, "regParam": 0.02},
    ),
    "implicit recommendation": (
        "recommendation",
        "als",
        {"rank": 3, "maxIter": 4, "implicitPrefs": True},
    ),
}
SEEDED = [
    "binary forest",
    "binary boosted",
    "binary LightGBM",
    "k-means",
    "bisecting k-means",
    "Gaussian mixture",
    "explicit recommendation",
]


@dataclass(frozen=True)
class FittedCase:
    """A fitted model with its export, and the scores of both for ``rows``.

    The second half of the rows is the first one with unusual values.
    """

    fitted: Fitted
    model: onnx.ModelProto
    rows: pd.DataFrame
    labels: Labels
    native: Scores
    exported: Scores


def task_of(kind: Kind) -> Task:
    return Task(kind, CLASSES if kind == "multiclass" else ())


def recipe_of(
    kind: Kind,
    algorithm: str,
    columns: FeatureColumns,
    parameters: Parameters | None = None,
    *,
    balance: bool = False,
) -> Recipe:
    return Recipe(algorithm, parameters or {}, task_of(kind), columns, seed=1, balance=balance)


def rows_of(kind: Kind, seed: int, implicit: bool = False) -> pd.DataFrame:
    """Usual rows with labels. They form three groups by ``größe``."""
    random = np.random.default_rng(seed)
    if kind == "recommendation":
        return _ratings(random, implicit)
    group = random.integers(0, 3, ROWS)
    rows = pd.DataFrame({"row_id": [f"{n:04}" for n in range(ROWS)]})
    rows["a.b c"] = random.normal(size=ROWS)
    rows["größe"] = 1000.0 * group + random.normal(scale=30, size=ROWS)
    rows["flat"] = 7.0
    rows["kind.of"] = random.choice(["x", "y", "z"], ROWS)
    rows["`quoted`"] = random.choice([f"city {n}" for n in range(8)], ROWS)
    noise = random.normal(scale=0.2, size=ROWS)
    signal = 2 * rows["a.b c"] + group + 2.0 * (rows["kind.of"] == "x") + noise
    match kind:
        case "binary":
            return rows.assign(label=(signal > 1.5).astype(float))
        case "multiclass":
            return rows.assign(label=np.digitize(signal, [0.5, 3.0]).astype(float))
        case "regression":
            return rows.assign(label=np.exp(signal / 3))
        case _:
            rows["a.b c"] += 8.0 * (group == 1)
            return rows.assign(label=np.nan)


def _ratings(random: np.random.Generator, implicit: bool) -> pd.DataFrame:
    tastes = np.random.default_rng(0).normal(size=(2, 30, 2))
    pairs = random.permutation(900)[: 2 * ROWS]
    users = pairs // 30
    items = pairs % 30
    label = np.clip(3 + (tastes[0][users] * tastes[1][items]).sum(axis=1), 0.5, 5)
    rows = pd.DataFrame(
        {
            "user": [f"u{n}" for n in users],
            "item": [f"i{n}" for n in items],
            "label": label,
        }
    )
    if implicit:
        rows = rows[rows.label > 3.2].assign(label=1.0)
    return rows.assign(row_id=[f"{n:04}" for n in range(len(rows))])


def with_unusual_values(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with missing and infinite numbers, missing and unknown texts."""
    random = np.random.default_rng(5)
    rows = rows.copy()
    for name in ("a.b c", "größe"):
        if name in rows:
            for value in (np.nan, np.inf, -np.inf):
                rows.loc[random.random(len(rows)) < 0.05, name] = value
    for name in ("kind.of", "`quoted`", "user", "item"):
        if name in rows:
            for text in (None, "unheard of", "None", "nan"):
                rows.loc[random.random(len(rows)) < 0.05, name] = text
    return rows


def frame_of(spark: SparkSession, rows: pd.DataFrame) -> DataFrame:
    return spark.createDataFrame(rows).coalesce(1).cache()


def fit_case(spark: SparkSession, case: str) -> Fitted:
    kind, algorithm, parameters = CASES[case]
    usual = rows_of(kind, 1, implicit="implicitPrefs" in parameters)
    unusual = with_unusual_values(usual.head(ROWS // 3))
    unusual["row_id"] = unusual["row_id"] + "-"
    frame = frame_of(spark, pd.concat([usual, unusual]))
    names = ["user", "item"] if kind == "recommendation" else NAMES
    return fit(recipe_of(kind, algorithm, FeatureColumns.of(frame, names), parameters), frame)


def fit_and_export(spark: SparkSession, case: str) -> FittedCase:
    kind, _, parameters = CASES[case]
    fitted = fit_case(spark, case)
    model = to_onnx(fitted)
    usual = rows_of(kind, 2, implicit="implicitPrefs" in parameters).head(ROWS)
    rows = pd.concat([usual, with_unusual_values(usual)], ignore_index=True)
    labels, native = fitted.predict(frame_of(spark, rows))
    return FittedCase(fitted, model, rows, labels, native, score_onnx(model, rows))
