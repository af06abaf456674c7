"""Permutation importance and the curves of binary models, on rows with a known answer."""

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession

from updraft.core.kinds import Task
from updraft.evaluation.importance import permutation_importance
from updraft.evaluation.plots.binary import curves
from updraft.models.feature_columns import FeatureColumns
from updraft.training.export import to_onnx
from updraft.training.families import fit
from updraft.training.recipe import Recipe


def test_importance_finds_the_feature_that_decides(spark: SparkSession) -> None:
    random = np.random.default_rng(1)
    rows = pd.DataFrame({"noise": random.normal(size=600), "signal": random.normal(size=600)})
    rows["kind"] = ["a", "b", "c"] * 200
    rows["label"] = (rows.signal + random.normal(scale=0.3, size=600) > 0).astype(float)
    rows["row_id"] = [str(number) for number in range(600)]
    task = Task("binary")
    columns = FeatureColumns(["noise", "signal"], ["kind"])
    recipe = Recipe("lightgbm", {"n_estimators": 20}, task, columns, seed=1)
    model = to_onnx(fit(recipe, spark.createDataFrame(rows)))
    importance = permutation_importance(model, rows, columns, seed=1, task=task)
    assert importance is not None
    first = importance["features"][0]
    last = importance["features"][-1]
    assert first["feature"] == "signal"
    assert first["loss"] > 0.3 > 10 * abs(last["loss"])
    assert importance == permutation_importance(model, rows, columns, seed=1, task=task)
    single_class = rows.assign(label=0.0)
    assert permutation_importance(model, single_class, columns, seed=1, task=task) is None


def test_curves_tell_a_perfect_model_from_one_without_information() -> None:
    labels = np.array([0.0, 0.0, 1.0, 1.0])
    perfect = curves(labels, labels, 0.5)
    constant = curves(labels, np.full(4, 0.5), 0.5)
    assert (perfect["auc"], perfect["average_precision"], constant["auc"]) == (1, 1, 0.5)
    calibration = {"predicted": [0, 1], "observed": [0, 1], "rows": [2, 2], "bin": [0, 9]}
    assert perfect["calibration"] == calibration
    cells = {"false_positives": 2, "true_positives": 2, "true_negatives": 0, "false_negatives": 0}
    assert constant["confusion"] == {"threshold": 0.5, **cells}
