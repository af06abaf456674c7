"""Drift: what counts as drifted, what is monitored of a use case, and the page for people."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from upath import UPath

from updraft.core.reports import ColumnDrift
from updraft.core.sections import Drift
from updraft.core.use_case import UseCase, load_use_case
from updraft.monitoring.drift import (
    Reference,
    compare,
    has_drifted,
    psi,
    reference,
    training_reference,
    unseen,
)
from updraft.monitoring.page import SAMPLE_ROWS, sample, write_page

RNG = np.random.default_rng(5)
ROWS = 4000
COLUMNS = ["number", "word", "constant", "absent"]


def frame(spark: SparkSession, shift: float = 0.0, words: str = "aabc") -> DataFrame:
    rows = pd.DataFrame(
        {
            "number": RNG.normal(shift, 1, ROWS),
            "word": RNG.choice(list(words), ROWS),
            "constant": 1.0,
        }
    )
    rows["absent"] = None
    schema = "number double, word string, constant double, absent double"
    return spark.createDataFrame(rows, schema)


def test_same_rows_do_not_drift_and_shifted_ones_do(spark: SparkSession) -> None:
    usual = reference(frame(spark), COLUMNS)
    drifts = compare(frame(spark), usual, Drift(), frame(spark))
    assert {drift.column for drift in drifts} == set(COLUMNS)
    assert not any(drift.drifted for drift in drifts)
    shifted = compare(frame(spark, shift=1.0, words="abcd"), usual, Drift(), frame(spark))
    indices = {drift.column: drift.psi for drift in shifted}
    assert indices["number"] > 0.25
    assert indices["word"] > 0.25
    assert indices["constant"] == indices["absent"] == 0


def test_a_flag_that_flips_and_a_constant_that_changes_have_drifted(spark: SparkSession) -> None:
    rows = pd.DataFrame({"flag": (RNG.random(ROWS) < 0.95).astype(float), "constant": 1.0})
    train = spark.createDataFrame(rows)
    usual = reference(train, ["flag", "constant"])
    drifts = compare(spark.createDataFrame(rows * 0), usual, Drift(), train)
    assert [drift.drifted for drift in drifts] == [True, True]


def test_missing_infinite_and_constant_values_have_a_finite_index(spark: SparkSession) -> None:
    """Also where everything changes: a column that was empty is filled, and the reverse."""
    schema = "empty double, filled double, odd double, word string"
    train_rows = [
        (None, float(n), float("inf") if n % 2 else float("nan"), None) for n in range(100)
    ]
    newest_rows = [(float(n), None, float(n), "new") for n in range(100)]
    train = spark.createDataFrame(train_rows, schema)
    newest = spark.createDataFrame(newest_rows, schema)
    usual = reference(train, train.columns)
    assert json.loads(json.dumps(usual, allow_nan=False)) == usual
    assert usual["odd"] == {"edges": [], "shares": {"absent": 1.0}}, (
        "NaN and infinity are missing values, as they are to models"
    )
    assert [drift.psi for drift in compare(train, usual, Drift(), train)] == [0] * 4
    changed = compare(newest, usual, Drift(), train)
    assert all(np.isfinite(drift.psi) for drift in changed)
    assert all(drift.drifted for drift in changed)


def test_entities_drift_when_more_of_them_are_new(spark: SparkSession) -> None:
    before = spark.createDataFrame([(f"u{n % 50}",) for n in range(500)], "user string")
    newest_fold = spark.createDataFrame([(f"u{n}",) for n in range(45, 55)], "user string")
    half_new = unseen(newest_fold, before, ["user"])
    assert half_new == {"user": {"names": True, "shares": {"known": 0.5, "new": 0.5}}}
    usual = spark.createDataFrame([(f"u{n}",) for n in range(40, 61)], "user string")
    strange = spark.createDataFrame([(f"v{n}",) for n in range(20)], "user string")
    usual_drifts = compare(usual, half_new, Drift(), before)
    strange_drifts = compare(strange, half_new, Drift(), before)
    assert [drift.drifted for drift in usual_drifts] == [False]
    assert [drift.drifted for drift in strange_drifts] == [True]


def test_a_column_may_have_any_name(spark: SparkSession) -> None:
    rows = spark.createDataFrame(
        [(float(n), "ab"[n % 2]) for n in range(50)], "`a.b c` double, `größe` string"
    )
    drifts = compare(rows, reference(rows, rows.columns), Drift(), rows)
    assert [drift.psi for drift in drifts] == [0, 0]


def test_the_index_is_the_textbooks() -> None:
    """Worked by hand: (0.3 - 0.5) ln(0.3 / 0.5) + (0.7 - 0.5) ln(0.7 / 0.5)."""
    assert psi({"a": 0.5, "b": 0.5}, {"a": 0.3, "b": 0.7}) == pytest.approx(0.169460, abs=1e-6)
    assert psi({"a": 1.0}, {"a": 1.0}) == 0
    assert np.isfinite(psi({"a": 1.0}, {"b": 1.0}))


@pytest.mark.parametrize(("drifted", "expected"), [(0, False), (1, False), (2, True), (3, True)])
def test_a_use_case_has_drifted_from_min_columns_on(drifted: int, expected: bool) -> None:
    columns = [ColumnDrift(column=f"c{n}", psi=0.3, drifted=n < drifted) for n in range(4)]
    assert has_drifted(columns, Drift(min_columns=2)) is expected


def test_all_features_are_monitored(spark: SparkSession, flights: UseCase) -> None:
    train = spark.createDataFrame(
        [("r", 1.0, "a", 0.0)], "row_id string, n double, w string, label double"
    )
    assert list(training_reference(train, flights, (train, train))) == ["n", "w"]


def test_the_label_and_new_entities_of_a_recommender_are_monitored(spark: SparkSession) -> None:
    ratings = load_use_case("ratings")
    schema = "row_id string, user string, item string, label double"
    before = spark.createDataFrame([("1", "u1", "i1", 4.0), ("2", "u2", "i2", 3.0)], schema)
    validation = spark.createDataFrame([("3", "u1", "i3", 5.0), ("4", "u3", "i4", 5.0)], schema)
    usual = training_reference(before.union(validation), ratings, (validation, before))
    assert list(usual) == ["label", "user", "item"]
    assert usual["user"]["shares"] == {"known": 0.5, "new": 0.5}
    assert usual["item"]["shares"] == {"known": 0.0, "new": 1.0}


def test_a_sample_is_bounded_deterministic_and_has_no_entities(spark: SparkSession) -> None:
    rows = spark.createDataFrame(
        [(f"r{n}", f"u{n}", float(n)) for n in range(SAMPLE_ROWS + 100)],
        "row_id string, user string, label double",
    )
    usual: Reference = {"label": {"edges": []}, "user": {"names": True}}
    first = sample(rows, usual)
    assert (len(first), list(first.columns)) == (SAMPLE_ROWS, ["label"])
    assert first.equals(sample(rows.orderBy("label", ascending=False), usual))


def test_evidentlys_page_is_written(tmp_path: Path) -> None:
    hostile = "</script><script>alert(1)</script>"
    rows = pd.DataFrame({"number": RNG.normal(0, 1, 300), "word": RNG.choice(["a", hostile], 300)})
    shifted = rows.assign(number=rows["number"] + 3)
    write_page(rows, shifted, Drift(min_columns=1), UPath(tmp_path / "page.html"))
    text = (tmp_path / "page.html").read_text()
    drifted = "Drift is detected for 50% of columns (1 out of 2)"
    assert drifted in text.replace("50.0%", "50%")
    assert r"\u003c/script>\u003cscript>alert(1)" in text, (
        "the value is missing, so nothing was checked"
    )
    assert "<script>alert" not in text


def test_the_page_tolerates_columns_without_values(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {"number": RNG.normal(0, 1, 200), "empty": np.nan, "constant": 1.0, "word": "same"}
    )
    write_page(rows, rows, Drift(min_columns=1), UPath(tmp_path / "page.html"))
    assert "<html" in (tmp_path / "page.html").read_text()[:500].lower()


def test_without_any_values_the_page_says_so(tmp_path: Path) -> None:
    rows = pd.DataFrame({"empty": [np.nan, np.nan]})
    write_page(rows, rows, Drift(min_columns=1), UPath(tmp_path / "page.html"))
    assert "No column has values" in (tmp_path / "page.html").read_text()
