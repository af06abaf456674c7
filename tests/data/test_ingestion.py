"""Ingestion of the flights: every raw row, day by day, or none of a file with other columns."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.conftest import run_data, write_flights
from updraft.core.errors import UpdraftError
from updraft.core.interval import parse_interval
from updraft.core.schema import BRONZE, CLEAN, FEATURES, QUARANTINE
from updraft.core.use_case import UseCase
from updraft.data.ingestion import ingest
from updraft.data.sources import raw_files
from updraft.data.tables import Table

DAY = parse_interval("2013-01-01", None)


def test_bronze_holds_every_raw_row_as_text(
    spark: SparkSession, flights: UseCase, root: Path
) -> None:
    landing = write_flights(root, "2013-01-01", "2013-01-02")
    days = parse_interval("2013-01-01", "2013-01-02")
    report = ingest(spark, flights, days, raw_files(flights, days), "by hand")
    lines = sum(len(file.read_text().splitlines()) - 1 for file in landing.glob("flights_*.csv"))
    bronze = Table(flights, BRONZE).read(spark)
    assert report.rows == bronze.count() == lines
    assert dict(bronze.dtypes)["arr_delay"] == "string"
    assert bronze.where("arr_delay = 'NA'").count() > 0


def test_a_day_without_a_file_and_a_file_without_rows_are_no_data(
    spark: SparkSession, flights: UseCase, root: Path
) -> None:
    landing = write_flights(root, "2013-01-01", "2013-01-01")
    assert raw_files(flights, parse_interval("2014-01-01", None)) == []
    file = landing / "flights_2013-01-01.csv"
    for text in (file.read_text().splitlines(keepends=True)[0], ""):
        file.write_text(text)
        assert ingest(spark, flights, DAY, raw_files(flights, DAY), "by hand").outcome == "no data"
    assert not Table(flights, BRONZE).exists


def test_other_columns_are_named_and_nothing_is_written(
    spark: SparkSession, flights: UseCase, root: Path
) -> None:
    file = write_flights(root, "2013-01-01", "2013-01-01") / "flights_2013-01-01.csv"
    file.write_text(file.read_text().replace("tailnum", "tail_num", 1))
    message = r"missing tailnum; not declared tail_num\. Did you mean 'tailnum'"
    with pytest.raises(UpdraftError, match=message):
        ingest(spark, flights, DAY, raw_files(flights, DAY), "by hand")
    assert not Table(flights, BRONZE).exists


def test_a_range_and_single_days_give_the_same_tables(
    spark: SparkSession, flights: UseCase, root: Path
) -> None:
    write_flights(root, "2013-01-01", "2013-01-02")
    run_data(spark, flights, "2013-01-01", "2013-01-02")
    tables = [Table(flights, name) for name in (BRONZE, CLEAN, QUARANTINE, FEATURES)]
    from_range = {table.name: _rows(spark, table) for table in tables}
    assert len(from_range["features"]) > 1500
    for day in ("2013-01-02", "2013-01-01"):
        run_data(spark, flights, day, day)
    assert {table.name: _rows(spark, table) for table in tables} == from_range


def _rows(spark: SparkSession, table: Table) -> list[str]:
    frame = table.read(spark)
    columns = ", ".join(sorted(frame.columns))
    rows = frame.selectExpr(f"to_json(struct({columns})) AS json").collect()
    return sorted(row["json"] for row in rows)
