"""B13: an empty partition, an empty file and a header alone are "no data", and never "passed"."""

import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.conftest import lay, load_job, run_data
from updraft.core.errors import UpdraftError
from updraft.core.interval import parse_interval
from updraft.core.use_case import UseCase
from updraft.data import tables
from updraft.data.features import build_features
from updraft.data.ingestion import ingest
from updraft.data.sources import raw_files

REPORT = "reports/tests/validate.json"
DAY = parse_interval("2013-01-15", None)
NEXT = parse_interval("2013-01-16", None)


def empty(file: Path, what: str) -> None:
    header = file.read_text().splitlines(keepends=True)[0]
    file.write_text({"no byte": "", "a header alone": header, "blank lines": f"{header}\n\n"}[what])


@pytest.mark.parametrize("what", ["no byte", "a header alone", "blank lines"])
def test_b13_a_file_without_rows_is_no_data_and_writes_nothing(
    spark: SparkSession, flights: UseCase, root: Path, what: str
) -> None:
    empty(lay(root, "2013-01-15", "2013-01-15") / "flights_2013-01-15.csv", what)
    report = ingest(spark, flights, DAY, raw_files(flights, DAY))
    assert (report.outcome, report.rows, report.missing_days) == ("no data", 0, DAY.days)
    assert not tables.exists("flights", "bronze")


def test_b13_a_day_without_rows_in_a_range_is_told_and_the_others_go_on(
    spark: SparkSession, flights: UseCase, root: Path
) -> None:
    empty(lay(root, "2013-01-15", "2013-01-16") / "flights_2013-01-15.csv", "a header alone")
    reports = run_data(spark, flights, "2013-01-15", "2013-01-16")
    report = reports["ingest"]
    assert (report.outcome, report.missing_days) == ("done", DAY.days)  # type: ignore[attr-defined]
    assert reports["features"].outcome == "done"  # type: ignore[attr-defined]
    assert tables.partitions(tables.read(spark, "flights", "features")) == NEXT.days


def test_a_day_whose_raw_file_is_gone_is_built_from_bronze(spark: SparkSession, flights: UseCase, root: Path) -> None:
    landing = lay(root, "2013-01-15", "2013-01-15")
    run_data(spark, flights, "2013-01-15", "2013-01-15")
    built = sorted(tables.read(spark, "flights", "features").collect(), key=lambda row: row["row_id"])
    (landing / "flights_2013-01-15.csv").unlink()
    shutil.rmtree(root / "tables" / "flights" / "features")
    report = run_data(spark, flights, "2013-01-15", "2013-01-16")["ingest"]
    assert (report.kept_days, report.missing_days) == (DAY.days, NEXT.days)  # type: ignore[attr-defined]
    again = sorted(tables.read(spark, "flights", "features").collect(), key=lambda row: row["row_id"])
    assert built == again
    assert built


def test_b13_a_partition_without_rows_passes_no_check(spark: SparkSession, flights: UseCase, root: Path) -> None:
    """Every expectation holds of no rows: so neither validation nor features may say that they have done their work."""
    with pytest.raises(UpdraftError, match="not found"):
        load_job("validate").validate(spark, flights, DAY, REPORT)
    lay(root, "2013-01-15", "2013-01-15")
    run_data(spark, flights, "2013-01-15", "2013-01-15")
    versions = [tables.version("flights", name) for name in ("clean", "quarantine")]
    validated = load_job("validate").validate(spark, flights, NEXT, REPORT)
    assert (validated.outcome, validated.expectations) == ("no data", [])
    assert [tables.version("flights", name) for name in ("clean", "quarantine")] == versions
    assert build_features(spark, flights, NEXT).outcome == "no data"
    assert tables.partitions(tables.read(spark, "flights", "features")) == DAY.days
