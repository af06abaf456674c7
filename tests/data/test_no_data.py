"""An empty partition, an empty file and a header alone are "no data", and never "passed"."""

import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from spark_jobs import validate
from tests.conftest import run_data, write_flights
from updraft.core.arguments import PartitionArguments
from updraft.core.errors import UpdraftError
from updraft.core.interval import parse_interval
from updraft.core.reports import IngestReport
from updraft.core.schema import BRONZE, CLEAN, FEATURES, QUARANTINE
from updraft.core.use_case import UseCase
from updraft.data.features import build_features
from updraft.data.ingestion import ingest
from updraft.data.sources import raw_files
from updraft.data.tables import Table, partitions_of

REPORT = "reports/tests/validate.json"
DAY = parse_interval("2013-01-15", None)
NEXT = parse_interval("2013-01-16", None)


def empty(file: Path, content: str) -> None:
    """Replace a raw file by one without rows."""
    header = file.read_text().splitlines(keepends=True)[0]
    texts = {"no byte": "", "a header alone": header, "blank lines": f"{header}\n\n"}
    file.write_text(texts[content])


@pytest.mark.bad_input("B13")
@pytest.mark.parametrize("content", ["no byte", "a header alone", "blank lines"])
def test_a_file_without_rows_is_no_data_and_writes_nothing(
    spark: SparkSession, flights: UseCase, root: Path, content: str
) -> None:
    landing = write_flights(root, "2013-01-15", "2013-01-15")
    empty(landing / "flights_2013-01-15.csv", content)
    report = ingest(spark, flights, DAY, raw_files(flights, DAY), "by hand")
    assert (report.outcome, report.rows, report.missing_days) == ("no data", 0, DAY.days)
    assert not Table(flights, BRONZE).exists


@pytest.mark.bad_input("B13")
def test_a_day_without_rows_in_a_range_is_reported_and_the_others_go_on(
    spark: SparkSession, flights: UseCase, root: Path
) -> None:
    landing = write_flights(root, "2013-01-15", "2013-01-16")
    empty(landing / "flights_2013-01-15.csv", "a header alone")
    reports = run_data(spark, flights, "2013-01-15", "2013-01-16")
    report = reports["ingest"]
    assert isinstance(report, IngestReport)
    assert (report.outcome, report.missing_days) == ("done", DAY.days)
    assert reports["features"].outcome == "done"
    assert partitions_of(Table(flights, FEATURES).read(spark)) == NEXT.days


def test_a_day_whose_raw_file_is_gone_is_built_from_bronze(
    spark: SparkSession, flights: UseCase, root: Path
) -> None:
    landing = write_flights(root, "2013-01-15", "2013-01-15")
    run_data(spark, flights, "2013-01-15", "2013-01-15")
    features = Table(flights, FEATURES)
    built = sorted(features.read(spark).collect(), key=lambda row: row["row_id"])
    (landing / "flights_2013-01-15.csv").unlink()
    shutil.rmtree(features.location.local)
    report = run_data(spark, flights, "2013-01-15", "2013-01-16")["ingest"]
    assert isinstance(report, IngestReport)
    assert (report.kept_days, report.missing_days) == (DAY.days, NEXT.days)
    rebuilt = sorted(features.read(spark).collect(), key=lambda row: row["row_id"])
    assert built == rebuilt
    assert built


@pytest.mark.bad_input("B13")
def test_a_partition_without_rows_passes_no_check(
    spark: SparkSession, flights: UseCase, root: Path
) -> None:
    """Every expectation holds for no rows, so neither validation nor features may report "done"."""
    day = PartitionArguments(use_case=flights, start="2013-01-15", report=REPORT)
    with pytest.raises(UpdraftError, match="not found"):
        validate.job(day)
    write_flights(root, "2013-01-15", "2013-01-15")
    run_data(spark, flights, "2013-01-15", "2013-01-15")
    tables = [Table(flights, name) for name in (CLEAN, QUARANTINE)]
    versions = [table.version for table in tables]
    next_day = PartitionArguments(use_case=flights, start="2013-01-16", report=REPORT)
    validated = validate.job(next_day)
    assert (validated.outcome, validated.expectations) == ("no data", [])
    assert [table.version for table in tables] == versions
    assert build_features(spark, flights, NEXT, "by hand").outcome == "no data"
    assert partitions_of(Table(flights, FEATURES).read(spark)) == DAY.days
