"""Training on real flights against a real MLflow server: no leak, one version, no pickles."""

import os
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
from pyspark.sql import DataFrame

from updraft.core.reports import SearchAndFitReport
from updraft.core.use_case import UseCase
from updraft.data.labels import labelled_rows
from updraft.data.lineage import Input
from updraft.evaluation.judging import judge
from updraft.evaluation.metrics import metrics
from updraft.models.tracking import connect
from updraft.models.verified import verified_folder
from updraft.models.versions import RegisteredVersion, VersionTags, manifest, model_uri
from updraft.training import challenger
from updraft.training.challenger import make_challenger
from updraft.training.windows import TimeSplit

# What is known before departure reaches an AUC of about 0.70 in March; with a column that is known
# later only, it is near 1.
LEAK = 0.80
FEATURES_INPUT = Input(table="features", id="id", version=0)
REPORT = "reports/a/search_and_fit.json"
ARTIFACTS = {"drift_reference.json": {}}  # type: ignore[var-annotated]


@pytest.fixture(scope="module")
def trained(frame: DataFrame, small: UseCase, split: TimeSplit) -> SearchAndFitReport:
    return make_challenger(small, frame, FEATURES_INPUT, split, REPORT, ARTIFACTS)


def test_march_is_predicted_neither_by_chance_nor_by_a_leak(
    frame: DataFrame, small: UseCase, split: TimeSplit, trained: SearchAndFitReport
) -> None:
    holdout = labelled_rows(frame.where(split.holdout_rows), small.task)
    client = connect(small)
    entity = client.get_model_version(small.name, str(trained.version))
    registered = manifest(client, small, trained.version, {})
    folder = verified_folder(model_uri(small, trained.version), registered.facts, registered)
    version = RegisteredVersion.of(entity, folder)
    judged = judge(small, holdout, frame.where(split.train_rows), [version])
    assert len(judged.rows) > 5000
    assert 0.62 < metrics(small.task, judged.answers[0])["auc"] < LEAK


def test_a_finished_training_is_not_repeated(
    frame: DataFrame, small: UseCase, split: TimeSplit, trained: SearchAndFitReport
) -> None:
    repeated = make_challenger(small, frame, FEATURES_INPUT, split, REPORT, ARTIFACTS)
    assert repeated == trained
    versions = connect(small).search_model_versions(f"run_id = '{trained.run_id}'")
    assert [int(version.version) for version in versions] == [trained.version]


def test_a_killed_training_leaves_one_version_when_it_is_repeated(
    frame: DataFrame,
    small: UseCase,
    split: TimeSplit,
    trained: SearchAndFitReport,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The kill comes after the registration, before the run ends: the worst moment."""
    client = connect(small)

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    def versions() -> set[int]:
        return {
            int(version.version) for version in client.search_model_versions("name = 'flights'")
        }

    report = "reports/b/search_and_fit.json"
    before = versions()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(challenger, "child_runs", kill)
        make_challenger(small, frame, FEATURES_INPUT, split, report, {})
    assert len(versions() - before) == 1
    finished = make_challenger(small, frame, FEATURES_INPUT, split, report, {})
    assert versions() - before == {finished.version}
    client.delete_model_version("flights", str(finished.version))


def test_the_record_has_trials_a_description_and_no_pickle(
    small: UseCase, trained: SearchAndFitReport
) -> None:
    client = connect(small)
    version = client.get_model_version("flights", str(trained.version))
    assert "trained on" in version.description
    trained_until = VersionTags.of(version).trained_until
    assert trained_until == trained.train_last < trained.holdout_first
    children = client.search_runs(
        [trained.experiment_id], f"tags.mlflow.parentRunId = '{trained.run_id}'"
    )
    algorithms = {child.data.params["algorithm"] for child in children}
    assert algorithms == {"logistic_regression", "lightgbm"}
    assert all("auc" in child.data.metrics for child in children)
    first, second = [child.info for child in children]
    assert first.start_time < second.end_time, "two trials of a batch overlap in time"
    assert second.start_time < first.end_time
    assert trained.trials == trained.planned == 2
    assert not trained.cut
    assert "updraft.search_cut" not in version.tags

    uri = f"models:/flights/{trained.version}"
    folder = Path(mlflow.artifacts.download_artifacts(uri))
    names = [path.name for path in folder.rglob("*") if path.is_file()]
    assert "model.onnx" in names
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".cloudpickle"))]


def test_without_a_server_the_error_says_what_to_do(small: UseCase) -> None:
    """In a process of its own: MLflow remembers its server."""
    code = (
        "from updraft.models.tracking import connect; "
        "from updraft.core.use_case import load_use_case; "
        "connect(load_use_case('flights'))"
    )
    variables = {
        **os.environ,
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    ended = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False
    )
    assert "Start it (`make up`)" in ended.stderr
