"""Every family, fitted on real flights, predicts the same natively and as ONNX."""

from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.core.schema import LABEL, feature_names
from updraft.training.export import check_parity, score_onnx, to_onnx
from updraft.training.families import Columns, check_parameters, fit
from updraft.training.windows import Windows

FAMILIES: dict[str, dict[str, Any]] = {
    "logistic_regression": {"maxIter": 30},
    "random_forest": {"numTrees": 8, "maxDepth": 8},
    "gradient_boosted_trees": {"maxIter": 4, "maxDepth": 4},
    "lightgbm": {"n_estimators": 100},
}


@pytest.fixture(scope="module")
def labelled(frame: DataFrame) -> DataFrame:
    return frame.where(frame[LABEL].isNotNull()).cache()


@pytest.mark.parametrize("algorithm", FAMILIES)
def test_the_exported_model_predicts_what_the_native_one_does(labelled: DataFrame, cut: Windows, algorithm: str) -> None:
    """Also for absent numbers and for categories that were never seen."""
    train = labelled.where(labelled.event_date < cut.holdout[0])
    columns = Columns.of(train, feature_names(train.columns))
    fitted = fit(algorithm, train, columns, FAMILIES[algorithm], 1, Task("binary"))
    usual = labelled.where(labelled.event_date >= cut.holdout[0]).cache()
    odd = usual.withColumn("carrier", F.lit("??")).withColumn("dest", F.expr("IF(distance > 900, dest, '??')"))
    odd = odd.withColumn("plane_age", F.lit(None).cast("double")).withColumn("temp", F.lit(None).cast("double")).cache()
    exported = to_onnx(fitted)
    for given in (usual, odd):
        _, native = fitted.predict(given)
        assert np.ptp(native) > 0.05
        assert check_parity(exported, given.toPandas(), native) < 1e-5
    with pytest.raises(UpdraftError, match="differs from the native one"):
        check_parity(exported, odd.toPandas(), 1 - native)
    assert score_onnx(exported, odd.toPandas()).shape == native.shape
    assert len(native) > 5000


@pytest.mark.parametrize(
    ("algorithm", "parameters"),
    [
        ("random_forest", {"numTrees": 3, "featureSubsetStrategy": "all"}),
        ("gradient_boosted_trees", {"maxIter": 2}),
        ("lightgbm", {}),
    ],
)
def test_trees_hold_thresholds_that_float32_cannot_tell_apart(
    spark: SparkSession, algorithm: str, parameters: dict[str, Any]
) -> None:
    base = 16_777_216.0  # 2 ** 24: above it, float32 knows even numbers only.
    rows = [(n, base + n % 8, "ab"[n % 2], float(n % 8 in (1, 4, 6))) for n in range(400)]
    frame = spark.createDataFrame(rows, "row_id long, fine double, kind string, label double").cache()
    fitted = fit(algorithm, frame, Columns(["fine"], ["kind"]), parameters, 1, Task("binary"))
    labels, native = fitted.predict(frame)
    assert np.ptp(native[labels == 1]) < 0.5 < native[labels == 1].min()
    assert check_parity(to_onnx(fitted), frame.toPandas(), native) < 1e-5


@pytest.mark.parametrize(
    ("algorithm", "name", "says"),
    [
        ("logistic_regression", "regparam", "Did you mean 'regParam'?"),
        ("random_forest", "numtrees", "Did you mean 'numTrees'?"),
        ("gradient_boosted_trees", "max_depth", "Did you mean 'maxDepth'?"),
        ("lightgbm", "num_leafs", "Did you mean 'num_leaves'?"),
        ("lightgbm", "random_state", "found ['random_state']"),
        ("random_forest", "seed", "found ['seed']"),
        ("random_forest", "labelCol", "found ['labelCol']"),
    ],
)
def test_a_parameter_that_is_not_the_familys_is_named(spark: SparkSession, algorithm: str, name: str, says: str) -> None:
    check_parameters(algorithm, FAMILIES[algorithm], Task("binary"))
    with pytest.raises(UpdraftError) as refused:
        check_parameters(algorithm, [*FAMILIES[algorithm], name], Task("binary"))
    assert says in str(refused.value)
    assert f"model.algorithms.{algorithm}" in str(refused.value)


@pytest.mark.parametrize(
    ("algorithm", "wrong"),
    [("random_forest", {"maxDepth": "deep"}), ("gradient_boosted_trees", {"maxBins": 2}), ("lightgbm", {"num_leaves": 0})],
)
def test_a_value_that_the_family_refuses_is_told(spark: SparkSession, algorithm: str, wrong: dict[str, Any]) -> None:
    rows = [(n, float(n), "abc"[n % 3], n % 2.0) for n in range(60)]
    frame = spark.createDataFrame(rows, "row_id long, x double, k string, label double")
    with pytest.raises(UpdraftError, match=f"model.algorithms.{algorithm}.*{next(iter(wrong))}"):
        fit(algorithm, frame, Columns(["x"], ["k"]), wrong, 1, Task("binary"))


def test_a_feature_without_any_value_is_named(spark: SparkSession) -> None:
    rows = [(n, None, "abc"[n % 3], n % 2.0) for n in range(60)]
    frame = spark.createDataFrame(rows, "row_id long, empty double, k string, label double")
    with pytest.raises(UpdraftError, match="All the values in empty are"):
        fit("random_forest", frame, Columns(["empty"], ["k"]), {}, 1, Task("binary"))
    _, native = fit("lightgbm", frame, Columns(["empty"], ["k"]), {}, 1, Task("binary")).predict(frame)
    assert np.isfinite(native).all()
