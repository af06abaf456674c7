"""Tables: one write replaces exactly its days, one writer at a time."""

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
from updraft.core.schema import CLEAN
from updraft.core.use_case import UseCase
from updraft.data import tables
from updraft.data.tables import Table

FIRST = on_days([date(2013, 1, 1)])
SECOND = on_days([date(2013, 1, 2)])
ROW = (datetime(2013, 1, 1), 1)
# Another process that holds the table.
HOLDER = """
    import time
    from updraft.core.use_case import load_use_case
    from updraft.data.session import session
    from updraft.data.tables import Table
    flights = load_use_case("flights")
    table = Table(flights.model_copy(update={"name": "t"}), "clean")
    with table.hold(session(flights)):
        print("held", flush=True)
        time.sleep(600)
"""


@pytest.fixture
def table(flights: UseCase) -> Table:
    return Table(flights.model_copy(update={"name": "t"}), CLEAN)


def rows(spark: SparkSession, *values: tuple[datetime, int]) -> DataFrame:
    return spark.createDataFrame(list(values), "event_time timestamp, value int")


def replace(table: Table, frame: DataFrame, where: str) -> None:
    with table.hold(frame.sparkSession) as held:
        held.replace(frame, where)


def content(spark: SparkSession, table: Table) -> list[tuple[date, int]]:
    return sorted((row["event_date"], row["value"]) for row in table.read(spark).collect())


def test_writing_replaces_exactly_its_days_and_may_be_repeated(
    spark: SparkSession, root: Path, table: Table
) -> None:
    first_day = rows(spark, (datetime(2013, 1, 1, 5), 1), (datetime(2013, 1, 1, 6), 2))
    replace(table, first_day, FIRST)
    replace(table, rows(spark, (datetime(2013, 1, 2), 3)), SECOND)
    for _ in range(2):
        replace(table, rows(spark, (datetime(2013, 1, 1, 23, 59, 59), 9)), FIRST)
        assert content(spark, table) == [(date(2013, 1, 1), 9), (date(2013, 1, 2), 3)]


def test_rows_of_other_days_are_not_written(spark: SparkSession, root: Path, table: Table) -> None:
    replace(table, rows(spark, ROW), FIRST)
    with pytest.raises(Exception, match="DELTA_REPLACE_WHERE_MISMATCH"):
        replace(table, rows(spark, (datetime(2013, 1, 2), 2)), FIRST)
    assert content(spark, table) == [(date(2013, 1, 1), 1)]


def test_other_columns_are_refused_with_the_next_step(
    spark: SparkSession, root: Path, table: Table
) -> None:
    row = rows(spark, ROW)
    replace(table, row, FIRST)
    messages = {
        row.withColumnRenamed("value", "valve"): (
            r"value \(int\) is missing; valve \(int\) is new"
        ),
        row.drop("value"): r"value \(int\) is missing",
        row.withColumn("value", row.value.cast("string")): "value is string, in the table int",
    }
    for other, message in messages.items():
        with pytest.raises(UpdraftError, match=message):
            replace(table, other, FIRST)
    assert content(spark, table) == [(date(2013, 1, 1), 1)]


def test_a_table_that_does_not_exist_is_named(
    spark: SparkSession, root: Path, table: Table
) -> None:
    with pytest.raises(UpdraftError, match="Run t_data first"):
        table.read(spark)


def test_the_lock_keeps_another_process_out_until_it_dies(
    spark: SparkSession, root: Path, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer waits for another process and gives up; once that process is killed, it writes."""
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLDER)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "held"
        monkeypatch.setattr(tables, "LOCK_SECONDS", 1)
        with pytest.raises(UpdraftError, match="another writer has held"):
            replace(table, rows(spark, ROW), FIRST)
        assert not table.exists
    finally:
        holder.kill()
        holder.wait()
    monkeypatch.setattr(tables, "LOCK_SECONDS", 30)
    replace(table, rows(spark, ROW), FIRST)
    assert content(spark, table) == [(date(2013, 1, 1), 1)]


def test_pyspark_and_its_client_are_one_version() -> None:
    """Both install into one folder, so two versions would mix."""
    process = run(
        sys.executable,
        "-c",
        "import importlib.metadata as m; print(m.version('pyspark'), m.version('pyspark-client'))",
    )
    assert len(set(process.stdout.split())) == 1


def test_nothing_is_written_once_the_lock_is_released(
    spark: SparkSession, root: Path, table: Table
) -> None:
    frame = rows(spark, ROW)
    with table.hold(spark) as held:
        pass
    with pytest.raises(RuntimeError, match="lock has been released"):
        held.replace(frame, FIRST)
    assert not table.exists
