from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.conftest import lay, run_data
from updraft.core.errors import UpdraftError
from updraft.core.interval import parse_interval
from updraft.core.use_case import UseCase
from updraft.data import tables
from updraft.data.ingestion import ingest
from updraft.data.sources import raw_files

DAY = parse_interval("2013-01-01", None)


def test_bronze_holds_every_raw_row_as_text(spark: SparkSession, flights: UseCase, root: Path) -> None:
    landing = lay(root, "2013-01-01", "2013-01-02")
    days = parse_interval("2013-01-01", "2013-01-02")
    report = ingest(spark, flights, days, raw_files(flights, days))
    lines = sum(len(file.read_text().splitlines()) - 1 for file in landing.glob("flights_*.csv"))
    bronze = tables.read(spark, "flights", "bronze")
    assert report.rows == bronze.count() == lines
    assert dict(bronze.dtypes)["arr_delay"] == "string"
    assert bronze.where("arr_delay = 'NA'").count() > 0


def test_a_day_without_a_file_and_a_file_without_rows_are_no_data(spark: SparkSession, flights: UseCase, root: Path) -> None:
    landing = lay(root, "2013-01-01", "2013-01-01")
    assert raw_files(flights, parse_interval("2014-01-01", None)) == []
    file = landing / "flights_2013-01-01.csv"
    for text in (file.read_text().splitlines(keepends=True)[0], ""):
        file.write_text(text)
        assert ingest(spark, flights, DAY, raw_files(flights, DAY)).outcome == "no data"
    assert not tables.exists("flights", "bronze")


def test_other_columns_are_named_and_nothing_is_written(spark: SparkSession, flights: UseCase, root: Path) -> None:
    file = lay(root, "2013-01-01", "2013-01-01") / "flights_2013-01-01.csv"
    file.write_text(file.read_text().replace("tailnum", "tail_num", 1))
    with pytest.raises(UpdraftError, match=r"missing tailnum; not declared tail_num\. Did you mean 'tailnum'"):
        ingest(spark, flights, DAY, raw_files(flights, DAY))
    assert not tables.exists("flights", "bronze")


def test_a_range_and_single_days_give_the_same_tables(
    spark: SparkSession, flights: UseCase, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lay(root, "2013-01-01", "2013-01-02")
    run_data(spark, flights, "2013-01-01", "2013-01-02")
    names = ("bronze", "clean", "quarantine", "features")
    whole = {name: _rows(spark, name) for name in names}
    assert len(whole["features"]) > 1500
    for day in ("2013-01-02", "2013-01-01"):
        run_data(spark, flights, day, day)
    assert {name: _rows(spark, name) for name in names} == whole


def _rows(spark: SparkSession, table: str) -> list[str]:
    frame = tables.read(spark, "flights", table)
    return sorted(
        row["json"] for row in frame.selectExpr(f"to_json(struct({', '.join(sorted(frame.columns))})) AS json").collect()
    )
