"""What a person finds in MLflow after a training: where the model comes from, how it did, and why it is champion or not."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from tests.conftest import load_job, run
from updraft.core.job import Arguments
from updraft.core.kinds import Task
from updraft.core.ledger import last_change
from updraft.core.reports import EvaluateReport, GateReport, SearchAndFitReport
from updraft.core.schema import LABEL, feature_names
from updraft.core.settings import REPO, settings
from updraft.core.use_case import UseCase
from updraft.data import tables
from updraft.data.ledger import Ledger
from updraft.evaluation.plots.binary import curves
from updraft.evaluation.plots.importance import REPEATS, ROWS, permutation_importance
from updraft.models.feature_columns import Columns
from updraft.models.scoring import model_uri
from updraft.training import provenance, records
from updraft.training.export import to_onnx
from updraft.training.families import fit

AIRFLOW = "http://127.0.0.1:8080"
PICTURES = {"roc.png", "precision_recall.png", "calibration.png", "confusion.png", "importance.png", "slices.png"}


class Run:
    """A DAG run without Airflow."""

    def __init__(self, use_case: UseCase, name: str) -> None:
        self.use_case, self.name = use_case, name

    def __call__(self, job: str) -> Any:
        uri = f"reports/flights_training/{self.name}/{job}.json"
        report = load_job(job).job(Arguments(self.use_case, None, None, uri))
        report.write(uri)
        return report


class Judged:
    """A challenger that was compared with a champion: its reports, and what MLflow holds of it."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.trained: SearchAndFitReport = run("search_and_fit")
        self.evaluated: EvaluateReport = run("evaluate")
        self.verdict: GateReport = run("gate")
        self.client = records.connect(run.use_case)

    def seen(self) -> dict[str, Any]:
        """All that people see of it."""
        found = self.client.get_run(self.trained.run_id)
        version = self.client.get_model_version("flights", str(self.trained.version))
        return {
            "tags": found.data.tags,
            "metrics": found.data.metrics,
            "inputs": sorted((one.dataset.name, one.dataset.digest, one.tags[0].value) for one in found.inputs.dataset_inputs),
            "plots": sorted((one.path, one.file_size) for one in self.client.list_artifacts(self.trained.run_id, "plots")),
            "version": (version.description, version.tags),
            "model": self.client.get_registered_model("flights").description,
        }


@pytest.fixture(scope="module")
def judged(training: Path, small: UseCase, spark: SparkSession) -> Iterator[Judged]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__API__BASE_URL", f"{AIRFLOW}/")
        settings.cache_clear()
        client = records.connect(small)
        before = records.champion(client, small)
        if before is None:
            first = Run(small, "manual__2013-03-08T00:00:00+00:00")
            for job in ("search_and_fit", "evaluate", "gate", "promote"):
                first(job)
        yield Judged(Run(small, "manual__2013-03-09T00:00:00+00:00"))
    settings.cache_clear()


def test_the_run_names_its_rows_such_that_they_can_be_read_again(spark: SparkSession, judged: Judged) -> None:
    trained = judged.trained
    inputs = {one.tags[0].value: one.dataset for one in judged.client.get_run(trained.run_id).inputs.dataset_inputs}
    assert set(inputs) == {"training", "holdout"}
    days = {"training": (trained.train_first, trained.train_last), "holdout": (trained.holdout_first, trained.holdout_last)}
    for context, dataset in inputs.items():
        source = mlflow.data.get_source(dataset)
        assert (source.path, source.delta_table_version) == (tables.table_path("flights", "features"), trained.features_version)
        first, last = days[context]
        rows = source.load().where(F.col("event_date").between(first, last) & F.col(LABEL).isNotNull())
        counted = rows.agg(F.count(LABEL), F.sum(LABEL)).collect()[0]
        profile = pd.read_json(f"[{dataset.profile}]", convert_dates=False).iloc[0].to_dict()
        assert profile == {"num_rows": counted[0], "positives": counted[1], "first": str(first), "last": str(last)}
        assert counted[0] > 1000
        assert '"distance"' in dataset.schema


