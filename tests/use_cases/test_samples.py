"""The sample makers: deterministic, with the real columns, a chosen drift and a signal.

A simple model can be trained on the signal, and no column gives the target away.
"""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, r2_score, roc_auc_score, silhouette_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale
from typer.testing import CliRunner
from upath import UPath

from updraft.cli.main import app
from updraft.cli.sample import write_sample
from updraft.core.errors import UpdraftError
from updraft.core.use_case import load_use_case, use_case_names
from updraft.data.columns import typed, typing_of
from updraft.data.ingestion import bronze
from updraft.data.sources import read_raw
from updraft.quality.audit import structural_audit

MADE = ["accidents", "chess", "churn", "customers", "ratings", "rentals"]


def raw(name: str, folder: Path, **options: int | float | date | None) -> pd.DataFrame:
    """The rows of a sample, all as text."""
    assert write_sample(name, folder, **options) == 1
    (file,) = folder.iterdir()  # One file, and no part of another.
    if file.suffix == ".jsonl":
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        return pd.DataFrame(lines).astype(str)
    return pd.read_csv(file, dtype=str, keep_default_na=False)


def numbers(rows: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The rows whose columns are finite numbers, with these as numbers."""
    numeric = {column: pd.to_numeric(rows[column], errors="coerce") for column in columns}
    rows = rows.assign(**numeric)
    return rows[np.isfinite(rows[list(columns)]).all(axis=1)]


def test_every_use_case_has_a_sample_maker() -> None:
    assert use_case_names() == sorted([*MADE, "flights"])


@pytest.mark.parametrize("name", MADE)
def test_the_same_arguments_give_the_same_bytes(name: str, tmp_path: Path) -> None:
    content = {}
    for folder, seed in {"first": 1, "same": 1, "other": 2}.items():
        write_sample(name, tmp_path / folder, rows=600, seed=seed)
        (file,) = (tmp_path / folder).iterdir()
        content[folder] = file.read_bytes()
    assert content["first"] == content["same"]
    assert content["first"] != content["other"]


@pytest.mark.parametrize("name", MADE)
def test_columns_are_the_declared_ones(name: str, tmp_path: Path) -> None:
    data = load_use_case(name).data
    columns = list(raw(name, tmp_path, rows=600).columns)
    assert columns == [column for column in data.columns if column not in data.optional]


@pytest.mark.parametrize("name", [name for name in MADE if name != "churn"])
def test_days_can_be_chosen(name: str, tmp_path: Path) -> None:
    schedule = load_use_case(name).schedule
    assert schedule
    first = schedule.start
    last = first.replace(day=20)
    chosen = raw(name, tmp_path / "chosen", rows=1200, first=first, last=last)
    complete = raw(name, tmp_path / "complete", rows=1200)
    assert 0 < len(chosen) < len(complete)
    # A row does not depend on which days are written.
    assert set(chosen.itertuples(index=False)) <= set(complete.itertuples(index=False))


DRIFTS: dict[str, tuple[Callable[[pd.DataFrame], float], float]] = {
    "accidents": (lambda rows: (rows["Source"] == "Source1").mean(), 0.3),
    "chess": (lambda rows: numbers(rows, "white_rating")["white_rating"].mean(), 100),
    "churn": (lambda rows: numbers(rows, "MonthlyCharges")["MonthlyCharges"].mean(), 20),
    "customers": (lambda rows: numbers(rows, "Quantity")["Quantity"].clip(-50, 50).mean(), 3),
    "ratings": (lambda rows: numbers(rows, "movieId")["movieId"].mean(), 200),
    "rentals": (lambda rows: numbers(rows, "hum")["hum"].mean(), 0.1),
}


@pytest.mark.parametrize("name", MADE)
def test_the_strength_of_the_drift_can_be_chosen(name: str, tmp_path: Path) -> None:
    measure, least = DRIFTS[name]
    none = raw(name, tmp_path / "none", rows=3000, drift=0.0)
    some = raw(name, tmp_path / "some", rows=3000, drift=0.5)
    much = raw(name, tmp_path / "much", rows=3000, drift=1.0)
    late = slice(-250, None)
    measured = [measure(rows[late]) for rows in (none, some, much)]
    assert measured[0] < measured[1] < measured[2]
    assert measured[2] - measured[0] > least
    if name != "churn":  # A snapshot has no time in which drift could begin.
        assert abs(measure(much[:600]) - measure(none[:600])) < least / 4


def signal_of_chess(rows: pd.DataFrame) -> tuple[float, float, float]:
    """Accuracy: more than the most frequent class has, and less than is realistic for games."""
    rows = numbers(rows, "white_rating", "black_rating").query("winner != ''")
    rows = rows.assign(gap=(rows["white_rating"] - rows["black_rating"]) / 400)
    train, test = train_test_split(rows, random_state=0)
    model = LogisticRegression().fit(train[["gap"]], train["winner"])
    share_of_white = (test["winner"] == "white").mean()
    accuracy = accuracy_score(test["winner"], model.predict(test[["gap"]]))
    return share_of_white + 0.05, accuracy, 0.68


def signal_of_accidents(rows: pd.DataFrame) -> tuple[float, float, float]:
    """Macro F1 of balanced classes: more than the constant prediction 2 has."""
    features = pd.get_dummies(
        pd.DataFrame(
            {
                "source": rows["Source"],
                "interstate": rows["Street"].str.startswith("I-"),
                "highway": rows["Street"].str.startswith("US "),
                "signal": rows["Traffic_Signal"] == "True",
                "day": rows["Sunrise_Sunset"] == "Day",
            }
        )
    )
    severity = rows["Severity"].astype(int)
    x_train, x_test, y_train, y_test = train_test_split(features, severity, random_state=0)
    forest = RandomForestClassifier(30, max_depth=6, class_weight="balanced", random_state=0)
    predicted = forest.fit(x_train, y_train).predict(x_test)
    return 0.28, f1_score(y_test, predicted, average="macro"), 0.6


def signal_of_churn(rows: pd.DataFrame) -> tuple[float, float, float]:
    """AUC."""
    rows = numbers(rows, "tenure", "MonthlyCharges").query("Churn != ''")
    features = pd.get_dummies(rows.drop(columns=["customerID", "Churn", "TotalCharges"]))
    churned = rows["Churn"] == "Yes"
    x_train, x_test, y_train, y_test = train_test_split(features, churned, random_state=0)
    forest = RandomForestClassifier(100, min_samples_leaf=10, random_state=0)
    scores = forest.fit(x_train, y_train).predict_proba(x_test)[:, 1]
    return 0.8, roc_auc_score(y_test, scores), 0.9


def signal_of_rentals(rows: pd.DataFrame) -> tuple[float, float, float]:
    """R2, without the two counts whose sum is the target."""
    features = ["mnth", "hr", "workingday", "weathersit", "temp", "hum"]
    rows = numbers(rows, *features, "cnt", "casual", "registered").query("cnt > 0")
    assert (rows["cnt"] == (rows["casual"] + rows["registered"]).clip(1)).all()
    train, test = train_test_split(rows, random_state=0)
    forest = RandomForestRegressor(20, min_samples_leaf=5, random_state=0)
    predicted = forest.fit(train[features], train["cnt"]).predict(test[features])
    return 0.8, r2_score(test["cnt"], predicted), 0.97


def signal_of_ratings(rows: pd.DataFrame) -> tuple[float, float, float]:
    """The share of the variance that the means of users and films explain."""
    rows = numbers(rows, "rating").query("0 < rating < 6")
    train, test = train_test_split(rows, random_state=0)
    mean = train["rating"].mean()
    of_user = train.groupby("userId")["rating"].mean() - mean
    of_film = train.groupby("movieId")["rating"].mean() - mean
    user_effect = test["userId"].map(of_user).fillna(0)
    film_effect = test["movieId"].map(of_film).fillna(0)
    return 0.2, r2_score(test["rating"], mean + user_effect + film_effect), 0.9


def signal_of_customers(rows: pd.DataFrame) -> tuple[float, float, float]:
    """The silhouette of clusters by frequency and value."""
    rows = numbers(rows, "Quantity", "UnitPrice").query("CustomerID != ''")
    assert rows["Quantity"].abs().max() > 70_000
    rows = rows.assign(value=rows["Quantity"] * rows["UnitPrice"])
    by_customer = rows.groupby("CustomerID").agg(
        frequency=("InvoiceNo", "nunique"), value=("value", "sum")
    )
    points = scale(np.log1p(by_customer.clip(0)))
    clusters = KMeans(4, n_init=3, random_state=0).fit_predict(points)
    return 0.3, silhouette_score(points, clusters), 0.8


SIGNALS: dict[str, Callable[[pd.DataFrame], tuple[float, float, float]]] = {
    "accidents": signal_of_accidents,
    "chess": signal_of_chess,
    "churn": signal_of_churn,
    "customers": signal_of_customers,
    "ratings": signal_of_ratings,
    "rentals": signal_of_rentals,
}


@pytest.mark.parametrize("name", MADE)
def test_there_is_a_signal_and_no_leak(name: str, tmp_path: Path) -> None:
    low, reached, high = SIGNALS[name](raw(name, tmp_path))
    assert low < reached < high


@pytest.mark.parametrize("name", MADE)
def test_the_audit_finds_few_bad_rows_and_says_why(
    name: str, tmp_path: Path, spark: SparkSession
) -> None:
    rows = 1600
    write_sample(name, tmp_path, rows=rows)
    use_case = load_use_case(name)
    files = [UPath(file) for file in tmp_path.iterdir()]
    bronze_rows = bronze(read_raw(spark, use_case, files), use_case)
    placed = bronze_rows.where("size(reasons) = 0").drop("reasons")
    audit = structural_audit(typed(placed, typing_of(use_case)), use_case)
    counts = audit.by_reason()
    audit.release()
    unplaced = bronze_rows.where("size(reasons) > 0").count()
    assert counts or unplaced
    assert unplaced + sum(counts.values()) < 0.03 * rows, counts
    assert (unplaced > 0) == (name != "churn"), "a snapshot's rows are all placed"


def test_an_option_that_a_sample_maker_does_not_take_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UpdraftError, match="found --rows, --drift, expected none but --start, --end"
    ):
        write_sample("flights", tmp_path, rows=10, drift=1.0)
    with pytest.raises(UpdraftError, match="found --start"):
        write_sample("churn", tmp_path, first=date(2013, 1, 1))
    assert not list(tmp_path.iterdir())


def test_the_command_passes_its_options_on(tmp_path: Path) -> None:
    options = ["--rows", "50", "--seed", "3", "--drift", "1", "--out", str(tmp_path / "a")]
    result = CliRunner().invoke(app, ["sample", "churn", *options])
    assert result.exit_code == 0, result.output
    assert "1 file written" in result.output
    (file,) = (tmp_path / "a").iterdir()
    written = pd.read_csv(file, dtype=str, keep_default_na=False)
    assert raw("churn", tmp_path / "b", rows=50, seed=3, drift=1.0).equals(written)
