"""Every family predicts the same natively and as ONNX, also in a process that knows nothing of it and loads no pickles."""

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
from tests.training.families import CASES, ROWS, Learnt, frame_of, rows_of
from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.models.feature_columns import Columns
from updraft.models.onnx_runtime import score_onnx
from updraft.training.export import PARITY, check_parity, to_onnx
from updraft.training.families import fit

ELSEWHERE = """
import sys
from pathlib import Path
import mlflow, pandas as pd
for folder in sorted(Path(sys.argv[1]).iterdir()):
    rows = pd.read_parquet(folder / "rows.parquet")
    answers = mlflow.pyfunc.load_model(str(folder / "model")).predict(rows)
    pd.DataFrame(answers).to_parquet(folder / "answers.parquet")
assert not {"lightgbm", "updraft"} & set(sys.modules)
"""


@pytest.mark.parametrize("case", CASES)
def test_the_exported_model_predicts_what_the_native_one_does(learnt: Callable[[str], Learnt], case: str) -> None:
    """Also for absent and infinite numbers, and for texts that are absent or were never seen."""
    found = learnt(case)
    assert len(found.native) >= ROWS
    assert np.ptp(found.native) > 0.05
    assert check_parity(found.model, found.rows, found.native) < 1e-6 < PARITY
    with pytest.raises(UpdraftError, match="differs from the native one"):
        check_parity(found.model, found.rows, found.native + 0.01)


def test_another_process_loads_every_model_without_pickles_and_answers_the_same(
    learnt: Callable[[str], Learnt], tmp_path: Path
) -> None:
    for case in CASES:
        found, folder = learnt(case), tmp_path / case
        rows = found.rows[found.fitted.columns.all]
        answers = pd.DataFrame(found.exported, columns=found.fitted.task.outputs)
        signature = infer_signature(rows, answers)
        mlflow.onnx.save_model(found.model, folder / "model", signature=signature, pip_requirements=["onnxruntime"])
        rows.to_parquet(folder / "rows.parquet")
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".pkl", ".pickle", ".joblib")]
    ended = run(sys.executable, "-c", ELSEWHERE, str(tmp_path), MLFLOW_ALLOW_PICKLE_DESERIALIZATION="false")
    assert ended.returncode == 0, ended.stderr
    for case in CASES:
        answers = pd.read_parquet(tmp_path / case / "answers.parquet")
        assert list(answers.columns) == learnt(case).fitted.task.outputs
        assert np.array_equal(answers.to_numpy(float), learnt(case).exported), case


@pytest.mark.parametrize(
    ("algorithm", "parameters"),
    [
        ("random_forest", {"numTrees": 3, "featureSubsetStrategy": "all"}),
        ("gradient_boosted_trees", {"maxIter": 2}),
        ("lightgbm", {}),
    ],
)
def test_trees_hold_thresholds_that_float32_cannot_tell_apart(
    spark: SparkSession, exporting: None, algorithm: str, parameters: dict[str, Any]
) -> None:
    base = 16_777_216.0  # 2 ** 24: above it, float32 knows even numbers only.
    rows = [(n, base + n % 8, "ab"[n % 2], float(n % 8 in (1, 4, 6))) for n in range(400)]
    frame = spark.createDataFrame(rows, "row_id long, fine double, kind string, label double").coalesce(1).cache()
    fitted = fit(algorithm, frame, Columns(["fine"], ["kind"]), parameters, 1, Task("binary"))
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
    rows = rows.assign(label=rows.label > 2) if parameters.get("family") == "binomial" else rows
    frame = frame_of(spark, rows)
    columns = Columns(["a.b c"], ["kind.of"])
    few = {"maxIter": 5, **parameters}
    fitted = fit("generalized_linear_regression", frame, columns, few, 1, Task("regression"))
    _, native = fitted.predict(frame)
    assert np.ptp(native) > 0.1
    assert check_parity(to_onnx(fitted), rows, native) <= PARITY


@pytest.mark.parametrize("kind", ["multinomial", "complement", "bernoulli"])
def test_every_naive_bayes_is_exported(spark: SparkSession, kind: str) -> None:
    rows = rows_of("binary", 1)
    frame = frame_of(spark, rows)
    fitted = fit("naive_bayes", frame, Columns(["a.b c"], ["kind.of"]), {"modelType": kind}, 1, Task("binary"))
    assert check_parity(to_onnx(fitted), rows, fitted.predict(frame)[1]) <= PARITY


def test_a_single_feature_goes_through_mlflow_too(spark: SparkSession, tmp_path: Path) -> None:
    """MLflow feeds it as a matrix, not as a column."""
    rows = rows_of("regression", 1)
    fitted = fit("linear_regression", frame_of(spark, rows), Columns(["a.b c"], []), {}, 1, Task("regression"))
    model = to_onnx(fitted)
    mlflow.onnx.save_model(model, tmp_path / "model", pip_requirements=["onnxruntime"])
    answers = mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(rows[["a.b c"]])
    assert np.array_equal(answers.to_numpy(), score_onnx(model, rows))


def test_trees_split_by_sets_of_many_categories(spark: SparkSession) -> None:
    """ONNX Runtime merges questions for one category after the other, and then answers some of them wrongly."""
    rng = np.random.default_rng(3)
    places, kinds = rng.integers(0, 49, 3000), rng.integers(0, 3, 3000)
    labels = rng.random((49, 3, 4)).cumsum(2)
    rows = []
    for n, (place, kind) in enumerate(zip(places, kinds, strict=True)):
        label = float(np.searchsorted(labels[place, kind], rng.random() * labels[place, kind, -1]))
        rows.append((n, float(n % 24), f"p{place}", f"k{kind}", label))
    frame = spark.createDataFrame(rows, "row_id long, hour double, place string, kind string, label double").cache()
    parameters = {"numTrees": 30, "maxDepth": 8, "minInstancesPerNode": 3}
    fitted = fit("random_forest", frame, Columns(["hour"], ["place", "kind"]), parameters, 1, Task("multiclass", tuple("abcd")))
    _, native = fitted.predict(frame)
    assert check_parity(to_onnx(fitted), frame.toPandas(), native) < 1e-6
