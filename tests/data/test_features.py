"""Features: only what was known at departure, the right hour's weather, one row for each flight."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from tests.conftest import environment, run_data, write_flights
from updraft.core.errors import UpdraftError
from updraft.core.interval import parse_interval
from updraft.core.schema import CLEAN, FEATURES
from updraft.core.sections.data_parts import Target
from updraft.core.use_case import UseCase
from updraft.data.features import build_features, features
from updraft.data.tables import Table


@pytest.fixture(scope="module")
def data(
    spark: SparkSession, flights: UseCase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("features")
    with environment({"UPDRAFT_ROOT": str(root)}):
        write_flights(root, "2013-01-15", "2013-01-16")
        run_data(spark, flights, "2013-01-15", "2013-01-16")
        yield root


@pytest.fixture
def clean(spark: SparkSession, flights: UseCase, data: Path) -> DataFrame:
    return Table(flights, CLEAN).read(spark)


def test_one_row_for_each_clean_flight_and_labels_where_it_arrived(
    spark: SparkSession, flights: UseCase, clean: DataFrame
) -> None:
    built = Table(flights, FEATURES).read(spark)
    assert built.count() == clean.count() > 1500
    late = clean.where("arr_delay > 15").count()
    assert built.where("label = 1").count() == late > 0
    assert built.where("label IS NULL").count() == clean.where("arr_delay IS NULL").count() > 0


def test_the_weather_is_that_of_the_hour_before(
    spark: SparkSession, flights: UseCase, data: Path, clean: DataFrame
) -> None:
    weather_file = str(data / "landing/flights/lookups/weather.csv")
    spark.read.option("header", True).csv(weather_file).createOrReplaceTempView("w")
    clean.createOrReplaceTempView("c")
    Table(flights, FEATURES).read(spark).createOrReplaceTempView("f")
    compared = spark.sql("""
        SELECT
            count(*) AS n,
            count_if(
                f.temp = CAST(w.temp AS DOUBLE) AND f.humid = CAST(w.humid AS DOUBLE)
            ) AS same
        FROM f JOIN c USING (row_id)
        JOIN w
            ON w.origin = c.origin
            AND CAST(w.year AS INT) = c.year
            AND CAST(w.month AS INT) = c.month
            AND CAST(w.day AS INT) = c.day
            AND CAST(w.hour AS INT) = c.hour - 1
    """).first()
    assert compared is not None
    assert compared["same"] == compared["n"] > 1000


@pytest.mark.parametrize("late", ["arr_delay", "dep_delay", "dep_time", "arr_time", "air_time"])
def test_what_is_known_later_cannot_be_used(
    spark: SparkSession, flights: UseCase, clean: DataFrame, late: str, tmp_path: Path
) -> None:
    leaking = flights.model_copy(update={"folder": tmp_path})
    query = "SELECT row_id, event_time, LATE FROM clean".replace("LATE", late)
    (tmp_path / "features.sql").write_text(query)
    with pytest.raises(
        UpdraftError, match=rf"features\.sql: .*`{late}` cannot be resolved.*It may"
    ):
        features(spark, leaking, clean)


TWICE = "SELECT row_id, event_time FROM clean LATERAL VIEW explode(array(1, 2)) AS line"
# As many rows as before: the first is doubled, and the last is missing.
TWICE_AND_NEVER = """
SELECT row_id, event_time
FROM clean LATERAL VIEW explode(
    CASE row_id
        WHEN (SELECT min(row_id) FROM ids) THEN array(1, 2)
        WHEN (SELECT max(row_id) FROM ids) THEN array()
        ELSE array(1)
    END
) AS line
"""


@pytest.mark.parametrize("query", [TWICE, TWICE_AND_NEVER])
def test_a_query_that_doubles_rows_is_refused(
    spark: SparkSession, flights: UseCase, clean: DataFrame, tmp_path: Path, query: str
) -> None:
    clean.where("event_date = '2013-01-15'").createOrReplaceTempView("ids")
    (tmp_path / "features.sql").write_text(query)
    doubling = flights.model_copy(update={"folder": tmp_path})
    table = Table(flights, FEATURES)
    before = table.version
    with pytest.raises(UpdraftError, match="expected one row for each"):
        build_features(spark, doubling, parse_interval("2013-01-15", None), "by hand")
    assert table.version == before


def late(sql: str) -> str:
    """An expression with a column in it that is known only later."""
    return f"nvl2(arr_delay, {sql}, {sql})"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"sql": "if(arr_delay > 15, 2, 0)"}, "such as '2'; expected 0 or 1"),
        ({"sql": "if(arr_delay > 15, 'late', '0')"}, "such as 'late'; expected 0 or 1"),
        ({"sql": "if(arr_delay > 15, 0.5, 1)"}, "such as '0.5'; expected 0 or 1"),
        ({"sql": late("origin"), "classes": ["EWR", "LGA"]}, "such as 'JFK'; expected one of"),
        (
            {"sql": late("origin"), "classes": ["EWR", "LGA", "jfk"]},
            "such as 'JFK'; expected one of",
        ),
        ({"sql": late("month"), "classes": ["2", "3"]}, "such as '1'; expected one of"),
        ({"sql": late("origin")}, "such as 'EWR'; expected a finite number"),
        ({"sql": late("double('NaN')")}, "such as 'NaN'; expected a finite number"),
        ({"sql": late("double('-Infinity')")}, "such as '-Infinity'; expected a finite number"),
    ],
)
def test_a_label_that_is_none_is_refused_and_not_taken_as_unknown(
    spark: SparkSession, flights: UseCase, data: Path, target: dict[str, Any], message: str
) -> None:
    """Every label is accounted for."""
    declared = flights.data.model_copy(update={"target": Target.model_construct(**target)})
    table = Table(flights, FEATURES)
    before = table.version
    kind = "regression" if "finite" in message else flights.kind
    changed = flights.model_copy(update={"data": declared, "kind": kind})
    with pytest.raises(UpdraftError, match=message):
        build_features(spark, changed, parse_interval("2013-01-15", None), "by hand")
    assert table.version == before


@pytest.mark.parametrize(
    "identity",
    [
        "row_id, event_time + INTERVAL 1 MINUTE AS event_time",
        "upper(row_id) || 'x' AS row_id, event_time",
    ],
)
def test_a_changed_identity_is_refused(
    spark: SparkSession, flights: UseCase, data: Path, tmp_path: Path, identity: str
) -> None:
    """The labels would not find these rows."""
    (tmp_path / "features.sql").write_text(f"SELECT {identity} FROM clean")  # noqa: S608
    changed = flights.model_copy(update={"folder": tmp_path})
    with pytest.raises(UpdraftError, match="that no clean row has"):
        build_features(spark, changed, parse_interval("2013-01-15", None), "by hand")


def test_labels_that_a_query_with_history_makes_no_row_of_are_counted(
    spark: SparkSession, flights: UseCase, data: Path, tmp_path: Path
) -> None:
    """With ``data.history``, features.sql decides which rows there are."""
    root = tmp_path / "root"
    shutil.copytree(data, root)
    shutil.rmtree(root / "tables/flights/features")
    settings = flights.data.model_copy(update={"history": 1})
    changed = flights.model_copy(update={"folder": tmp_path, "data": settings})
    days = "FROM clean WHERE to_date(event_time) IN (SELECT event_date FROM days)"
    day = parse_interval("2013-01-16", None)
    with environment({"UPDRAFT_ROOT": str(root)}):
        query = f"SELECT row_id, event_time {days} AND origin = 'EWR'"
        (tmp_path / "features.sql").write_text(query)
        report = build_features(spark, changed, day, "by hand")
        clean = Table(flights, CLEAN).read(spark, day.predicate()).where("arr_delay IS NOT NULL")
        assert report.labelled == clean.where("origin = 'EWR'").count() > 0
        assert report.unused_labels == clean.where("origin <> 'EWR'").count() > 0

        query = f"SELECT upper(row_id) || 'x' AS row_id, event_time {days}"
        (tmp_path / "features.sql").write_text(query)
        report = build_features(spark, changed, day, "by hand")
        assert (report.labelled, report.unused_labels) == (0, clean.count())
