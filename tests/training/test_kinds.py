"""Every kind of model through training, evaluation, gate, scoring and drift, on small tables with a signal to learn."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from tests.conftest import load_job
from updraft.core.errors import UpdraftError
from updraft.core.job import Arguments
from updraft.core.kinds import RANKED, TRAITS, Kind
from updraft.core.sections import Algorithm, Bounds, Costs, Gate, Model, Search, Serving, Target
from updraft.core.use_case import UseCase
from updraft.data import tables
from updraft.evaluation.judging import _important
from updraft.models import records
from updraft.training.search import check_rows
from updraft.training.windows import Splits, cut, usable

DAYS, A_DAY = 10, 60
CLASSES = ["a draw", "black", "white"]
Rows = Callable[[np.random.Generator, int], dict[str, Any]]


def points(random: np.random.Generator, rows: int) -> dict[str, Any]:
    return {
        "x": random.normal(0, 1, rows),
        "y": random.normal(0, 1, rows),
        "constant": 1.0,
        "place": random.choice(["north", "south"], rows),
    }


def classes(random: np.random.Generator, rows: int) -> dict[str, Any]:
    found = points(random, rows)
    signal = found["x"] + random.normal(0, 0.3, rows)
    return {**found, "label": np.digitize(signal, [-1.2, 0.2]).astype(float)}


def numbers(random: np.random.Generator, rows: int) -> dict[str, Any]:
    found = points(random, rows)
    return {**found, "label": 10 + 3 * found["x"] - found["y"] + random.normal(0, 0.5, rows)}


def groups(random: np.random.Generator, rows: int) -> dict[str, Any]:
    group = random.choice(3, rows, p=[0.5, 0.3, 0.2])
    centres = np.array([[0, 0], [6, 0], [0, 9]])[group] + random.normal(0, 0.6, (rows, 2))
    return {"x": centres[:, 0], "y": centres[:, 1], "label": None}


def ratings(random: np.random.Generator, rows: int) -> dict[str, Any]:
    user, item = random.integers(0, 40, rows), random.integers(0, 30, rows)
    label = np.clip(3 + 1.5 * np.where((user + item) % 2, 1, -1) + random.normal(0, 0.4, rows), 0.5, 5)
    return {"user": [f"u{n}" for n in user], "item": [f"i{n}" for n in item], "label": label}


def yes_or_no(random: np.random.Generator, rows: int) -> dict[str, Any]:
    found = points(random, rows)
    return {**found, "label": (found["x"] + random.normal(0, 0.5, rows) > 0.8).astype(float)}


@dataclass(frozen=True)
class Case:
    """A kind, its rows, the algorithm of the first training and that of the second, and what is expected."""

    kind: Kind
    rows: Rows
    first: dict[str, Algorithm]
    second: dict[str, Algorithm]
    gate: Gate
    columns: set[str]
    pictures: set[str]
    snapshot: bool = False
    model: dict[str, Any] = None  # type: ignore[assignment]


SHARED = {"row_id", "event_time", "event_date", "model_version", "ledger_entry", "scored_at"}
CASES = {
    "multiclass": Case(
        "multiclass",
        classes,
        {"logistic_regression": Algorithm(fixed={"regParam": 1.0})},
        {"lightgbm": Algorithm(fixed={"n_estimators": 20}, search={"num_leaves": [7, 15]})},
        Gate(metric="macro_f1", floors={"macro_f1": 0.2, "log_loss": 2, "calibration_error": 0.5}, min_rows=50),
        {"probability_a_draw", "probability_black", "probability_white", "prediction"},
        {"calibration.png", "confusion.png", "importance.png", "slices.png"},
    ),
    "regression": Case(
        "regression",
        numbers,
        {"linear_regression": Algorithm(fixed={"regParam": 3.0})},
        {"linear_regression": Algorithm(fixed={}, search={"regParam": Bounds(low=0.001, high=0.01, log=True)})},
        Gate(metric="rmse", floors={"rmse": 3.0, "r2": 0.3}, min_rows=50),
        {"prediction"},
        {"predicted_and_observed.png", "residuals.png", "importance.png", "slices.png"},
    ),
    "clustering": Case(
        "clustering",
        groups,
        {"k_means": Algorithm(fixed={"k": 6})},
        {"k_means": Algorithm(search={"k": [2, 3]}), "gaussian_mixture": Algorithm(fixed={"k": 3})},
        Gate(metric="silhouette", floors={"silhouette": 0.2}, min_rows=50),
        {"cluster"},
        {"clusters.png", "importance.png", "slices.png"},
    ),
    "recommendation": Case(
        "recommendation",
        ratings,
        {"als": Algorithm(fixed={"rank": 2, "maxIter": 1, "regParam": 1.0})},
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
        Gate(metric="f1", rule="not_worse", margin=0.0, floors={"f1": 0.5, "value": 0.0}, min_rows=50),
        {"probability", "prediction"},
        {"roc.png", "precision_recall.png", "calibration.png", "confusion.png", "importance.png", "slices.png"},
        snapshot=True,
        model={
            "metric": "value",
            "holdout": 0.25,
            "costs": Costs(true_positive=10, false_positive=-2, true_negative=0, false_negative=-5),
        },
    ),
}


def use_case_of(flights: UseCase, name: str, case: Case, algorithms: dict[str, Algorithm]) -> UseCase:
    target = Target(name="it", sql="1", description="what it is", classes=CLASSES if case.kind == "multiclass" else [])
    how = {"metric": TRAITS[case.kind].metrics[0], "holdout": 2, **(case.model or {})}
    model = Model(window=20, min_rows=20, algorithms=algorithms, search=Search(trials=2, folds=2, seed=3), **how)
    return flights.model_copy(
        update={
            "name": name.replace(" ", "_"),
            "kind": case.kind,
            "schedule": None if case.snapshot else flights.schedule,
            "data": flights.data.model_copy(update={"target": None if case.kind == "clustering" else target}),
            "model": model,
            "gate": case.gate,
            "serving": Serving(),
        }
    )


def table(spark: SparkSession, case: Case) -> Any:
    random, rows = np.random.default_rng(11), DAYS * A_DAY
    frame = pd.DataFrame(case.rows(random, rows))
    frame["row_id"] = [f"r{n}" for n in range(rows)]
    start = datetime(1970, 1, 1) if case.snapshot else datetime(2013, 3, 1)
    frame["event_time"] = [start + timedelta(days=0 if case.snapshot else n // A_DAY, seconds=n) for n in range(rows)]
    if case.snapshot:
        frame["split"] = np.where(np.arange(rows) % 4 == 0, "holdout", "train")
    if case.kind == "clustering":
        frame.loc[frame.index % 50 == 0, "x"] = np.nan
        frame["label"] = frame["label"].astype(float)
    found = spark.createDataFrame(frame)
    return found.withColumn("label", F.when(~F.isnan("label"), F.col("label")))


class Loop:
    """Two trainings of one kind, one after the other, and what followed."""

    def __init__(self, spark: SparkSession, flights: UseCase, name: str) -> None:
        self.case = CASES[name]
        self.use_case = use_case_of(flights, name, self.case, self.case.first)
        rows = table(spark, self.case)
        tables.replace(rows, self.use_case, "features", "true")
        for before in ("bronze", "clean"):
            tables.replace(rows.select("row_id", "event_time"), self.use_case, before, "true")
        self.first = self.run("first", self.use_case, "search_and_fit", "evaluate", "gate", "promote", "score", "drift")
        again = use_case_of(flights, name, self.case, self.case.second)
        self.second = self.run("second", again, "search_and_fit", "evaluate", "gate")
        self.client = records.connect(self.use_case)

    def run(self, name: str, use_case: UseCase, *jobs: str) -> dict[str, Any]:
        found = {}
        for job in jobs:
            uri = f"reports/{use_case.name}_training/{name}/{job}.json"
            found[job] = load_job(job).job(Arguments(use_case, None, None, uri))
            found[job].write(uri)
        return found


@pytest.fixture(scope="module", params=list(CASES))
def loop(request: pytest.FixtureRequest, spark: SparkSession, training: Path, flights: UseCase) -> Loop:
    return Loop(spark, flights, request.param)


def test_each_kind_goes_through_the_loop(loop: Loop) -> None:
    first, case = loop.first, loop.case
    assert first["gate"].promote, first["gate"].reasons
    metrics = first["evaluate"].evidence["challenger"]["metrics"]
    assert set(TRAITS[case.kind].metrics) - {"value"} <= set(metrics)
    assert all(np.isfinite(value) for value in metrics.values())
    assert (first["search_and_fit"].planned, first["search_and_fit"].trials) == (1, 1), "nothing to search, nothing searched"
    version = loop.client.get_model_version(loop.use_case.name, str(first["search_and_fit"].version))
    assert "nothing was searched; on 1 validation block" in version.description
    assert ("updraft.threshold" in version.tags) == (case.kind == "binary")
    assert f"| {case.gate.metric} | {metrics[case.gate.metric]:.4f} |" in version.description
    model = mlflow.pyfunc.load_model(f"models:/{loop.use_case.name}/{version.version}")
    assert model.metadata.signature.outputs.input_names() == loop.use_case.task.outputs
    assert list(model.predict(model.input_example).columns) == loop.use_case.task.outputs


def test_a_second_model_is_compared_on_the_same_rows(loop: Loop) -> None:
    evidence, verdict = loop.second["evaluate"].evidence, loop.second["gate"]
    assert evidence["champion"]["version"] == loop.first["search_and_fit"].version
    gain = evidence["gain"]
    assert gain["metric"] == loop.case.gate.metric
    assert gain["lower"] <= gain["value"] <= gain["upper"]
    if loop.case.snapshot:
        assert (gain["value"], gain["lower"]) == (0, 0), "the same rows, the same model"
        assert [reason.endswith("are the same model: their files do not differ") for reason in verdict.reasons] == [True]
    else:
        assert gain["value"] > 0, "the first was made to be poor"
        assert verdict.promote, verdict.reasons


def test_the_holdout_is_shown_to_be_apart(loop: Loop) -> None:
    evidence = loop.second["evaluate"].evidence
    holdout, models = evidence["holdout"], (evidence["challenger"], evidence["champion"])
    assert holdout["rows"] == holdout["keys"] == (DAYS * A_DAY / 4 if loop.case.snapshot else 2 * A_DAY)
    if loop.case.snapshot:
        assert (holdout["split"], holdout["first"]) == ("holdout", None)
        assert [(model["overlap"], model["trained_until"]) for model in models] == [(0, None)] * 2
    else:
        assert holdout["first"] == "2013-03-09"
        assert [(model["overlap"], model["trained_until"]) for model in models] == [(0, "2013-03-08")] * 2
    assert all(model["learnt"] > A_DAY for model in models)
    assert models[0]["judged_on"] == models[1]["judged_on"] == holdout["sha256"]
    rows = DAYS * A_DAY
    assert evidence["audit"] == {"bronze": rows, "clean": rows, "quarantined": 0, "unfinished": [], "unaudited": 0}


def test_people_see_its_pictures(loop: Loop) -> None:
    run_id = loop.second["search_and_fit"].run_id
    local = Path(mlflow.artifacts.download_artifacts(f"runs:/{run_id}/plots"))
    assert {path.name for path in local.glob("*.png")} == loop.case.pictures
    drawn = records.load_json(run_id, "plots/holdout.json")
    assert [name.split()[0] for name in drawn] == ["challenger", "champion"]
    if "importance.png" in loop.case.pictures and loop.case.kind != "clustering":
        assert records.load_json(run_id, "plots/importance.json")["features"][0]["feature"] == "x"


def test_every_metric_is_known_for_every_slice(loop: Loop) -> None:
    found = records.load_json(loop.second["search_and_fit"].run_id, "plots/slices.json")
    evidence, kind = loop.second["evaluate"].evidence, loop.case.kind
    own = {"clustering": ["x", "y"], "recommendation": ["earlier rows of the user", "earlier rows of the item"]}
    assert list(dict.fromkeys(one["feature"] for one in found["slices"])) == own.get(kind, ["place", "x", "y"])
    assert found["metric"] == loop.case.gate.metric
    mean = {"regression": "mae", "clustering": "silhouette", "recommendation": "mae"}.get(kind, "accuracy")
    for model, role in zip(found["overall"], ("challenger", "champion"), strict=True):
        overall = found["overall"][model]
        assert overall == evidence[role]["metrics"]
        for feature in own.get(kind, ["place", "x", "y"]):
            here = [one for one in found["slices"] if one["feature"] == feature]
            assert len(here) > 1
            assert all(set(one["models"][model]) == set(overall) - set(RANKED) for one in here)
            assert sum(one["rows"] for one in here) == evidence["holdout"]["rows"]
            whole = sum(one["rows"] * one["models"][model][mean] for one in here) / evidence["holdout"]["rows"]
            assert whole == pytest.approx(overall[mean])


def test_what_matters_most_is_what_the_training_has_measured(loop: Loop) -> None:
    found = _important(records.registered(loop.client, loop.use_case, loop.second["search_and_fit"].version))
    if loop.case.kind == "recommendation":
        assert found == []
    elif loop.case.kind == "clustering":
        assert set(found) == {"x", "y"}
    else:
        assert found[0] == "x"
        assert set(found) == {"x", "y", "constant", "place"}


def test_the_newest_partitions_are_scored_as_the_kind_answers(spark: SparkSession, loop: Loop) -> None:
    found, report = tables.read(spark, loop.use_case.name, "predictions"), loop.first["score"]
    assert set(found.columns) == SHARED | loop.case.columns
    rows = DAYS * A_DAY if loop.case.snapshot else 2 * A_DAY
    assert report.rows == found.count() == found.dropna().count() == rows
    if loop.case.kind == "multiclass":
        odd = found.where(
            "greatest(probability_a_draw, probability_black, probability_white) <> CASE prediction "
            "WHEN 'a draw' THEN probability_a_draw WHEN 'black' THEN probability_black ELSE probability_white END"
        )
        assert odd.count() == 0
        assert found.select("prediction").distinct().count() > 1
    if loop.case.kind == "recommendation":
        best = tables.read(spark, loop.use_case.name, "recommendations")
        assert best.select("user").distinct().count() == 40
        features = tables.read(spark, loop.use_case.name, "features")
        assert best.join(features, ["user", "item"], "left_semi").count() == 0, "what a user has had is not recommended"
        by_user = best.groupBy("user").agg(F.collect_list("rank").alias("ranks"), F.max("score"), F.min("score")).collect()
        assert all(sorted(row["ranks"]) == list(range(1, len(row["ranks"]) + 1)) for row in by_user)


def test_drift_is_finite_and_about_what_can_drift(loop: Loop) -> None:
    report = loop.first["drift"]
    expected = {"recommendation": {"label", "user", "item"}, "clustering": {"x", "y"}}
    assert {one.column for one in report.columns} == expected.get(loop.case.kind, {"x", "y", "constant", "place"})
    assert all(np.isfinite(one.psi) for one in report.columns)
    json.loads(report.model_dump_json())
    assert not report.detected, report.columns


def test_keys_that_a_model_has_learnt_from_are_no_holdout(spark: SparkSession, training: Path, flights: UseCase) -> None:
    case = CASES["binary snapshot"]
    use_case = use_case_of(flights, "moved", case, case.first)
    rows = table(spark, case)
    tables.replace(rows, use_case, "features", "true")
    moved = rows.withColumn("split", F.when(F.col("row_id").isin("r1", "r2", "r3"), "holdout").otherwise(F.col("split")))
    tables.replace(moved, use_case, "features", "true")
    holdout = moved.where("split = 'holdout'")

    def overlap(version: int) -> int | None:
        day = date(1970, 1, 1)
        model = records.Registered(1, "run", "lightgbm", 0.5, None, version, day, day, "a card")
        learnt = load_job("evaluate").learnt_rows(spark, use_case, model)
        return None if learnt is None else holdout.join(learnt, "row_id", "left_semi").count()

    assert overlap(0) == 3
    assert overlap(1) == 0
    assert overlap(99) is None, "a version that is not there shows nothing"


@pytest.mark.parametrize(
    ("name", "spoil", "says"),
    [
        ("multiclass", {"label": "1.0D"}, "found a single class, black, in all 420 labelled rows"),
        ("regression", {"label": "7.5D"}, "found label 7.5 in all"),
        ("recommendation", {"user": "'u1'"}, "found user u1 in all"),
        ("binary snapshot", {"label": "0.0D"}, "of class 0 and 0 of class 1 among the labelled rows in all parts but 1 of 3"),
        ("clustering", {}, "found 6 rows in"),
        ("binary snapshot", {}, "found [0-9] labelled rows in all parts but 1 of 3.*model.min_rows"),
    ],
)
def test_b17_rows_that_teach_nothing_stop_the_training(
    spark: SparkSession, flights: UseCase, name: str, spoil: dict[str, str], says: str
) -> None:
    case = CASES[name]
    use_case = use_case_of(flights, name, case, case.first)
    frame = table(spark, case).withColumn("event_date", F.to_date("event_time"))
    for column, value in spoil.items():
        frame = frame.withColumn(column, F.expr(value))
    if not spoil:  # A few rows in all.
        frame = frame.where("pmod(hash(row_id), 60) = 0")
    found = cut(
        frame, use_case.task, use_case.model.model_copy(update={"holdout": 1} if not case.snapshot else {}), case.snapshot
    )
    train = found.prepare(usable(frame, use_case.task).where(found.train_rows))
    with pytest.raises(UpdraftError, match=says):
        check_rows(train, found, use_case.task, use_case.model)


def test_parts_of_a_snapshot_hold_every_class_alike(spark: SparkSession) -> None:
    rows = spark.createDataFrame([(f"r{n}", float(n % 10 == 0)) for n in range(400)], "row_id string, label double")
    counted = Splits(4, 2, by_label=True).prepare(rows).groupBy("__part", "label").count().collect()
    assert sorted((row["label"], row["count"]) for row in counted) == [(0.0, 90)] * 4 + [(1.0, 10)] * 4
    again = Splits(4, 2, by_label=True).prepare(rows.orderBy(F.desc("row_id")))
    assert (
        again.where("__part = 1")
        .select("row_id")
        .exceptAll(Splits(4, 2, by_label=True).prepare(rows).where("__part = 1").select("row_id"))
        .isEmpty()
    )
