"""Features: only what was known at departure, the right hour's weather, one row for each flight."""

from pathlib import Path

import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from tests.conftest import lay, run_data
from updraft.core.errors import UpdraftError
from updraft.core.use_case import UseCase
from updraft.data import tables
from updraft.data.features import features


@pytest.fixture(scope="module")
def data(spark: SparkSession, flights: UseCase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import os

    from updraft.core.settings import settings

    root = tmp_path_factory.mktemp("features")
    before = os.environ.get("UPDRAFT_ROOT")
    os.environ["UPDRAFT_ROOT"] = str(root)
    settings.cache_clear()
    lay(root, "2013-01-15", "2013-01-16")
    run_data(spark, flights, "2013-01-15", "2013-01-16")
    yield root
    os.environ.pop("UPDRAFT_ROOT") if before is None else os.environ.update(UPDRAFT_ROOT=before)
    settings.cache_clear()


def test_one_row_for_each_clean_flight_and_labels_where_it_arrived(spark: SparkSession, data: Path) -> None:
    clean, built = tables.read(spark, "flights", "clean"), tables.read(spark, "flights", "features")
    assert built.count() == clean.count() > 1500
    late = clean.where("arr_delay > 15").count()
    assert built.where("label = 1").count() == late > 0
    assert built.where("label IS NULL").count() == clean.where("arr_delay IS NULL").count() > 0


def test_the_weather_is_that_of_the_hour_before(spark: SparkSession, data: Path) -> None:
    weather = spark.read.option("header", True).csv(str(data / "landing/flights/lookups/weather.csv"))
    weather.createOrReplaceTempView("w")
    tables.read(spark, "flights", "clean").createOrReplaceTempView("c")
    tables.read(spark, "flights", "features").createOrReplaceTempView("f")
    compared = spark.sql("""
        SELECT count(*) AS n, count_if(f.temp = CAST(w.temp AS DOUBLE) AND f.humid = CAST(w.humid AS DOUBLE)) AS same
        FROM f JOIN c USING (row_id)
        JOIN w ON w.origin = c.origin AND CAST(w.year AS INT) = c.year AND CAST(w.month AS INT) = c.month
              AND CAST(w.day AS INT) = c.day AND CAST(w.hour AS INT) = c.hour - 1
    """).first()
    assert compared is not None
    assert compared["same"] == compared["n"] > 1000


@pytest.mark.parametrize("late", ["arr_delay", "dep_delay", "dep_time", "arr_time", "air_time"])
def test_what_is_known_later_cannot_be_used(
    spark: SparkSession, flights: UseCase, data: Path, late: str, tmp_path: Path
) -> None:
    leaking = flights.model_copy(update={"folder": tmp_path})
    (tmp_path / "features.sql").write_text("SELECT row_id, event_time, LATE FROM clean".replace("LATE", late))
    with pytest.raises(AnalysisException, match=late):
        features(spark, leaking, tables.read(spark, "flights", "clean"))


def test_a_lookup_that_doubles_rows_is_refused(spark: SparkSession, flights: UseCase, data: Path, tmp_path: Path) -> None:
    from updraft.core.interval import parse_interval
    from updraft.data.features import build_features

    (tmp_path / "features.sql").write_text(
        "SELECT row_id, event_time, distance FROM clean LATERAL VIEW explode(array(1, 2)) AS twice"
    )
    before = tables.version("flights", "features")
    with pytest.raises(UpdraftError, match="expected one row for each"):
        build_features(spark, flights.model_copy(update={"folder": tmp_path}), parse_interval("2013-01-15", None))
    assert tables.version("flights", "features") == before