def test_the_run_names_the_code_and_the_locks(judged: Judged) -> None:
    tags = judged.client.get_run(judged.trained.run_id).data.tags
    git = run("git", "-C", str(REPO), "rev-parse", "HEAD")
    assert tags["mlflow.source.git.commit"] == (git.stdout.strip() if git.returncode == 0 else "unknown")
    assert tags["updraft.requirements_sha256"] == hashlib.sha256((REPO / "requirements.txt").read_bytes()).hexdigest()
    assert tags["updraft.jars_sha256"] == hashlib.sha256((REPO / "jars.lock").read_bytes()).hexdigest()
    assert tags["updraft.dag_run_url"] == f"{AIRFLOW}/dags/flights_training/runs/{judged.run.name}"


def test_a_checkout_is_clean_or_dirty_and_a_copy_of_it_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "REPO", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    code = tmp_path / "updraft" / "a.py"
    code.parent.mkdir()
    code.write_text("a = 1")
    outside = provenance.code_tags()
    assert (outside["mlflow.source.git.commit"], outside["updraft.dirty"]) == ("unknown", "unknown")
    assert outside["updraft.requirements_sha256"] == "unknown"
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"]):
        done = run("git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@localhost", *command)
        assert done.returncode == 0, done.stderr
    clean = provenance.code_tags()
    assert (len(clean["mlflow.source.git.commit"]), clean["updraft.dirty"]) == (40, "false")
    assert clean["updraft.code_sha256"] == outside["updraft.code_sha256"]
    code.write_text("a = 2")
    dirty = provenance.code_tags()
    assert (dirty["mlflow.source.git.commit"], dirty["updraft.dirty"]) == (clean["mlflow.source.git.commit"], "true")
    assert dirty["updraft.code_sha256"] != clean["updraft.code_sha256"]
    monkeypatch.setenv("PATH", "")
    assert provenance.code_tags()["mlflow.source.git.commit"] == "unknown"


