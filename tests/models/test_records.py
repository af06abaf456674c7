"""What people find in MLflow after a training: where a model comes from, and why it was refused."""

import hashlib
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from spark_jobs import evaluate, gate, promote, search_and_fit
from tests.conftest import environment, run
from updraft.core.arguments import ARGUMENTS
from updraft.core.interval import Interval
from updraft.core.ledger import last_change
from updraft.core.registry import CHAMPION
from updraft.core.reports import EvaluateReport, GateReport, SearchAndFitReport
from updraft.core.schema import EVENT_DATE, FEATURES, LABEL, TRAIN, feature_names, quote
from updraft.core.settings import REPO
from updraft.core.use_case import UseCase
from updraft.data.ledger import DeltaLedger
from updraft.data.tables import Table
from updraft.evaluation.importance import REPEATS, ROWS
from updraft.evaluation.used_rows import UsedRows, log_rows
from updraft.models.tracking import connect, load_json
from updraft.models.versions import model_uri

AIRFLOW = "http://127.0.0.1:8080"
PLOTS = {
    "roc.png",
    "precision_recall.png",
    "calibration.png",
    "confusion.png",
    "importance.png",
    "slices.png",
}


class Run:
    """A DAG run without Airflow."""

    def __init__(self, use_case: UseCase, name: str) -> None:
        self.use_case = use_case
        self.name = name

    def __call__(self, job: ModuleType) -> Any:
        name = job.__name__.removeprefix("spark_jobs.")
        uri = f"reports/flights_training/{self.name}/{name}.json"
        report = job.job(ARGUMENTS[name](use_case=self.use_case, report=uri))
        report.write(uri)
        return report


class Judged:
    """A challenger that was compared with a champion: its reports, and its records in MLflow."""

    def __init__(self, dag_run: Run) -> None:
        self.dag_run = dag_run
        self.trained: SearchAndFitReport = dag_run(search_and_fit)
        self.evaluated: EvaluateReport = dag_run(evaluate)
        self.verdict: GateReport = dag_run(gate)
        self.client = connect(dag_run.use_case)
        self.page = f"{AIRFLOW}/dags/flights_training/runs/{dag_run.name}"

    @property
    def evidence(self) -> dict[str, Any]:
        return self.evaluated.evidence

    def records(self) -> dict[str, Any]:
        """All that people see of it."""
        mlflow_run = self.client.get_run(self.trained.run_id)
        version = self.client.get_model_version("flights", str(self.trained.version))
        assert mlflow_run.inputs
        inputs = mlflow_run.inputs.dataset_inputs
        plots = self.client.list_artifacts(self.trained.run_id, "plots")
        return {
            "tags": mlflow_run.data.tags,
            "metrics": mlflow_run.data.metrics,
            "inputs": sorted((i.dataset.name, i.dataset.digest, i.tags[0].value) for i in inputs),
            "plots": sorted((plot.path, plot.file_size) for plot in plots),
            "version": (version.description, version.tags),
            "model": self.client.get_registered_model("flights").description,
        }


@pytest.fixture(scope="module")
def judged(training: Path, small: UseCase, spark: SparkSession) -> Iterator[Judged]:
    with environment({"AIRFLOW__API__BASE_URL": f"{AIRFLOW}/"}):
        if last_change(DeltaLedger(small).entries()) is None:
            first = Run(small, "manual__2013-03-08T00:00:00+00:00")
            for job in (search_and_fit, evaluate, gate, promote):
                first(job)
        yield Judged(Run(small, "manual__2013-03-09T00:00:00+00:00"))


