"""Training on real flights against a real MLflow server: no leak, one version, the same model in every form."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from updraft.core.use_case import UseCase
from updraft.evaluation.judging import judge
from updraft.evaluation.metrics import metrics
from updraft.models import records
from updraft.training.challenger import make_challenger
from updraft.training.windows import Windows, usable

LEAK = 0.80  # What is known before departure reaches about 0.70 in March; with a column known later it is near 1.


@pytest.fixture(scope="module")
def made(frame: DataFrame, small: UseCase, cut: Windows):  # type: ignore[no-untyped-def]
    return make_challenger(small, frame, 0, cut, "reports/a/search_and_fit.json", {"drift_reference.json": {}})


def test_march_is_predicted_neither_by_chance_nor_by_a_leak(
    spark: SparkSession, frame: DataFrame, small: UseCase, cut: Windows, made
) -> None:  # type: ignore[no-untyped-def]
    holdout = usable(frame.where(cut.holdout_rows), small.task)
    model = records.registered(records.connect(small), small, made.version)
    judged = judge(small, holdout, frame.where(cut.train_rows), [model])
    assert len(judged.rows) > 5000
    assert 0.62 < metrics(small.task, judged.answers[0])["auc"] < LEAK


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
    (one_starts, one_ends), (other_starts, other_ends) = [(c.info.start_time, c.info.end_time) for c in children]
    assert one_starts < other_ends, "two trials of a batch overlap in time, and their records say so"
    assert other_starts < one_ends
    assert made.trials == made.planned == 2
    assert not made.cut
    assert "updraft.search_cut" not in found.tags
    import mlflow

    local = Path(mlflow.artifacts.download_artifacts(f"models:/flights/{made.version}"))
    names = [path.name for path in local.rglob("*") if path.is_file()]
    assert "model.onnx" in names
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".cloudpickle"))]


def test_without_a_server_the_error_says_what_to_do(small: UseCase) -> None:
    """In a process of its own: MLflow remembers its server."""
    code = "from updraft.training import records; from updraft.core.use_case import load_use_case; "
    code += "records.connect(load_use_case('flights'))"
    env = {**os.environ, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert "Start it (`make up`)" in done.stderr
