"""Training on real flights against a real MLflow server: no leak, one version, the same model in every form."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from updraft.core.errors import UpdraftError
from updraft.core.schema import LABEL, feature_names
from updraft.core.use_case import UseCase
from updraft.data import tables
from updraft.training import records
from updraft.training.challenger import make_challenger
from updraft.training.export import check_parity, score_onnx, to_onnx
from updraft.training.families import Columns, fit
from updraft.training.metrics import binary_metrics
from updraft.training.scoring import holdout_scores, model_uri
from updraft.training.windows import Windows, windows

LEAK = 0.80  # What is known before departure reaches about 0.70 in March; with a column known later it is near 1.


@pytest.fixture(scope="module")
def frame(spark: SparkSession, training: Path) -> DataFrame:
    return tables.read(spark, "flights", "features")


@pytest.fixture(scope="module")
def cut(frame: DataFrame, small: UseCase) -> Windows:
    return windows(tables.partitions(frame), small.model)


@pytest.fixture(scope="module")
def made(frame: DataFrame, small: UseCase, cut: Windows):  # type: ignore[no-untyped-def]
    return make_challenger(small, frame, 0, cut, "reports/a/search_and_fit.json", {"drift_reference.json": {}})


def test_march_is_predicted_neither_by_chance_nor_by_a_leak(
    spark: SparkSession, frame: DataFrame, small: UseCase, cut: Windows, made
) -> None:  # type: ignore[no-untyped-def]
    holdout = frame.where(cut.holdout_interval.predicate())
    labels, scores = holdout_scores(holdout, [model_uri(small, made.version)])
    assert len(labels) > 5000
    assert 0.62 < binary_metrics(labels, scores[0], 0.5)["auc"] < LEAK


def test_a_training_done_again_is_found_again(frame: DataFrame, small: UseCase, cut: Windows, made) -> None:  # type: ignore[no-untyped-def]
    again = make_challenger(small, frame, 0, cut, "reports/a/search_and_fit.json", {"drift_reference.json": {}})
    assert again == made
    found = records.connect(small).search_model_versions(f"run_id = '{made.run_id}'")
    assert [int(one.version) for one in found] == [made.version]


def test_a_killed_training_leaves_one_version_when_it_is_done_again(
    frame: DataFrame, small: UseCase, cut: Windows, made, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    """The kill comes after the registration, before the run ends: the worst moment."""
    from updraft.training import challenger

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    def versions() -> set[int]:
        return {int(found.version) for found in client.search_model_versions("name = 'flights'")}

    report = "reports/b/search_and_fit.json"
    client = records.connect(small)
    before = versions()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(challenger, "_children", kill)
        make_challenger(small, frame, 0, cut, report, {})
    assert len(versions() - before) == 1
    done = make_challenger(small, frame, 0, cut, report, {})
    assert versions() - before == {done.version}
    client.delete_model_version("flights", str(done.version))


def test_the_record_holds_trials_description_and_no_pickle(small: UseCase, made) -> None:  # type: ignore[no-untyped-def]
    client = records.connect(small)
    found = client.get_model_version("flights", str(made.version))
    assert "trained on" in found.description
    assert records.registered(client, small, made.version).trained_until == made.train_last < made.holdout_first
    children = client.search_runs([made.experiment_id], f"tags.mlflow.parentRunId = '{made.run_id}'")
    assert {child.data.params["algorithm"] for child in children} == {"logistic_regression", "lightgbm"}
    assert all("auc" in child.data.metrics for child in children)
    import mlflow

    local = Path(mlflow.artifacts.download_artifacts(f"models:/flights/{made.version}"))
    names = [path.name for path in local.rglob("*") if path.is_file()]
    assert "model.onnx" in names
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".cloudpickle"))]


@pytest.mark.parametrize("algorithm", ["logistic_regression", "lightgbm"])
def test_the_exported_model_predicts_what_the_native_one_does(
    frame: DataFrame, small: UseCase, cut: Windows, algorithm: str
) -> None:
    """Also for absent numbers and for categories that were never seen."""
    from pyspark.sql import functions as F

    labelled = frame.where(frame[LABEL].isNotNull())
    train = labelled.where(labelled.event_date < cut.holdout[0])
    columns = Columns.of(train, feature_names(train.columns))
    fitted = fit(algorithm, train, columns, small.model.algorithms[algorithm].fixed, 1)  # type: ignore[index]
    odd = labelled.where(labelled.event_date >= cut.holdout[0]).limit(500).withColumn("carrier", F.lit("??"))
    odd = odd.withColumn("plane_age", F.lit(None).cast("double")).withColumn("temp", F.lit(None).cast("double")).cache()
    _, native = fitted.predict(odd)
    exported, rows = to_onnx(fitted), odd.toPandas()
    assert np.ptp(native) > 0.05
    assert check_parity(exported, rows, native) < 1e-5
    with pytest.raises(UpdraftError, match="differs from the native one"):
        check_parity(exported, rows, 1 - native)
    assert score_onnx(exported, rows).shape == (500,)


def test_a_single_class_stops_the_training(frame: DataFrame, small: UseCase) -> None:
    late = frame.where("label = 1")
    with pytest.raises(UpdraftError, match="expected both classes"):
        fit("lightgbm", late, Columns.of(late, feature_names(late.columns)), {}, 1)


def test_without_a_server_the_error_says_what_to_do(small: UseCase) -> None:
    """In a process of its own: MLflow remembers its server."""
    code = "from updraft.training import records; from updraft.core.use_case import load_use_case; "
    code += "records.connect(load_use_case('flights'))"
    env = {**os.environ, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert "Start it (`make up`)" in done.stderr
