from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from updraft.core.sections import Drift
from updraft.monitoring.drift import compare, psi, reference

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
