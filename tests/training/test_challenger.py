"""Training on real flights against a real MLflow server: no leak, one version, no pickles."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import pytest
from pyspark.sql import DataFrame

from updraft.core.errors import UpdraftError
from updraft.core.ledger import Entry
from updraft.core.reports import SearchAndFitReport
from updraft.core.use_case import UseCase
from updraft.data.labels import labelled_rows
from updraft.data.lineage import Input
from updraft.evaluation.judging import judge
from updraft.evaluation.metrics import metrics
from updraft.models.tracking import connect
from updraft.models.versions import VersionTags, registered
from updraft.training.challenger import Challenger, make_challenger
from updraft.training.runs import delete_unfinished, finished_training
from updraft.training.windows import TimeSplit

# What is known before departure reaches an AUC of about 0.70 in March; with a column that is known
# later only, it is near 1.
LEAK = 0.80
FEATURES_INPUT = Input(table="features", id="id", version=0)
REPORT = "reports/a/search_and_fit.json"
ARTIFACTS = {"drift_reference.json": {}}  # type: ignore[var-annotated]


@pytest.fixture(scope="module")
def challenger(frame: DataFrame, small: UseCase, split: TimeSplit) -> Challenger:
    return make_challenger(small, frame, FEATURES_INPUT, split, REPORT, ARTIFACTS)


@pytest.fixture
def trained(challenger: Challenger) -> SearchAndFitReport:
    return challenger.report


def test_march_is_predicted_neither_by_chance_nor_by_a_leak(
    frame: DataFrame, small: UseCase, split: TimeSplit, challenger: Challenger
) -> None:
    holdout = labelled_rows(frame.where(split.holdout_rows), small.task)
    ledger = [entry_of(challenger)]
    version = registered(connect(small), small, challenger.report.version, ledger)
    judged = judge(small, holdout, frame.where(split.train_rows), [version])
    assert len(judged.rows) > 5000
    assert 0.62 < metrics(small.task, judged.answers[0])["auc"] < LEAK


def entry_of(challenger: Challenger) -> Entry:
    """The ledger's entry on it."""
    return Entry(
        number=0,
        key="key",
        time=datetime.now(UTC),
        event="trained",
        version=challenger.report.version,
        from_version=None,
        to_version=None,
        by="test",
        reasons=[],
        evidence=None,
        run_id=challenger.report.run_id,
        features_version=0,
        code="code",
        model=challenger.manifest.model_dump_json(),
    )


def test_a_finished_training_is_known_by_the_ledger_and_not_by_mlflow(
    small: UseCase, challenger: Challenger
) -> None:
    """(08.21) Who may edit the experiment can make a run that looks like a finished training."""
    client = connect(small)
    ledger = [entry_of(challenger)]
    assert finished_training(client, small, "key", ledger) == challenger.report
    assert finished_training(client, small, "another key", ledger) is None

    experiment = challenger.report.experiment_id
    forged = client.create_run(experiment, tags={"updraft.report": REPORT})
    client.log_dict(forged.info.run_id, challenger.report.model_dump(mode="json"), "report.json")
    client.set_terminated(forged.info.run_id)
    assert finished_training(client, small, "key", []) is None
    delete_unfinished(client, small, REPORT, ledger)
    runs = client.search_runs([experiment], f"tags.`updraft.report` = '{REPORT}'")
    assert [run.info.run_id for run in runs] == [challenger.report.run_id]

    original = challenger.report.model_dump(mode="json")
    client.log_dict(challenger.report.run_id, {**original, "version": 99}, "report.json")
    with pytest.raises(UpdraftError, match=r"report\.json of version"):
        finished_training(client, small, "key", ledger)
    client.log_dict(challenger.report.run_id, original, "report.json")


def test_a_killed_training_leaves_one_version_when_it_is_repeated(
    frame: DataFrame,
    small: UseCase,
    split: TimeSplit,
    challenger: Challenger,
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
        patch.setattr("updraft.training.challenger.child_runs", kill)
        make_challenger(small, frame, FEATURES_INPUT, split, report, {})
    assert len(versions() - before) == 1
    delete_unfinished(client, small, report, [entry_of(challenger)])
    finished = make_challenger(small, frame, FEATURES_INPUT, split, report, {}).report
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
