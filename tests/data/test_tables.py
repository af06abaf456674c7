import subprocess
import sys
import textwrap
from datetime import date, datetime
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from tests.conftest import run
from updraft.core.errors import UpdraftError
from updraft.core.interval import on_days
from updraft.core.use_case import UseCase
from updraft.data import tables

FIRST, SECOND = (on_days([date(2013, 1, day)]) for day in (1, 2))


@pytest.fixture
def t(flights: UseCase) -> UseCase:
    return flights.model_copy(update={"name": "t"})


def rows(spark: SparkSession, *values: tuple[datetime, int]) -> DataFrame:
    return spark.createDataFrame(list(values), "event_time timestamp, value int")


def content(spark: SparkSession) -> list[tuple[date, int]]:
    return sorted((row["event_date"], row["value"]) for row in tables.read(spark, "t", "clean").collect())


def test_writing_replaces_exactly_its_days_and_may_be_repeated(spark: SparkSession, root: Path, t: UseCase) -> None:
    tables.replace(rows(spark, (datetime(2013, 1, 1, 5), 1), (datetime(2013, 1, 1, 6), 2)), t, "clean", FIRST)
    tables.replace(rows(spark, (datetime(2013, 1, 2), 3)), t, "clean", SECOND)
    for _ in range(2):
        tables.replace(rows(spark, (datetime(2013, 1, 1, 23, 59, 59), 9)), t, "clean", FIRST)
        assert content(spark) == [(date(2013, 1, 1), 9), (date(2013, 1, 2), 3)]


def test_rows_of_other_days_are_not_written(spark: SparkSession, root: Path, t: UseCase) -> None:
    tables.replace(rows(spark, (datetime(2013, 1, 1), 1)), t, "clean", FIRST)
    with pytest.raises(Exception, match="DELTA_REPLACE_WHERE_MISMATCH"):
        tables.replace(rows(spark, (datetime(2013, 1, 2), 2)), t, "clean", FIRST)
    assert content(spark) == [(date(2013, 1, 1), 1)]


def test_other_columns_are_refused_with_the_next_step(spark: SparkSession, root: Path, t: UseCase) -> None:
    tables.replace(rows(spark, (datetime(2013, 1, 1), 1)), t, "clean", FIRST)
    row = rows(spark, (datetime(2013, 1, 1), 1))
    for other, says in {
        row.withColumnRenamed("value", "valve"): r"value \(int\) is missing; valve \(int\) is new",
        row.drop("value"): r"value \(int\) is missing",
        row.withColumn("value", row.value.cast("string")): "value is string, in the table int",
    }.items():
        with pytest.raises(UpdraftError, match=says):
            tables.replace(other, t, "clean", FIRST)
    assert content(spark) == [(date(2013, 1, 1), 1)]


def test_a_table_that_does_not_exist_is_named(spark: SparkSession, root: Path) -> None:
    with pytest.raises(UpdraftError, match="Run t_data first"):
        tables.read(spark, "t", "clean")


HOLDER = """
    import sys, time
    from updraft.core.use_case import load_use_case
    from updraft.data.session import session
    from updraft.data.tables import table_path, writer_lock
    with writer_lock(session(load_use_case("flights")), table_path("t", "clean")):
        print("held", flush=True)
        time.sleep(600)
"""


def test_the_lock_keeps_another_process_out_until_it_dies(
    spark: SparkSession, root: Path, t: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process holds the table; a writer here waits and gives up; once that process is killed it gets in."""
    holder = subprocess.Popen([sys.executable, "-c", textwrap.dedent(HOLDER)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "held"
        monkeypatch.setattr(tables, "LOCK_SECONDS", 1)
        with pytest.raises(UpdraftError, match="another writer has held"):
            tables.replace(rows(spark, (datetime(2013, 1, 1), 1)), t, "clean", FIRST)
        assert not tables.exists("t", "clean")
    finally:
        holder.kill()
        holder.wait()
    monkeypatch.setattr(tables, "LOCK_SECONDS", 30)
    tables.replace(rows(spark, (datetime(2013, 1, 1), 1)), t, "clean", FIRST)
    assert content(spark) == [(date(2013, 1, 1), 1)]


def test_pyspark_and_its_client_are_one_version() -> None:
    """Both install into one folder, so two versions would mix."""
    listed = run(
        sys.executable, "-c", "import importlib.metadata as m; print(m.version('pyspark'), m.version('pyspark-client'))"
    )
    assert len(set(listed.stdout.split())) == 1
