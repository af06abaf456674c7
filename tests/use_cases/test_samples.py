"""The sample makers: same arguments, same bytes; the real schema; a drift that can be dialled; a signal that can be learnt."""

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
from updraft.cli.sample import lay_sample
from updraft.core.errors import UpdraftError
from updraft.core.use_case import load_use_case, use_case_names
from updraft.data.columns import typed
from updraft.data.ingestion import bronze
from updraft.data.sources import read_raw
from updraft.quality.audit import structural_audit

MADE = ["accidents", "chess", "churn", "customers", "ratings", "rentals"]


def raw(name: str, folder: Path, **wanted: int | float | date | None) -> pd.DataFrame:
    """The rows of a sample, all as text."""
    assert lay_sample(name, folder, **wanted) == 1
    (file,) = folder.iterdir()  # One file, and no part of another.
    if file.suffix == ".jsonl":
        return pd.DataFrame([json.loads(line) for line in file.read_text().splitlines()]).astype(str)
    return pd.read_csv(file, dtype=str, keep_default_na=False)


def numbers(rows: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The rows whose columns are finite numbers, with these as numbers."""
    rows = rows.assign(**{column: pd.to_numeric(rows[column], errors="coerce") for column in columns})
    return rows[np.isfinite(rows[list(columns)]).all(axis=1)]


def test_every_use_case_has_a_maker() -> None:
    assert use_case_names() == sorted([*MADE, "flights"])


@pytest.mark.parametrize("name", MADE)
def test_same_arguments_same_bytes(name: str, tmp_path: Path) -> None:
    for folder, seed in {"one": 1, "same": 1, "other": 2}.items():
        lay_sample(name, tmp_path / folder, rows=600, seed=seed)
    (one,), (same,), (other,) = (list((tmp_path / folder).iterdir()) for folder in ("one", "same", "other"))
    assert one.read_bytes() == same.read_bytes()
    assert one.read_bytes() != other.read_bytes()


@pytest.mark.parametrize("name", MADE)
def test_columns_are_the_declared_ones(name: str, tmp_path: Path) -> None:
    data = load_use_case(name).data
    found = list(raw(name, tmp_path, rows=600).columns)
    assert found == [column for column in data.columns if column not in data.optional]


@pytest.mark.parametrize("name", [name for name in MADE if name != "churn"])
def test_days_can_be_chosen(name: str, tmp_path: Path) -> None:
    schedule = load_use_case(name).schedule
    assert schedule
    first, last = schedule.start, schedule.start.replace(day=20)
    chosen, whole = raw(name, tmp_path / "chosen", rows=1200, first=first, last=last), raw(name, tmp_path / "all", rows=1200)
    assert 0 < len(chosen) < len(whole)
    assert set(chosen.itertuples(index=False)) <= set(whole.itertuples(index=False))  # The same, whatever part of them is laid.


DRIFTS: dict[str, tuple[Callable[[pd.DataFrame], float], float]] = {
    "accidents": (lambda rows: (rows["Source"] == "Source1").mean(), 0.3),
    "chess": (lambda rows: numbers(rows, "white_rating")["white_rating"].mean(), 100),
    "churn": (lambda rows: numbers(rows, "MonthlyCharges")["MonthlyCharges"].mean(), 20),
    "customers": (lambda rows: numbers(rows, "Quantity")["Quantity"].clip(-50, 50).mean(), 3),
    "ratings": (lambda rows: numbers(rows, "movieId")["movieId"].mean(), 200),
    "rentals": (lambda rows: numbers(rows, "hum")["hum"].mean(), 0.1),
}


@pytest.mark.parametrize("name", MADE)
def test_drift_can_be_dialled(name: str, tmp_path: Path) -> None:
    measure, least = DRIFTS[name]
    none, some, much = (raw(name, tmp_path / str(drift), rows=3000, drift=drift) for drift in (0.0, 0.5, 1.0))
    late = slice(-250, None)
    measured = [measure(rows[late]) for rows in (none, some, much)]
    assert measured[0] < measured[1] < measured[2]
    assert measured[2] - measured[0] > least
    if name != "churn":  # A snapshot has no time in which it could begin.
        assert abs(measure(much[:600]) - measure(none[:600])) < least / 4


@pytest.mark.parametrize("name", MADE)
def test_the_signal_can_be_learnt_and_is_no_leak(name: str, tmp_path: Path) -> None:
    low, reached, high = globals()[f"learn_{name}"](raw(name, tmp_path))
    assert low < reached < high


def learn_chess(rows: pd.DataFrame) -> tuple[float, float, float]:
    """Accuracy: more than the most frequent class, and less than games can be foreseen."""
    rows = numbers(rows, "white_rating", "black_rating").query("winner != ''")
    train, test = train_test_split(rows, random_state=0)
    gaps = [(some["white_rating"] - some["black_rating"]).to_frame() / 400 for some in (train, test)]
    model = LogisticRegression().fit(gaps[0], train["winner"])
    return (test["winner"] == "white").mean() + 0.05, accuracy_score(test["winner"], model.predict(gaps[1])), 0.68


def learn_accidents(rows: pd.DataFrame) -> tuple[float, float, float]:
    """Macro F1 of balanced classes: more than always 2 gives."""
    known = pd.get_dummies(
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
    known_train, known_test, train, test = train_test_split(known, rows["Severity"].astype(int), random_state=0)
    model = RandomForestClassifier(30, max_depth=6, class_weight="balanced", random_state=0).fit(known_train, train)
    return 0.28, f1_score(test, model.predict(known_test), average="macro"), 0.6


def learn_churn(rows: pd.DataFrame) -> tuple[float, float, float]:
    """AUC."""
    rows = numbers(rows, "tenure", "MonthlyCharges").query("Churn != ''")
    known = pd.get_dummies(rows.drop(columns=["customerID", "Churn", "TotalCharges"]))
    train, test, yes, answers = train_test_split(known, rows["Churn"] == "Yes", random_state=0)
    model = RandomForestClassifier(100, min_samples_leaf=10, random_state=0).fit(train, yes)
    return 0.8, roc_auc_score(answers, model.predict_proba(test)[:, 1]), 0.9


def learn_rentals(rows: pd.DataFrame) -> tuple[float, float, float]:
    """R2, without the counts of which the target is the sum."""
    known = ["mnth", "hr", "workingday", "weathersit", "temp", "hum"]
    rows = numbers(rows, *known, "cnt", "casual", "registered").query("cnt > 0")
    assert (rows["cnt"] == (rows["casual"] + rows["registered"]).clip(1)).all()
    train, test = train_test_split(rows, random_state=0)
    model = RandomForestRegressor(20, min_samples_leaf=5, random_state=0).fit(train[known], train["cnt"])
    return 0.8, r2_score(test["cnt"], model.predict(test[known])), 0.97


def learn_ratings(rows: pd.DataFrame) -> tuple[float, float, float]:
    """Share of the variance that the means of users and films explain."""
    rows = numbers(rows, "rating").query("0 < rating < 6")
    train, test = train_test_split(rows, random_state=0)
    mean = train["rating"].mean()
    of_user = train.groupby("userId")["rating"].mean() - mean
    of_film = train.groupby("movieId")["rating"].mean() - mean
    foreseen = mean + test["userId"].map(of_user).fillna(0) + test["movieId"].map(of_film).fillna(0)
    return 0.2, r2_score(test["rating"], foreseen), 0.9


def learn_customers(rows: pd.DataFrame) -> tuple[float, float, float]:
    """Silhouette of clusters by frequency and value."""
    rows = numbers(rows, "Quantity", "UnitPrice").query("CustomerID != ''")
    assert rows["Quantity"].abs().max() > 70_000
    rows = rows.assign(value=rows["Quantity"] * rows["UnitPrice"])
    by_customer = rows.groupby("CustomerID").agg(frequency=("InvoiceNo", "nunique"), value=("value", "sum"))
    points = scale(np.log1p(by_customer.clip(0)))
    return 0.3, silhouette_score(points, KMeans(4, n_init=3, random_state=0).fit_predict(points)), 0.8


@pytest.mark.parametrize("name", MADE)
def test_the_audit_finds_few_bad_rows_and_says_why(name: str, tmp_path: Path, spark: SparkSession) -> None:
    rows = 1600
    lay_sample(name, tmp_path, rows=rows)
    use_case = load_use_case(name)
    bronze_rows = bronze(read_raw(spark, use_case, [UPath(file) for file in tmp_path.iterdir()]), use_case)
    audit = structural_audit(typed(bronze_rows, use_case), use_case)
    counts = audit.counts()
    audit.release()
    assert len(counts) > 1, counts
    assert sum(counts.values()) < 0.03 * rows, counts
    assert name == "churn" or "event_time: not in the partition" in counts


def test_an_option_that_a_maker_does_not_take_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UpdraftError, match="found --rows, --drift, expected none but --start, --end"):
        lay_sample("flights", tmp_path, rows=10, drift=1.0)
    with pytest.raises(UpdraftError, match="found --start"):
        lay_sample("churn", tmp_path, first=date(2013, 1, 1))
    assert not list(tmp_path.iterdir())


def test_the_command_passes_its_options_on(tmp_path: Path) -> None:
    said = CliRunner().invoke(
        app, ["sample", "churn", "--rows", "50", "--seed", "3", "--drift", "1", "--out", str(tmp_path / "a")]
    )
    assert said.exit_code == 0, said.output
    assert "1 file laid" in said.output
    assert raw("churn", tmp_path / "b", rows=50, seed=3, drift=1.0).equals(
        pd.read_csv(next((tmp_path / "a").iterdir()), dtype=str, keep_default_na=False)
    )
