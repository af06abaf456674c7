"""Every row goes to clean or, with its reasons, to quarantine; none is lost."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from tests.conftest import environment, run_data, write_flights
from updraft.core.errors import UpdraftError
from updraft.core.report_files import page_path
from updraft.core.reports import ValidateReport
from updraft.core.schema import BRONZE, CLEAN, QUARANTINE
from updraft.core.use_case import UseCase
from updraft.data.tables import Table
from updraft.quality.audit import Audit, apply_suites
from updraft.quality.suites import read_suites, run_suites


@pytest.fixture
def flights_file(root: Path) -> Path:
    """The raw file of 2013-01-01."""
    return write_flights(root, "2013-01-01", "2013-01-01") / "flights_2013-01-01.csv"


@pytest.fixture
def expectations(tmp_path: Path) -> Iterator[Path]:
    """The folder of the suites, without any."""
    with environment({"UPDRAFT_EXPECTATIONS": str(tmp_path)}):
        yield tmp_path


def spoil(file: Path, line: int, changes: dict[str, str]) -> None:
    """Change the values of one line, by column."""
    lines = file.read_text().splitlines()
    header = lines[0].split(",")
    fields = lines[line].split(",")
    for column, value in changes.items():
        fields[header.index(column)] = value
    lines[line] = ",".join(fields)
    file.write_text("\n".join(lines) + "\n")


def run_first_of_january(spark: SparkSession, flights: UseCase) -> ValidateReport:
    report = run_data(spark, flights, "2013-01-01", "2013-01-01")["validate"]
    assert isinstance(report, ValidateReport)
    return report


def data_docs() -> str:
    return page_path("reports/tests/validate.json").read_text()


def test_bad_rows_are_quarantined_with_their_reasons(
    spark: SparkSession, flights: UseCase, flights_file: Path
) -> None:
    spoil(flights_file, 1, {"origin": "XXX"})
    spoil(flights_file, 2, {"distance": "far", "dest": "LONG"})
    spoil(flights_file, 3, {"day": "2"})
    spoil(flights_file, 4, {"sched_dep_time": "2575"})
    text = flights_file.read_text().splitlines()
    text += ["2013,1,1,half a line", text[10]]  # A truncated line, and a repeated one.
    flights_file.write_text("\n".join(text) + "\n")

    report = run_first_of_january(spark, flights)
    assert (report.rows, report.clean, report.quarantined) == (844, 838, 6)
    assert report.reasons == {
        "origin: expect_column_values_to_be_in_set": 1,
        "distance: not readable as double": 1,
        "event_time: not in the partition": 2,
        "line: expected 19 fields": 1,
        "key: repeated": 1,
    }
    bronze = Table(flights, BRONZE).read(spark)
    clean = Table(flights, CLEAN).read(spark)
    quarantine = Table(flights, QUARANTINE).read(spark)
    assert bronze.count() == clean.count() + quarantine.count()
    far = quarantine.where("distance = 'far'").first()
    assert far is not None
    assert "distance: not readable as double (found far)" in far["reasons"]
    assert quarantine.where("corrupt_record = '2013,1,1,half a line'").count() == 1


def test_a_partition_with_too_many_bad_rows_is_refused_and_clean_stays(
    spark: SparkSession, flights: UseCase, flights_file: Path
) -> None:
    run_first_of_january(spark, flights)
    clean = Table(flights, CLEAN)
    before = clean.version
    for line in range(1, 200):
        spoil(flights_file, line, {"origin": "XXX"})
    with pytest.raises(UpdraftError, match=r"2013-01-01 \(24%\).*at most 10%"):
        run_first_of_january(spark, flights)
    assert clean.version == before


def test_no_suite_an_empty_suite_and_a_suite_for_other_columns_are_mistakes(
    spark: SparkSession, expectations: Path
) -> None:
    frame = spark.range(3)
    with pytest.raises(UpdraftError, match="no suite found"):
        run_suites(read_suites("t"), frame, None)
    (expectations / "t").mkdir()

    def refused(expectations_of_suite: list[dict[str, Any]], message: str) -> None:
        suite = {"name": "s", "expectations": expectations_of_suite}
        (expectations / "t" / "s.json").write_text(json.dumps(suite))
        with pytest.raises(UpdraftError, match=message):
            run_suites(read_suites("t"), frame, None)

    refused([], "found no expectation")
    refused(
        [{"type": "expect_column_values_to_not_be_nul", "kwargs": {}}],
        "cannot use: expect_column_values_to_not_be_nul",
    )
    not_null = "expect_column_values_to_not_be_null"
    refused([{"type": not_null, "kwargs": {"column": "id", "mostly": 0.5}}], "Remove mostly")
    refused([{"type": not_null, "kwargs": {"column": "x"}}], "cannot be evaluated")


@pytest.mark.parametrize(
    ("expectation", "message"),
    [
        (
            {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 5}},
            "row_count_to_be_between",
        ),
        (
            {
                "type": "expect_column_max_to_be_between",
                "kwargs": {"column": "one", "min_value": 5},
            },
            "one: expect_column_max_to_be_between in all rows",
        ),
    ],
)
def test_a_failing_expectation_about_all_rows_refuses_the_partition(
    spark: SparkSession, expectations: Path, expectation: dict[str, Any], message: str
) -> None:
    """As a warning it is reported, and refuses nothing."""
    (expectations / "t").mkdir()
    frame = spark.range(3).selectExpr("id", "1 AS one", "array() AS reasons")

    def check(severity: str) -> Any:
        suite = {"name": "s", "expectations": [{**expectation, "severity": severity}]}
        (expectations / "t" / "s.json").write_text(json.dumps(suite))
        checked = run_suites(read_suites("t"), frame, None)
        assert [result.outcome.success for result in checked] == [False]
        return checked

    assert apply_suites(Audit(frame), check("warning")).clean.count() == 3
    with pytest.raises(UpdraftError, match=f"expectations about all rows failed: .*{message}"):
        apply_suites(Audit(frame), check("critical"))


def test_data_docs_show_values_as_values_and_load_nothing(
    spark: SparkSession, flights: UseCase, flights_file: Path
) -> None:
    spoil(flights_file, 1, {"origin": "<script>alert(1)</script>"})
    spoil(flights_file, 2, {"dest": "<img src=x onerror=alert(2)>"})
    run_first_of_january(spark, flights)
    text = data_docs()
    assert "Flights that land late: the rows of 2013-01-01" in text
    for column in ("air_time", "origin", "dest"):
        assert column in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "&lt;img src=x onerror=alert(2)&gt;" in text
    assert "<script" not in text
    assert "<img" not in text
    assert "://" not in text
    # Expectations that hold were asked only for yes or no; the page must not call that unknown.
    assert "unknown" not in text
    assert "100% not null" in text


def test_data_docs_are_written_when_the_partition_is_refused(
    spark: SparkSession, flights: UseCase, flights_file: Path
) -> None:
    for line in range(1, 200):
        spoil(flights_file, line, {"origin": "XXX"})
    with pytest.raises(UpdraftError, match="too many rows"):
        run_first_of_january(spark, flights)
    text = data_docs()
    assert "XXX" in text
    assert "199 unexpected values found" in text