def test_the_run_names_its_rows_such_that_they_can_be_read_again(
    spark: SparkSession, judged: Judged
) -> None:
    trained = judged.trained
    inputs = judged.client.get_run(trained.run_id).inputs
    assert inputs
    datasets = {entry.tags[0].value: entry.dataset for entry in inputs.dataset_inputs}
    assert set(datasets) == {"training", "holdout"}
    days = {
        "training": (trained.train_first, trained.train_last),
        "holdout": (trained.holdout_first, trained.holdout_last),
    }
    path = Table(judged.dag_run.use_case, FEATURES).location.spark
    for context, dataset in datasets.items():
        source: Any = mlflow.data.get_source(dataset)
        assert (source.path, source.delta_table_version) == (path, trained.features_version)
        first, last = days[context]
        is_used = F.col(EVENT_DATE).between(first, last) & F.col(LABEL).isNotNull()
        rows = source.load().where(is_used)
        counts = rows.agg(F.count(LABEL), F.sum(LABEL)).collect()[0]
        profile = pd.read_json(f"[{dataset.profile}]", convert_dates=False).iloc[0].to_dict()
        assert profile == {
            "num_rows": counts[0],
            "positives": counts[1],
            "first": str(first),
            "last": str(last),
        }
        assert counts[0] > 1000
        assert '"distance"' in str(dataset.schema)


def test_the_run_names_the_code_and_the_locks(judged: Judged) -> None:
    tags = judged.client.get_run(judged.trained.run_id).data.tags
    git = run("git", "-C", str(REPO), "rev-parse", "HEAD")
    commit = git.stdout.strip() if git.returncode == 0 else "unknown"
    requirements = hashlib.sha256((REPO / "requirements.txt").read_bytes()).hexdigest()
    jars = hashlib.sha256((REPO / "jars.lock").read_bytes()).hexdigest()
    assert tags["mlflow.source.git.commit"] == commit
    assert tags["updraft.requirements_sha256"] == requirements
    assert tags["updraft.jars_sha256"] == jars
    assert tags["updraft.dag_run_url"] == judged.page


def test_the_model_has_a_signature_and_an_example_that_it_can_score(
    spark: SparkSession, judged: Judged, small: UseCase
) -> None:
    model = mlflow.pyfunc.load_model(model_uri(small, judged.trained.version))
    features = feature_names(Table(small, FEATURES).read(spark).columns)
    assert set(model.metadata.signature.inputs.input_names()) == set(features)
    assert model.metadata.signature.outputs.input_names() == ["probability"]
    example = model.input_example
    assert set(example.columns) == set(features)
    scores = np.asarray(model.predict(example)["probability"])
    assert scores.shape == (len(example),) == (5,)
    assert ((scores > 0) & (scores < 1)).all()
    reference = load_json(judged.trained.run_id, "drift_reference.json")
    assert set(reference) == {*features, "label"}


def test_the_plots_are_complete_and_their_values_are_those_of_the_evidence(judged: Judged) -> None:
    folder = Path(mlflow.artifacts.download_artifacts(f"runs:/{judged.trained.run_id}/plots"))
    plots = list(folder.glob("*.png"))
    assert {plot.name for plot in plots} == PLOTS
    for plot in plots:
        assert plot.read_bytes().startswith(b"\x89PNG")
        assert plot.stat().st_size > 10_000, f"{plot.name} is nearly empty"
    documents = load_json(judged.trained.run_id, "plots/holdout.json")
    assert [name.split()[0] for name in documents] == ["challenger", "champion"]
    for name, values in documents.items():
        model = judged.evidence[name.split()[0]]
        assert name.endswith(f"v{model['version']} ({model['algorithm']})")
        assert values["auc"] == pytest.approx(model["metrics"]["auc"])
        cells = values["confusion"]
        recall = cells["true_positives"] / (cells["true_positives"] + cells["false_negatives"])
        assert recall == pytest.approx(model["metrics"]["recall"])
        rows = judged.evidence["holdout"]["rows"]
        assert sum(values["calibration"]["rows"]) == values["rows"] == rows


