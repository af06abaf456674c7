"""Every kind of model through training, evaluation, gate, scoring and drift, on small tables."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_jobs import diagnose, drift, evaluate, gate, promote, score, search_and_fit
from updraft.core.arguments import ARGUMENTS
from updraft.core.errors import UpdraftError
from updraft.core.interval import Interval
from updraft.core.kinds import TRAITS, Kind
from updraft.core.manifest import Manifest
from updraft.core.metrics import METRICS
from updraft.core.reports import DecayReport, WindowDrift
from updraft.core.schema import (
    BRONZE,
    CLEAN,
    FEATURES,
    PREDICTIONS,
    QUARANTINE,
    REASONS,
    RECOMMENDATIONS,
)
from updraft.core.sections import Algorithm, Bounds, Costs, Gate, Model, Search, Serving, Target
from updraft.core.use_case import UseCase
from updraft.data.ledger import DeltaLedger
from updraft.data.lineage import Note
from updraft.data.tables import Table
from updraft.evaluation.evidence import training_rows
from updraft.evaluation.judging import important_features
from updraft.models.tracking import connect, load_json
from updraft.models.versions import RegisteredVersion, VersionTags, registered
from updraft.monitoring.drift import output_columns
from updraft.training.search import check_rows
from updraft.training.windows import KeySplit, split_data

DAYS = 10
ROWS_OF_A_DAY = 60
ROWS = DAYS * ROWS_OF_A_DAY
CLASSES = ["a draw", "black", "white"]
Rows = Callable[[np.random.Generator, int], dict[str, Any]]
JOBS: dict[str, ModuleType] = {
    "search_and_fit": search_and_fit,
    "evaluate": evaluate,
    "gate": gate,
    "promote": promote,
    "score": score,
    "drift": drift,
}


def points(random: np.random.Generator, rows: int) -> dict[str, Any]:
    return {
        "x": random.normal(0, 1, rows),
        "y": random.normal(0, 1, rows),
        "constant": 1.0,
        "place": random.choice(["north", "south"], rows),
    }


def classes(random: np.random.Generator, rows: int) -> dict[str, Any]:
    features = points(random, rows)
    signal = features["x"] + random.normal(0, 0.3, rows)
    return {**features, "label": np.digitize(signal, [-1.2, 0.2]).astype(float)}


def numbers(random: np.random.Generator, rows: int) -> dict[str, Any]:
    features = points(random, rows)
    noise = random.normal(0, 0.5, rows)
    return {**features, "label": 10 + 3 * features["x"] - features["y"] + noise}


def groups(random: np.random.Generator, rows: int) -> dict[str, Any]:
    group = random.choice(3, rows, p=[0.5, 0.3, 0.2])
    centres = np.array([[0, 0], [6, 0], [0, 9]])[group] + random.normal(0, 0.6, (rows, 2))
    return {"x": centres[:, 0], "y": centres[:, 1], "label": None}


def ratings(random: np.random.Generator, rows: int) -> dict[str, Any]:
    user = random.integers(0, 40, rows)
    item = random.integers(0, 30, rows)
    taste = np.where((user + item) % 2, 1, -1)
    label = np.clip(3 + 1.5 * taste + random.normal(0, 0.4, rows), 0.5, 5)
    return {"user": [f"u{n}" for n in user], "item": [f"i{n}" for n in item], "label": label}


def yes_or_no(random: np.random.Generator, rows: int) -> dict[str, Any]:
    features = points(random, rows)
    signal = features["x"] + random.normal(0, 0.5, rows)
    return {**features, "label": (signal > 0.8).astype(float)}


@dataclass(frozen=True)
class Case:
    """A kind, its rows, the algorithms of two trainings, and what is expected of them.

    ``columns``: those of the predictions that depend on the kind. ``plots``: their files.
    """

    kind: Kind
    rows: Rows
    first: dict[str, Algorithm]
    second: dict[str, Algorithm]
    gate: Gate
    columns: set[str]
    plots: set[str]
    snapshot: bool = False
    model: dict[str, Any] = field(default_factory=dict)


SHARED = {"row_id", "event_time", "event_date", "model_version", "ledger_entry", "scored_at"}
SMALL_PENALTY = Bounds(low=0.001, high=0.01, log=True)
CASES = {
    "multiclass": Case(
        "multiclass",
        classes,
        {"logistic_regression": Algorithm(fixed={"regParam": 1.0})},
        {"lightgbm": Algorithm(fixed={"n_estimators": 20}, search={"num_leaves": [7, 15]})},
        Gate(
            metric="macro_f1",
            floors={"macro_f1": 0.2, "log_loss": 2, "calibration_error": 0.5},
            min_rows=50,
        ),
        {"probability_a_draw", "probability_black", "probability_white", "prediction"},
        {"calibration.png", "confusion.png", "importance.png", "slices.png"},
    ),
    "regression": Case(
        "regression",
        numbers,
        {"linear_regression": Algorithm(fixed={"regParam": 3.0})},
        {"linear_regression": Algorithm(fixed={}, search={"regParam": SMALL_PENALTY})},
        Gate(metric="rmse", floors={"rmse": 3.0, "r2": 0.3}, min_rows=50),
        {"prediction"},
        {"predicted_and_observed.png", "residuals.png", "importance.png", "slices.png"},
    ),
    "clustering": Case(
        "clustering",
        groups,
        {"k_means": Algorithm(fixed={"k": 6})},
        {
            "k_means": Algorithm(search={"k": [2, 3]}),
            "gaussian_mixture": Algorithm(fixed={"k": 3}),
        },
        Gate(metric="silhouette", floors={"silhouette": 0.2}, min_rows=50),
        {"cluster"},
        {"clusters.png", "importance.png", "slices.png"},
    ),
    "recommendation": Case(
        "recommendation",
        ratings,
        {"als": Algorithm(fixed={"rank": 2, "maxIter": 10, "regParam": 0.5})},
        {"als": Algorithm(fixed={"rank": 4, "maxIter": 8, "regParam": 0.05})},
        Gate(metric="rmse", floors={"rmse": 4.0, "ndcg_at_10": 0.01}, min_rows=20),
        {"prediction"},
        {"predicted_and_observed.png", "residuals.png", "slices.png"},
    ),
    "binary snapshot": Case(
        "binary",
        yes_or_no,
        {"logistic_regression": Algorithm(fixed={"maxIter": 10})},
        {"logistic_regression": Algorithm(fixed={"maxIter": 10})},
        Gate(
            metric="f1",
            rule="not_worse",
            margin=0.0,
            floors={"f1": 0.5, "value": 0.0},
            min_rows=50,
        ),
        {"probability", "prediction"},
        {
            "roc.png",
            "precision_recall.png",
            "calibration.png",
            "confusion.png",
            "importance.png",
            "slices.png",
        },
        snapshot=True,
        model={
            "metric": "value",
            "holdout": 0.25,
            "costs": Costs(true_positive=10, false_positive=-2, true_negative=0, false_negative=-5),
        },
    ),
}


def use_case_of(
    flights: UseCase, name: str, case: Case, algorithms: dict[str, Algorithm]
) -> UseCase:
    target = None
    if TRAITS[case.kind].has_target:
        names = CLASSES if case.kind == "multiclass" else []
        target = Target(name="it", sql="1", description="what it is", classes=names)
    # The days of the holdout are too few; the rows of these cases are independent.
    unit = "user" if case.kind == "recommendation" else "row"
    settings = {"metric": TRAITS[case.kind].metrics[0], "holdout": 2, **case.model}
    search = Search(trials=2, folds=2, seed=3)
    model = Model(window=20, min_rows=20, algorithms=algorithms, search=search, **settings)
    return flights.model_copy(
        update={
            "name": name.replace(" ", "_"),
            "kind": case.kind,
            "schedule": None if case.snapshot else flights.schedule,
            "data": flights.data.model_copy(update={"target": target}),
            "model": model,
            "gate": case.gate.model_copy(update={"unit": unit}),
            "serving": Serving(),
        }
    )


def table(spark: SparkSession, case: Case) -> DataFrame:
    """The features of ten days or, for a snapshot, of its single day."""
    frame = pd.DataFrame(case.rows(np.random.default_rng(11), ROWS))
    frame["row_id"] = [f"r{n}" for n in range(ROWS)]
    if case.snapshot:
        start = datetime(1970, 1, 1)
        frame["event_time"] = [start + timedelta(seconds=n) for n in range(ROWS)]
        frame["split"] = np.where(np.arange(ROWS) % 4 == 0, "holdout", "train")
    else:
        start = datetime(2013, 3, 1)
        frame["event_time"] = [
            start + timedelta(days=n // ROWS_OF_A_DAY, seconds=n) for n in range(ROWS)
        ]
    if case.kind == "clustering":
        frame.loc[frame.index % 50 == 0, "x"] = np.nan
        frame["label"] = frame["label"].astype(float)
    rows = spark.createDataFrame(frame)
    return rows.withColumn("label", F.when(~F.isnan("label"), F.col("label")))


def replace_table(use_case: UseCase, name: str, rows: DataFrame, source: str | None = None) -> None:
    """Replace all rows; the commit says that they were made from those of ``source``."""
    days = [row["day"] for row in rows.selectExpr("date(event_time) AS day").distinct().collect()]
    note = Note(
        spans=Interval(min(days), max(days)).partitions,
        inputs=[Table(use_case, source).as_input()] if source else [],
        run="by hand",
    )
    with Table(use_case, name).hold(rows.sparkSession) as held:
        held.replace(rows, "true", note)


class Loop:
    """Two trainings of one kind, and the jobs that follow them."""

    def __init__(self, spark: SparkSession, flights: UseCase, name: str) -> None:
        self.case = CASES[name]
        self.use_case = use_case_of(flights, name, self.case, self.case.first)
        rows = table(spark, self.case)
        for made, source in ((BRONZE, None), (CLEAN, BRONZE)):
            replace_table(self.use_case, made, rows.select("row_id", "event_time"), source)
        replace_table(self.use_case, FEATURES, rows, CLEAN)
        self.features = rows
        self.first = self.run("first", self.use_case, *JOBS)
        with_second_algorithms = use_case_of(flights, name, self.case, self.case.second)
        self.second = self.run(
            "second", with_second_algorithms, "search_and_fit", "evaluate", "gate"
        )
        self.client = connect(self.use_case)

    def run(self, name: str, use_case: UseCase, *jobs: str) -> dict[str, Any]:
        reports = {}
        for job in jobs:
            uri = f"reports/{use_case.name}_training/{name}/{job}.json"
            arguments = ARGUMENTS[job](use_case=use_case, report=uri)
            reports[job] = JOBS[job].job(arguments)
            reports[job].write(uri)
        return reports


@pytest.fixture(scope="module", params=list(CASES))
def loop(
    request: pytest.FixtureRequest, spark: SparkSession, training: Path, flights: UseCase
) -> Loop:
    return Loop(spark, flights, request.param)


def test_each_kind_goes_through_the_loop(loop: Loop) -> None:
    case = loop.case
    trained = loop.first["search_and_fit"]
    assert loop.first["gate"].promote, loop.first["gate"].reasons
    metrics = loop.first["evaluate"].evidence["challenger"]["metrics"]
    assert set(TRAITS[case.kind].metrics) - {"value"} <= set(metrics)
    assert all(np.isfinite(value) for value in metrics.values())
    assert (trained.planned, trained.trials) == (1, 1), "nothing to search, nothing searched"
    version = loop.client.get_model_version(loop.use_case.name, str(trained.version))
    assert "nothing was searched; on 1 validation block" in version.description
    assert ("updraft.threshold" in version.tags) == (case.kind == "binary")
    value = metrics[case.gate.metric]
    assert f"| {case.gate.metric} | {value:.4f} |" in version.description
    model = mlflow.pyfunc.load_model(f"models:/{loop.use_case.name}/{version.version}")
    outputs = loop.use_case.task.outputs
    assert model.metadata.signature.outputs.input_names() == outputs
    assert list(model.predict(model.input_example).columns) == outputs


def test_a_second_model_is_compared_on_the_same_rows(loop: Loop) -> None:
    evidence = loop.second["evaluate"].evidence
    verdict = loop.second["gate"]
    assert evidence["champion"]["version"] == loop.first["search_and_fit"].version
    gain = evidence["gain"]
    assert gain["metric"] == loop.case.gate.metric
    assert gain["lower"] <= gain["value"] <= gain["upper"]
    if loop.case.snapshot:
        assert (gain["value"], gain["lower"]) == (0, 0), "the same rows, the same model"
        (reason,) = verdict.reasons
        assert reason.endswith("are the same model: their files are identical")
    else:
        assert gain["value"] > 0, "the first was made to be poor"
        assert verdict.promote, verdict.reasons


def test_the_evidence_shows_that_the_holdout_is_separate(loop: Loop) -> None:
    evidence = loop.second["evaluate"].evidence
    holdout = evidence["holdout"]
    models = (evidence["challenger"], evidence["champion"])
    rows = ROWS / 4 if loop.case.snapshot else 2 * ROWS_OF_A_DAY
    assert holdout["rows"] == holdout["keys"] == rows
    separation = [(model["overlap"], model["trained_until"]) for model in models]
    if loop.case.snapshot:
        assert (holdout["split"], holdout["first"]) == ("holdout", None)
        assert separation == [(0, None)] * 2
    else:
        assert holdout["first"] == "2013-03-09"
        assert separation == [(0, "2013-03-08")] * 2
    assert all(model["learnt"] > ROWS_OF_A_DAY for model in models)
    assert models[0]["judged_on"] == models[1]["judged_on"] == holdout["sha256"]
    assert evidence["audit"] == {
        "bronze": ROWS,
        "clean": ROWS,
        "quarantined": 0,
        "unfinished": [],
        "unaudited": 0,
    }


def test_people_see_its_plots(loop: Loop) -> None:
    run_id = loop.second["search_and_fit"].run_id
    local = Path(mlflow.artifacts.download_artifacts(f"runs:/{run_id}/plots"))
    assert {path.name for path in local.glob("*.png")} == loop.case.plots
    documents = load_json(run_id, "plots/holdout.json")
    assert [name.split()[0] for name in documents] == ["challenger", "champion"]
    if "importance.png" in loop.case.plots and loop.case.kind != "clustering":
        importance = load_json(run_id, "plots/importance.json")
        assert importance["features"][0]["feature"] == "x"


def test_every_metric_is_known_for_every_slice(loop: Loop) -> None:
    document = load_json(loop.second["search_and_fit"].run_id, "plots/slices.json")
    evidence = loop.second["evaluate"].evidence
    kind = loop.case.kind
    features_of_kinds = {
        "clustering": ["x", "y"],
        "recommendation": ["earlier rows of the user", "earlier rows of the item"],
    }
    features = features_of_kinds.get(kind, ["place", "x", "y"])
    assert list(dict.fromkeys(each["feature"] for each in document["slices"])) == features
    assert document["metric"] == loop.case.gate.metric
    means = {"regression": "mae", "clustering": "silhouette", "recommendation": "mae"}
    mean = means.get(kind, "accuracy")
    ranked = {name for name, metric in METRICS.items() if metric.unit == "users"}
    rows = evidence["holdout"]["rows"]
    for model, role in zip(document["overall"], ("challenger", "champion"), strict=True):
        overall = document["overall"][model]
        assert overall == evidence[role]["metrics"]
        for feature in features:
            slices = [each for each in document["slices"] if each["feature"] == feature]
            assert len(slices) > 1
            assert all(set(each["models"][model]) == set(overall) - ranked for each in slices)
            assert sum(each["rows"] for each in slices) == rows
            total = sum(each["rows"] * each["models"][model][mean] for each in slices)
            assert total / rows == pytest.approx(overall[mean])


def test_what_matters_most_is_what_the_training_has_measured(loop: Loop) -> None:
    version = loop.second["search_and_fit"].version
    entries = DeltaLedger(loop.use_case).entries()
    features = important_features(registered(loop.client, loop.use_case, version, entries))
    if loop.case.kind == "recommendation":
        assert features == []
    elif loop.case.kind == "clustering":
        assert set(features) == {"x", "y"}
    else:
        assert features[0] == "x"
        assert set(features) == {"x", "y", "constant", "place"}


def test_the_newest_partitions_are_scored_as_the_kind_answers(
    spark: SparkSession, loop: Loop
) -> None:
    predictions = Table(loop.use_case, PREDICTIONS).read(spark)
    report = loop.first["score"]
    assert set(predictions.columns) == SHARED | loop.case.columns
    rows = ROWS if loop.case.snapshot else 2 * ROWS_OF_A_DAY
    assert report.rows == predictions.count() == predictions.dropna().count() == rows
    if loop.case.kind == "multiclass":
        not_most_probable = predictions.where(
            "greatest(probability_a_draw, probability_black, probability_white) <> "
            "CASE prediction WHEN 'a draw' THEN probability_a_draw "
            "WHEN 'black' THEN probability_black ELSE probability_white END"
        )
        assert not_most_probable.count() == 0
        assert predictions.select("prediction").distinct().count() > 1
    if loop.case.kind == "recommendation":
        best = Table(loop.use_case, RECOMMENDATIONS).read(spark)
        assert best.select("user").distinct().count() == 40
        features = Table(loop.use_case, FEATURES).read(spark)
        seen = best.join(features, ["user", "item"], "left_semi")
        assert seen.count() == 0, "what a user has had is not recommended"
        by_user = best.groupBy("user").agg(F.collect_list("rank").alias("ranks")).collect()
        assert all(sorted(row["ranks"]) == list(range(1, len(row["ranks"]) + 1)) for row in by_user)


def test_the_evidence_shows_what_is_reached_without_a_model(loop: Loop) -> None:
    for reports in (loop.first, loop.second):
        evidence = reports["evaluate"].evidence
        challenger = evidence["challenger"]
        baseline = evidence["baseline"]
        assert baseline["learnt"] == challenger["learnt"]
        assert baseline["judged_on"] == evidence["holdout"]["sha256"]
        metrics = set(challenger["metrics"])
        assert {name for name in metrics if not name.startswith("share_")} <= set(
            baseline["metrics"]
        )
        assert baseline["gain"]["metric"] == loop.case.gate.metric
        assert baseline["gain"]["lower"] > 0, "each case has a clear signal"
        version = loop.client.get_model_version(loop.use_case.name, str(challenger["version"]))
        assert f"| {baseline['name']} |" in version.description
        run = loop.client.get_run(reports["search_and_fit"].run_id)
        of_baseline = run.data.metrics[f"baseline_{loop.case.gate.metric}"]
        assert of_baseline == baseline["metrics"][loop.case.gate.metric]


def test_the_evidence_shows_how_complete_and_how_new_the_labels_are(loop: Loop) -> None:
    evidence = loop.second["evaluate"].evidence
    assert evidence["labels"] == {
        "holdout_rows": evidence["holdout"]["rows"],
        "training_rows": evidence["challenger"]["learnt"],
        "newest_mature": None if loop.case.snapshot else "2013-03-10",
    }


@pytest.mark.bad_input("B12")
def test_drift_is_finite_and_about_what_can_drift(loop: Loop) -> None:
    report = loop.first["drift"]
    columns_of_kinds = {"recommendation": {"label", "user", "item"}, "clustering": {"x", "y"}}
    columns = columns_of_kinds.get(loop.case.kind, {"x", "y", "constant", "place", "label"})
    if loop.case.kind != "recommendation":
        columns |= set(output_columns(loop.use_case.task))
    assert {drifted.column for drifted in report.columns} == columns
    assert all(np.isfinite(drifted.psi) for drifted in report.columns)
    json.loads(report.model_dump_json())
    assert not report.detected, report.columns


def test_a_drift_of_each_kind_is_diagnosed(spark: SparkSession, loop: Loop) -> None:
    """The rows are all of one law, and the report says that they have drifted."""
    report = loop.first["drift"]
    bad_row = loop.features.select(
        "row_id", "event_time", F.array(F.lit("x: missing")).alias(REASONS)
    )
    replace_table(loop.use_case, QUARANTINE, bad_row.limit(1), BRONZE)
    day = report.last
    windows = [WindowDrift(day=day, detected=True, judged=1, columns=["x"])]
    uri = f"reports/{loop.use_case.name}_monitoring/diagnosed"
    report.model_copy(update={"windows": windows}).write(f"{uri}/drift.json")
    DecayReport(use_case=loop.use_case.name).write(f"{uri}/decay.json")
    arguments = ARGUMENTS["diagnose"](use_case=loop.use_case, report=f"{uri}/diagnose.json")
    diagnosed = diagnose.job(arguments)
    assert [each.day for each in diagnosed.diagnoses] == [day]
    assert diagnosed.diagnoses[0].reasons
    assert diagnosed.diagnoses[0].cause in (None, "covariate drift", "prior drift"), diagnosed
    json.loads(diagnosed.model_dump_json())


def test_keys_that_a_model_was_trained_on_are_no_holdout(
    spark: SparkSession, training: Path, flights: UseCase
) -> None:
    case = CASES["binary snapshot"]
    use_case = use_case_of(flights, "moved", case, case.first)
    rows = table(spark, case)
    replace_table(use_case, FEATURES, rows)
    is_moved = F.col("row_id").isin("r1", "r2", "r3")
    moved = rows.withColumn("split", F.when(is_moved, "holdout").otherwise(F.col("split")))
    replace_table(use_case, FEATURES, moved)
    holdout = moved.where("split = 'holdout'")

    def overlap(features_version: int) -> int | None:
        day = date(1970, 1, 1)
        tags = VersionTags(
            algorithm="lightgbm",
            threshold=0.5,
            relevance=None,
            features_version=features_version,
            features_table=Table(use_case, FEATURES).id,
            trained_from=day,
            trained_until=day,
            dag_run={},
            search_progress=None,
        )
        version = RegisteredVersion(
            version=1,
            run_id="run",
            tags=tags,
            card="a card",
            folder=Path(),
            approved=Manifest(files={}, facts={}),
        )
        trained_on = training_rows(spark, use_case, version)
        if trained_on is None:
            return None
        return holdout.join(trained_on.labelled, "row_id", "left_semi").count()

    assert overlap(0) == 3
    assert overlap(1) == 0
    assert overlap(99) is None, "a version that does not exist shows nothing"


@pytest.mark.bad_input("B17")
@pytest.mark.parametrize(
    ("name", "spoiled", "message"),
    [
        ("multiclass", {"label": "1.0D"}, "found a single class, black, in all 420 labelled rows"),
        ("regression", {"label": "7.5D"}, "found label 7.5 in all"),
        ("recommendation", {"user": "'u1'"}, "found user u1 in all"),
        (
            "binary snapshot",
            {"label": "0.0D"},
            "of class 0 and 0 of class 1 among the labelled rows in all parts but 1 of 3",
        ),
        ("clustering", {}, "found 6 rows in"),
        (
            "binary snapshot",
            {},
            "found [0-9] labelled rows in all parts but 1 of 3.*model.min_rows",
        ),
    ],
)
def test_rows_that_cannot_be_trained_on_stop_the_training(
    spark: SparkSession, flights: UseCase, name: str, spoiled: dict[str, str], message: str
) -> None:
    """``spoiled``: SQL by column; without any, there are few rows."""
    case = CASES[name]
    use_case = use_case_of(flights, name, case, case.first)
    frame = table(spark, case).withColumn("event_date", F.to_date("event_time"))
    for column, value in spoiled.items():
        frame = frame.withColumn(column, F.expr(value))
    if not spoiled:
        frame = frame.where("pmod(hash(row_id), 60) = 0")
    model = use_case.model
    if not case.snapshot:
        model = model.model_copy(update={"holdout": 1})
    split = split_data(frame, use_case.model_copy(update={"model": model}))
    rows = split.prepare(frame.where(split.train_rows))
    with pytest.raises(UpdraftError, match=message):
        check_rows(rows, split, use_case.task, use_case.model)


def test_parts_of_a_snapshot_have_the_same_share_of_every_class(spark: SparkSession) -> None:
    keys = [(f"r{n}", float(n % 10 == 0)) for n in range(400)]
    rows = spark.createDataFrame(keys, "row_id string, label double")
    split = KeySplit(parts=4, validation_parts=2, stratified=True)
    prepared = split.prepare(rows)
    counts = prepared.groupBy("__part", "label").count().collect()
    by_part = sorted((row["label"], row["count"]) for row in counts)
    assert by_part == [(0.0, 90)] * 4 + [(1.0, 10)] * 4
    reordered = split.prepare(rows.orderBy(F.desc("row_id")))
    part = prepared.where("__part = 1").select("row_id")
    part_of_reordered = reordered.where("__part = 1").select("row_id")
    assert part_of_reordered.exceptAll(part).isEmpty()