def test_a_job_run_by_hand_has_no_dag_run_and_without_airflow_there_is_no_link(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW__API__BASE_URL", raising=False)
    assert provenance.dag_run_tags("somewhere.json") == {}
    assert provenance.dag_run_tags("reports/a/b/c.json") == {"updraft.dag_id": "a", "updraft.dag_run_id": "b"}


def test_the_model_has_a_signature_and_an_example_that_it_can_score(
    spark: SparkSession, judged: Judged, small: UseCase
) -> None:
    model = mlflow.pyfunc.load_model(model_uri(small, judged.trained.version))
    features = feature_names(tables.read(spark, "flights", "features").columns)
    assert set(model.metadata.signature.inputs.input_names()) == set(features)
    assert model.metadata.signature.outputs.input_names() == ["probability"]
    example = model.input_example
    assert set(example.columns) == set(features)
    scores = np.asarray(model.predict(example)["probability"])
    assert scores.shape == (len(example),) == (5,)
    assert ((scores > 0) & (scores < 1)).all()
    assert set(records.load_json(judged.trained.run_id, "drift_reference.json")) == set(features)


def test_the_pictures_are_there_and_their_figures_are_those_of_the_evidence(judged: Judged) -> None:
    local = Path(mlflow.artifacts.download_artifacts(f"runs:/{judged.trained.run_id}/plots"))
    assert {path.name for path in local.glob("*.png")} == PICTURES
    for picture in local.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size > 10_000, f"{picture.name} is nearly empty"
    evidence = judged.evaluated.evidence
    drawn = records.load_json(judged.trained.run_id, "plots/holdout.json")
    assert [name.split()[0] for name in drawn] == ["challenger", "champion"]
    for name, figures in drawn.items():
        model: Any = evidence[name.split()[0]]
        assert name.endswith(f"v{model['version']} ({model['algorithm']})")
        assert figures["auc"] == pytest.approx(model["metrics"]["auc"])
        cells = figures["confusion"]
        recall = cells["true_positives"] / (cells["true_positives"] + cells["false_negatives"])
        assert recall == pytest.approx(model["metrics"]["recall"])
        assert sum(figures["calibration"]["rows"]) == figures["rows"] == evidence["holdout"]["rows"]  # type: ignore[index]


def test_importance_names_every_feature_once(spark: SparkSession, judged: Judged) -> None:
    importance = records.load_json(judged.trained.run_id, "plots/importance.json")
    features = feature_names(tables.read(spark, "flights", "features").columns)
    assert sorted(one["feature"] for one in importance["features"]) == sorted(features)
    drops = [one["loss"] for one in importance["features"]]
    assert drops == sorted(drops, reverse=True)
    assert drops[0] > 0.005
    assert (importance["repeats"], importance["seed"], importance["rows"]) == (REPEATS, 1, ROWS)


def test_importance_finds_what_decides(spark: SparkSession) -> None:
    random = np.random.default_rng(1)
    rows = pd.DataFrame({"noise": random.normal(size=600), "signal": random.normal(size=600), "kind": ["a", "b", "c"] * 200})
    rows["label"] = (rows.signal + random.normal(scale=0.3, size=600) > 0).astype(float)
    rows["row_id"] = [str(n) for n in range(600)]
    frame = spark.createDataFrame(rows)
    columns = Columns(["noise", "signal"], ["kind"])
    model = to_onnx(fit("lightgbm", frame, columns, {"n_estimators": 20}, 1, Task("binary")))
    found = permutation_importance(model, rows, columns, seed=1, task=Task("binary"))
    assert found is not None
    assert found["features"][0]["feature"] == "signal"
    assert found["features"][0]["loss"] > 0.3 > 10 * abs(found["features"][-1]["loss"])
    assert found == permutation_importance(model, rows, columns, seed=1, task=Task("binary"))
    assert permutation_importance(model, rows.assign(label=0.0), columns, seed=1, task=Task("binary")) is None


def test_curves_of_a_perfect_and_of_a_blind_model() -> None:
    labels = np.array([0.0, 0.0, 1.0, 1.0])
    perfect, blind = curves(labels, labels, 0.5), curves(labels, np.full(4, 0.5), 0.5)
    assert (perfect["auc"], perfect["average_precision"], blind["auc"]) == (1, 1, 0.5)
    assert perfect["calibration"] == {"predicted": [0, 1], "observed": [0, 1], "rows": [2, 2], "bin": [0, 9]}
    cells = {"true_negatives": 0, "false_positives": 2, "false_negatives": 0, "true_positives": 2}
    assert blind["confusion"] == {"threshold": 0.5, **cells}


def test_a_version_says_what_it_is_and_why_it_was_refused(judged: Judged) -> None:
    version = judged.client.get_model_version("flights", str(judged.trained.version))
    verdict, evidence = judged.verdict, judged.evaluated.evidence
    assert not verdict.promote, "the same rows and seed give no better model"
    for said in (
        judged.run.use_case.data.target.description,
        f"{judged.trained.train_first} to {judged.trained.train_last}",
        "Owner: flight-operations",
        f"[{judged.run.name}]({AIRFLOW}/dags/flights_training/runs/{judged.run.name})",
        f"## Verdict: refused\n\n- {verdict.reasons[0]}",
        f"{judged.trained.holdout_first}..{judged.trained.holdout_last}",
        f"| metric | version {verdict.challenger} (challenger) | version {verdict.champion} (champion at that time) |",
        f"| auc | {evidence['challenger']['metrics']['auc']:.4f} |",  # type: ignore[index]
    ):
        assert said in version.description
    assert judged.client.get_run(judged.trained.run_id).data.tags["mlflow.note.content"] == version.description
    assert {key: version.tags[f"updraft.{key}"] for key in ("verdict", "compared_with", "features_version", "dag_run_id")} == {
        "verdict": "refused",
        "compared_with": str(verdict.champion),
        "features_version": str(judged.trained.features_version),
        "dag_run_id": judged.run.name,
    }
    assert version.tags["updraft.reasons"] == "\n".join(verdict.reasons)
    assert version.tags["updraft.dag_run_url"] == f"{AIRFLOW}/dags/flights_training/runs/{judged.run.name}"


def test_the_registered_model_says_who_is_champion_and_why(spark: SparkSession, judged: Judged, small: UseCase) -> None:
    champion, change = records.champion(judged.client, small), last_change(Ledger(small).entries())
    assert champion
    assert change
    said = judged.client.get_registered_model("flights").description
    tags = judged.client.get_model_version("flights", str(champion.version)).tags
    assert f"## Champion: [version {champion.version}](#/models/flights/versions/{champion.version})" in said
    assert tags["updraft.verdict"] == "promoted"
    assert change.to_version == champion.version
    assert change.reasons
    for reason in change.reasons:
        assert reason in said
    assert champion.description in said


def test_judged_again_nothing_changes(judged: Judged) -> None:
    before = judged.seen()
    assert len(before["inputs"]) == 2
    assert len(before["plots"]) == len(PICTURES) + 3
    judged.run("evaluate")
    judged.run("gate")
    assert judged.seen() == before