def test_importance_names_every_feature_once(spark: SparkSession, judged: Judged) -> None:
    importance = load_json(judged.trained.run_id, "plots/importance.json")
    features = feature_names(Table(judged.dag_run.use_case, FEATURES).read(spark).columns)
    assert sorted(entry["feature"] for entry in importance["features"]) == sorted(features)
    losses = [entry["loss"] for entry in importance["features"]]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > 0.005
    assert (importance["repeats"], importance["seed"], importance["rows"]) == (REPEATS, 1, ROWS)


def test_a_version_says_what_it_is_and_why_it_was_refused(judged: Judged) -> None:
    version = judged.client.get_model_version("flights", str(judged.trained.version))
    trained = judged.trained
    verdict = judged.verdict
    assert not verdict.promote, "the same rows and seed give no better model"
    target = judged.dag_run.use_case.data.target
    assert target
    for text in (
        target.description,
        f"{trained.train_first} to {trained.train_last}",
        "Owner: flight-operations",
        f"[{judged.dag_run.name}]({judged.page})",
        f"## Verdict: refused\n\n- {verdict.reasons[0]}",
        f"{trained.holdout_first}..{trained.holdout_last}",
        f"| metric | version {verdict.challenger} (challenger) "
        f"| version {verdict.champion} (champion at that time) |",
        f"| auc | {judged.evidence['challenger']['metrics']['auc']:.4f} |",
    ):
        assert text in str(version.description)
    run_tags = judged.client.get_run(trained.run_id).data.tags
    assert run_tags["mlflow.note.content"] == version.description
    expected = {
        "updraft.verdict": "refused",
        "updraft.compared_with": str(verdict.champion),
        "updraft.features_version": str(trained.features_version),
        "updraft.dag_run_id": judged.dag_run.name,
        "updraft.reasons": "\n".join(verdict.reasons),
        "updraft.dag_run_url": judged.page,
    }
    assert {name: version.tags[name] for name in expected} == expected


def test_the_registered_model_says_who_is_champion_and_why(judged: Judged, small: UseCase) -> None:
    change = last_change(DeltaLedger(small).entries())
    assert change
    version = judged.client.get_model_version_by_alias("flights", CHAMPION)
    description = str(judged.client.get_registered_model("flights").description)
    tags = judged.client.get_model_version("flights", str(version.version)).tags
    page = f"#/models/flights/versions/{version.version}"
    assert f"## Champion: [version {version.version}]({page})" in description
    assert tags["updraft.verdict"] == "promoted"
    assert change.to_version == int(version.version)
    assert change.reasons
    for reason in change.reasons:
        assert reason in description
    assert str(version.description).partition("\n\n")[0] in description


def test_judging_is_idempotent(judged: Judged) -> None:
    before = judged.records()
    assert len(before["inputs"]) == 2
    assert len(before["plots"]) == len(PLOTS) + 3
    judged.dag_run(evaluate)
    judged.dag_run(gate)
    assert judged.records() == before


def test_rows_of_features_whose_names_need_quotes_are_recorded(
    spark: SparkSession, training: Path, small: UseCase
) -> None:
    """(08.24) Such as dots, which mean a field of a struct to Spark."""
    client = connect(small)
    names = ["user.rank", "a b", "a`b", "größe[1]"]
    columns = ["string(id) AS row_id", "timestamp'2024-01-01' AS event_time"]
    columns += ["double(id % 2) AS label", *[f"1.0D AS {quote(name)}" for name in names]]
    frame = spark.range(4).selectExpr(*columns)
    day = Interval(date(2024, 1, 1), date(2024, 1, 1))
    used = UsedRows.of(frame, small.task, 0, day, TRAIN)
    with mlflow.start_run() as run:
        log_rows(client, run.info.run_id, "training", small, used, frame)
    (recorded,) = client.get_run(run.info.run_id).inputs.dataset_inputs
    schema = json.loads(recorded.dataset.schema)["mlflow_colspec"]
    assert {column["name"] for column in schema} == {*names, LABEL}
