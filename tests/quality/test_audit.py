"""Every row goes to clean or, with its reasons, to quarantine; none is lost."""

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.conftest import lay, run_data
from updraft.core.errors import UpdraftError
from updraft.core.reports import ValidateReport, page_path
from updraft.core.settings import settings
from updraft.core.use_case import UseCase
from updraft.data import tables
from updraft.quality.suites import run_suites


def spoil(file: Path, line: int, change: dict[str, str]) -> None:
    lines = file.read_text().splitlines()
    header, fields = lines[0].split(","), lines[line].split(",")
    for column, value in change.items():
        fields[header.index(column)] = value
    lines[line] = ",".join(fields)
    file.write_text("\n".join(lines) + "\n")


def test_bad_rows_are_quarantined_with_their_reasons(spark: SparkSession, flights: UseCase, root: Path) -> None:
    file = lay(root, "2013-01-01", "2013-01-01") / "flights_2013-01-01.csv"
    spoil(file, 1, {"origin": "XXX"})
    spoil(file, 2, {"distance": "far", "dest": "LONG"})
    spoil(file, 3, {"day": "2"})
    spoil(file, 4, {"sched_dep_time": "2575"})
    text = file.read_text().splitlines()
    text += ["2013,1,1,half a line", text[10]]  # A truncated line, and one that came twice.
    file.write_text("\n".join(text) + "\n")

    report = run_data(spark, flights, "2013-01-01", "2013-01-01")["validate"]
    assert isinstance(report, ValidateReport)
    assert (report.rows, report.clean, report.quarantined) == (844, 838, 6)
    assert report.reasons == {
        "origin: expect_column_values_to_be_in_set": 1,
        "distance: not readable as double": 1,
        "event_time: not in the partition": 2,
        "line: expected 19 fields": 1,
        "key: repeated": 1,
    }
    bronze, clean, quarantine = (tables.read(spark, "flights", name) for name in ("bronze", "clean", "quarantine"))
    assert bronze.count() == clean.count() + quarantine.count()
    far = quarantine.where("distance = 'far'").first()
    assert far is not None
    assert "distance: not readable as double (found far)" in far["reasons"]
    assert quarantine.where("corrupt_record = '2013,1,1,half a line'").count() == 1


def test_a_partition_with_too_many_bad_rows_is_refused_and_clean_stays(
    spark: SparkSession, flights: UseCase, root: Path
) -> None:
    file = lay(root, "2013-01-01", "2013-01-01") / "flights_2013-01-01.csv"
    run_data(spark, flights, "2013-01-01", "2013-01-01")
    before = tables.version("flights", "clean")
    for line in range(1, 200):
        spoil(file, line, {"origin": "XXX"})
    with pytest.raises(UpdraftError, match=r"2013-01-01 \(24%\).*at most 10%"):
        run_data(spark, flights, "2013-01-01", "2013-01-01")
    assert tables.version("flights", "clean") == before


def test_no_suite_an_empty_suite_and_a_suite_for_other_columns_are_mistakes(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPDRAFT_EXPECTATIONS", str(tmp_path))
    settings.cache_clear()
    frame = spark.range(3)
    with pytest.raises(UpdraftError, match="no suite found"):
        run_suites("t", frame)
    (tmp_path / "t").mkdir()
    suite = tmp_path / "t" / "s.json"
    suite.write_text('{"name": "s", "expectations": []}')
    with pytest.raises(UpdraftError, match="found no expectation"):
        run_suites("t", frame)
    suite.write_text('{"name": "s", "expectations": [{"type": "expect_column_values_to_not_be_nul", "kwargs": {}}]}')
    with pytest.raises(UpdraftError, match="cannot use: expect_column_values_to_not_be_nul"):
        run_suites("t", frame)
    suite.write_text(
        '{"name": "s", "expectations": [{"type": "expect_column_values_to_not_be_null", '
        '"kwargs": {"column": "id", "mostly": 0.5}}]}'
    )
    with pytest.raises(UpdraftError, match="Remove mostly"):
        run_suites("t", frame)
    suite.write_text(
        '{"name": "s", "expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x"}}]}'
    )
    with pytest.raises(UpdraftError, match="cannot be evaluated"):
        run_suites("t", frame)
    settings.cache_clear()


def test_a_failing_expectation_about_the_whole_refuses_the_partition(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a warning it is reported, and refuses nothing."""
    from updraft.quality.audit import Audit, apply_suites

    monkeypatch.setenv("UPDRAFT_EXPECTATIONS", str(tmp_path))
    settings.cache_clear()
    (tmp_path / "t").mkdir()
    count = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 5}}
    unique = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "one"}}
    frame = spark.range(3).selectExpr("id", "1 AS one", "array() AS reasons")
    for expectation, says in ((count, "row_count_to_be_between"), (unique, "one: expect_column_values_to_be_unique")):
        for severity in ("warning", "critical"):
            suite = {"name": "s", "expectations": [{**expectation, "severity": severity}]}
            (tmp_path / "t" / "s.json").write_text(json.dumps(suite))
            checked = run_suites("t", frame)
            assert [one.outcome.success for one in checked] == [False]
            if severity == "critical":
                with pytest.raises(UpdraftError, match=f"as a whole fails 1 expectation.*{says}"):
                    apply_suites(Audit(frame), checked)
            else:
                assert apply_suites(Audit(frame), checked).clean.count() == 3
    settings.cache_clear()


def test_data_docs_show_values_as_values_and_load_nothing(spark: SparkSession, flights: UseCase, root: Path) -> None:
    file = lay(root, "2013-01-01", "2013-01-01") / "flights_2013-01-01.csv"
    spoil(file, 1, {"origin": "<script>alert(1)</script>"})
    spoil(file, 2, {"dest": "<img src=x onerror=alert(2)>"})
    run_data(spark, flights, "2013-01-01", "2013-01-01")
    text = page_path("reports/tests/validate.json").read_text()
    assert "Flights that land late: the rows of 2013-01-01" in text
    for column in ("air_time", "origin", "dest"):
        assert column in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "&lt;img src=x onerror=alert(2)&gt;" in text
    assert "<script" not in text
    assert "<img" not in text
    assert "://" not in text
    # Of what holds, only yes or no was asked; the page must not call that unknown.
    assert "unknown" not in text
    assert "100% not null" in text


def test_data_docs_are_there_when_the_partition_is_refused(spark: SparkSession, flights: UseCase, root: Path) -> None:
    file = lay(root, "2013-01-01", "2013-01-01") / "flights_2013-01-01.csv"
    for line in range(1, 200):
        spoil(file, line, {"origin": "XXX"})
    with pytest.raises(UpdraftError, match="too many rows"):
        run_data(spark, flights, "2013-01-01", "2013-01-01")
    text = page_path("reports/tests/validate.json").read_text()
    assert "XXX" in text
    assert "199 unexpected values found" in text
