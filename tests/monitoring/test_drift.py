import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from updraft.core.sections import Drift
from updraft.monitoring.drift import compare, psi, reference, unseen

RNG = np.random.default_rng(5)
ROWS = 4000


def frame(spark: SparkSession, shift: float = 0.0, words: str = "aabc"):  # type: ignore[no-untyped-def]
    rows = pd.DataFrame({"number": RNG.normal(shift, 1, ROWS), "word": RNG.choice(list(words), ROWS), "constant": 1.0})
    rows["absent"] = None
    return spark.createDataFrame(rows, "number double, word string, constant double, absent double")


COLUMNS = ["number", "word", "constant", "absent"]


def test_same_rows_do_not_drift_and_shifted_ones_do(spark: SparkSession) -> None:
    then = reference(frame(spark), COLUMNS)
    same = {one.column: one for one in compare(frame(spark), then, Drift(), frame(spark))}
    assert set(same) == set(COLUMNS)
    assert not any(one.drifted for one in same.values())
    moved = {one.column: one.psi for one in compare(frame(spark, shift=1.0, words="abcd"), then, Drift(), frame(spark))}
    assert moved["number"] > 0.25
    assert moved["word"] > 0.25
    assert moved["constant"] == moved["absent"] == 0


def test_a_flag_that_flips_and_a_constant_that_changes_have_drifted(spark: SparkSession) -> None:
    rows = pd.DataFrame({"flag": (RNG.random(ROWS) < 0.95).astype(float), "constant": 1.0})
    then = reference(spark.createDataFrame(rows), ["flag", "constant"])
    now = compare(spark.createDataFrame(rows * 0), then, Drift(), spark.createDataFrame(rows))
    assert [one.drifted for one in now] == [True, True]


def test_what_is_absent_or_infinite_or_constant_has_finite_figures(spark: SparkSession) -> None:
    """Also where everything changes: a column that was empty is filled, one that was filled is empty."""
    schema = "empty double, filled double, odd double, word string"
    then_rows = [(None, float(n), float("inf") if n % 2 else float("nan"), None) for n in range(100)]
    now_rows = [(float(n), None, float(n), "new") for n in range(100)]
    then, now = spark.createDataFrame(then_rows, schema), spark.createDataFrame(now_rows, schema)
    learnt = reference(then, then.columns)
    assert json.loads(json.dumps(learnt, allow_nan=False)) == learnt
    assert learnt["odd"] == {"edges": [], "shares": {"absent": 1.0}}, "the infinite and NaN are absent, as models take them"
    assert [one.psi for one in compare(then, learnt, Drift(), then)] == [0] * 4
    changed = {one.column: one for one in compare(now, learnt, Drift(), then)}
    assert all(np.isfinite(one.psi) for one in changed.values())
    assert all(one.drifted for one in changed.values())


def test_names_drift_when_more_of_them_are_new(spark: SparkSession) -> None:
    before = spark.createDataFrame([(f"u{n % 50}",) for n in range(500)], "user string")
    then = unseen(spark.createDataFrame([(f"u{n}",) for n in range(45, 55)], "user string"), before, ["user"])
    assert then == {"user": {"names": True, "shares": {"known": 0.5, "new": 0.5}}}
    usual = spark.createDataFrame([(f"u{n}",) for n in range(40, 61)], "user string")
    strange = spark.createDataFrame([(f"v{n}",) for n in range(20)], "user string")
    assert [one.drifted for one in compare(usual, then, Drift(), before)] == [False]
    assert [one.drifted for one in compare(strange, then, Drift(), before)] == [True]


def test_a_column_may_have_any_name(spark: SparkSession) -> None:
    rows = spark.createDataFrame([(float(n), "ab"[n % 2]) for n in range(50)], "`a.b c` double, `größe` string")
    assert [one.psi for one in compare(rows, reference(rows, rows.columns), Drift(), rows)] == [0, 0]


def test_the_index_is_the_textbooks() -> None:
    """Worked by hand: (0.3 - 0.5) ln(0.3 / 0.5) + (0.7 - 0.5) ln(0.7 / 0.5)."""
    assert psi({"a": 0.5, "b": 0.5}, {"a": 0.3, "b": 0.7}) == pytest.approx(0.169460, abs=1e-6)
    assert psi({"a": 1.0}, {"a": 1.0}) == 0
    assert np.isfinite(psi({"a": 1.0}, {"b": 1.0}))


def test_evidentlys_page_is_written(tmp_path: Path) -> None:
    from upath import UPath

    from updraft.monitoring.page import write_page

    hostile = "</script><script>alert(1)</script>"
    rows = pd.DataFrame({"number": RNG.normal(0, 1, 300), "word": RNG.choice(["a", hostile], 300)})
    write_page(rows, rows.assign(number=rows["number"] + 3), Drift(min_columns=1), UPath(tmp_path / "page.html"))
    text = (tmp_path / "page.html").read_text()
    assert "Drift is detected for 50% of columns (1 out of 2)" in text.replace("50.0%", "50%")
    assert r"\u003c/script>\u003cscript>alert(1)" in text, "a value is not there, so nothing was checked"
    assert "<script>alert" not in text


def test_the_page_bears_columns_without_values(tmp_path: Path) -> None:
    from upath import UPath

    from updraft.monitoring.page import write_page

    rows = pd.DataFrame({"number": RNG.normal(0, 1, 200), "empty": np.nan, "constant": 1.0, "word": "same"})
    write_page(rows, rows, Drift(min_columns=1), UPath(tmp_path / "page.html"))
    assert "<html" in (tmp_path / "page.html").read_text()[:500].lower()
