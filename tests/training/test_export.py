"""Every family predicts the same natively and as ONNX, also in another process, without pickles."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow.onnx
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from pyspark.sql import SparkSession

from tests.conftest import run
from tests.training.families import CASES, ROWS, FittedCase, frame_of, recipe_of, rows_of
from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.models.feature_columns import FeatureColumns
from updraft.models.onnx_runtime import score_onnx
from updraft.training.export import PARITY, check_parity, to_onnx
from updraft.training.families import fit
from updraft.training.recipe import Recipe

OTHER_PROCESS = """
import sys
from pathlib import Path
import mlflow, pandas as pd
for folder in sorted(Path(sys.argv[1]).iterdir()):
    rows = pd.read_parquet(folder / "rows.parquet")
    answers = mlflow.pyfunc.load_model(str(folder / "model")).predict(rows)
    pd.DataFrame(answers).to_parquet(folder / "answers.parquet")
assert not {"lightgbm", "updraft"} & set(sys.modules)
"""


@pytest.mark.bad_input("B11")
@pytest.mark.parametrize("case", CASES)
def test_the_exported_model_predicts_what_the_native_one_does(
    fitted_case: Callable[[str], FittedCase], case: str
) -> None:
    """Also for missing and infinite numbers, and for missing and unknown texts."""
    tested = fitted_case(case)
    assert len(tested.native) >= ROWS
    assert np.ptp(tested.native) > 0.05
    assert check_parity(tested.model, tested.rows, tested.native) < 1e-6 < PARITY
    with pytest.raises(UpdraftError, match="differs from the native one"):
        check_parity(tested.model, tested.rows, tested.native + 0.01)


def test_another_process_loads_every_model_without_pickles_and_answers_the_same(
    fitted_case: Callable[[str], FittedCase], tmp_path: Path
) -> None:
    for case in CASES:
        tested = fitted_case(case)
        folder = tmp_path / case
        rows = tested.rows[tested.fitted.columns.all]
        answers = pd.DataFrame(tested.exported, columns=tested.fitted.task.outputs)
        mlflow.onnx.save_model(
            tested.model,
            folder / "model",
            signature=infer_signature(rows, answers),
            pip_requirements=["onnxruntime"],
        )
        rows.to_parquet(folder / "rows.parquet")
    pickles = (".pkl", ".pickle", ".joblib")
    assert not [path for path in tmp_path.rglob("*") if path.suffix in pickles]
    command = [sys.executable, "-c", OTHER_PROCESS, str(tmp_path)]
    ended = run(*command, MLFLOW_ALLOW_PICKLE_DESERIALIZATION="false")
    assert ended.returncode == 0, ended.stderr
    for case in CASES:
        answers = pd.read_parquet(tmp_path / case / "answers.parquet")
        assert list(answers.columns) == fitted_case(case).fitted.task.outputs
        assert np.array_equal(answers.to_numpy(float), fitted_case(case).exported), case


@pytest.mark.parametrize(
    ("algorithm", "parameters"),
    [
        ("random_forest", {"numTrees": 3, "featureSubsetStrategy": "all"}),
        ("gradient_boosted_trees", {"maxIter": 2}),
        ("lightgbm", {}),
    ],
)
def test_trees_have_thresholds_that_are_equal_in_float32(
    spark: SparkSession, exporting: None, algorithm: str, parameters: dict[str, Any]
) -> None:
    base = 16_777_216.0  # 2 ** 24: above it, float32 has even numbers only.
    rows = [(n, base + n % 8, "ab"[n % 2], float(n % 8 in (1, 4, 6))) for n in range(400)]
    schema = "row_id long, fine double, kind string, label double"
    frame = spark.createDataFrame(rows, schema).coalesce(1).cache()
    columns = FeatureColumns(["fine"], ["kind"])
    fitted = fit(recipe_of("binary", algorithm, columns, parameters), frame)
    labels, native = fitted.predict(frame)
    assert np.ptp(native[labels == 1]) < 0.5 < native[labels == 1].min()
    assert check_parity(to_onnx(fitted), frame.toPandas(), native) <= PARITY


@pytest.mark.parametrize(
    "parameters",
    [
        {"family": "poisson", "link": "sqrt"},
        {"family": "gaussian", "link": "inverse"},
        {"family": "tweedie", "variancePower": 1.5, "linkPower": 0.0},
        {"family": "tweedie", "variancePower": 1.5},
        {"family": "binomial"},
        {"family": "binomial", "link": "probit"},
        {"family": "binomial", "link": "cloglog"},
    ],
    ids=str,
)
def test_every_link_is_exported(spark: SparkSession, parameters: dict[str, Any]) -> None:
    rows = rows_of("regression", 1)
    if parameters.get("family") == "binomial":
        rows = rows.assign(label=rows.label > 2)
    frame = frame_of(spark, rows)
    columns = FeatureColumns(["a.b c"], ["kind.of"])
    few_iterations = {"maxIter": 5, **parameters}
    recipe = recipe_of("regression", "generalized_linear_regression", columns, few_iterations)
    fitted = fit(recipe, frame)
    _, native = fitted.predict(frame)
    assert np.ptp(native) > 0.1
    assert check_parity(to_onnx(fitted), rows, native) <= PARITY


@pytest.mark.parametrize("model_type", ["multinomial", "complement", "bernoulli"])
def test_every_naive_bayes_is_exported(spark: SparkSession, model_type: str) -> None:
    rows = rows_of("binary", 1)
    frame = frame_of(spark, rows)
    columns = FeatureColumns(["a.b c"], ["kind.of"])
    recipe = recipe_of("binary", "naive_bayes", columns, {"modelType": model_type})
    fitted = fit(recipe, frame)
    assert check_parity(to_onnx(fitted), rows, fitted.predict(frame)[1]) <= PARITY


def test_a_single_feature_goes_through_mlflow_too(spark: SparkSession, tmp_path: Path) -> None:
    """MLflow feeds it as a matrix, not as a column."""
    rows = rows_of("regression", 1)
    columns = FeatureColumns(["a.b c"], [])
    fitted = fit(recipe_of("regression", "linear_regression", columns), frame_of(spark, rows))
    model = to_onnx(fitted)
    mlflow.onnx.save_model(model, tmp_path / "model", pip_requirements=["onnxruntime"])
    answers = mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(rows[["a.b c"]])
    assert np.array_equal(answers.to_numpy(), score_onnx(model, rows))


def test_trees_split_by_sets_of_many_categories(spark: SparkSession) -> None:
    """ONNX Runtime merges branches on equality with a category, and evaluates some wrongly."""
    rng = np.random.default_rng(3)
    places = rng.integers(0, 49, 3000)
    kinds = rng.integers(0, 3, 3000)
    cumulative = rng.random((49, 3, 4)).cumsum(2)  # Of the classes, by place and kind.
    rows = []
    for n, (place, kind) in enumerate(zip(places, kinds, strict=True)):
        classes = cumulative[place, kind]
        label = float(np.searchsorted(classes, rng.random() * classes[-1]))
        rows.append((n, float(n % 24), f"p{place}", f"k{kind}", label))
    schema = "row_id long, hour double, place string, kind string, label double"
    frame = spark.createDataFrame(rows, schema).cache()
    recipe = Recipe(
        algorithm="random_forest",
        parameters={"numTrees": 30, "maxDepth": 8, "minInstancesPerNode": 3},
        task=Task("multiclass", tuple("abcd")),
        columns=FeatureColumns(["hour"], ["place", "kind"]),
        seed=1,
    )
    fitted = fit(recipe, frame)
    _, native = fitted.predict(frame)
    assert check_parity(to_onnx(fitted), frame.toPandas(), native) < 1e-6
