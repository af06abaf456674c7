"""The page for people: our verdicts, and Evidently's plots."""

from pathlib import Path

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession
from upath import UPath

from updraft.core.reports import ColumnDrift
from updraft.core.sections import Drift
from updraft.monitoring.drift import Reference
from updraft.monitoring.page import SAMPLE_ROWS, sample, write_page

RNG = np.random.default_rng(5)
POLICY = Drift(min_columns=1)


def verdict(name: str, *, drifted: bool = False, judged: bool = True) -> ColumnDrift:
    return ColumnDrift(
        column=name,
        psi=1.375 if drifted else 0.0125,
        bound=0.5 if judged else None,
        p_value=0.001 if judged else None,
        drifted=drifted,
        reason="the mean is 3" if drifted else None,
    )


def page(
    tmp_path: Path, rows: pd.DataFrame, newest: pd.DataFrame, verdicts: list[ColumnDrift]
) -> str:
    write_page(rows, newest, verdicts, POLICY, UPath(tmp_path / "page.html"))
    return (tmp_path / "page.html").read_text()


def test_a_sample_is_bounded_deterministic_and_has_no_entities(spark: SparkSession) -> None:
    rows = spark.createDataFrame(
        [(f"r{n}", f"u{n}", float(n)) for n in range(SAMPLE_ROWS + 100)],
        "row_id string, user string, label double",
    )
    usual: Reference = {"label": {"edges": []}, "user": {"entities": True}}
    first = sample(rows, usual)
    assert (len(first), list(first.columns)) == (SAMPLE_ROWS, ["label"])
    assert first.equals(sample(rows.orderBy("label", ascending=False), usual))


def test_the_page_and_evidently_show_the_verdicts_of_the_report(tmp_path: Path) -> None:
    """Also where Evidently itself would find the contrary in the sample."""
    hostile = "</script><script>alert(1)</script>"
    rows = pd.DataFrame({"moved": RNG.normal(0, 1, 300), "word": RNG.choice(["a", hostile], 300)})
    newest = rows.assign(moved=rows["moved"] + 3)
    verdicts = [verdict("word", drifted=True), verdict("moved")]
    text = page(tmp_path, rows, newest, verdicts)
    assert "1 of 2 columns have drifted: drift (from 1 on)" in text
    assert "1.375" in text
    assert "the mean is 3" in text
    evidently = "Drift is detected for 50% of columns (1 out of 2)"
    assert evidently in text.replace("50.0%", "50%")
    assert "<body" in text.partition("1 of 2 columns")[0][-2000:], "the verdicts come first"
    assert r"\u003c/script>\u003cscript>alert(1)" in text, (
        "the value is missing, so nothing was checked"
    )
    assert "<script>alert" not in text


def test_the_page_tolerates_columns_without_values_or_verdict(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {"number": RNG.normal(0, 1, 200), "empty": np.nan, "constant": 1.0, "word": "same"}
    )
    verdicts = [verdict(name, judged=name != "empty") for name in [*rows.columns, "user"]]
    text = page(tmp_path, rows, rows, verdicts)
    assert "<html" in text[:500].lower()
    assert "4 of 5 columns" in text


def test_without_a_verdict_or_any_value_the_page_says_so(tmp_path: Path) -> None:
    rows = pd.DataFrame({"<b>empty": [np.nan, np.nan]})
    text = page(tmp_path, rows, rows, [verdict("<b>empty", judged=False)])
    assert "No verdict: too few columns could be judged" in text
    assert "No column has values to plot" in text
    assert "<b>empty" not in text
