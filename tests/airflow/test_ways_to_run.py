"""A backfill in any order and in parallel gives the same tables as one run of the whole range."""

import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from tests.airflow.conftest import DAG, ended_runs
from tests.conftest import environment, write_flights
from updraft.cli import servers
from updraft.cli.airflow_api import AirflowApi
from updraft.core.schema import BRONZE, CLEAN, FEATURES, QUARANTINE
from updraft.core.use_case import UseCase
from updraft.core.waiting import wait_for
from updraft.data.tables import Table

FIRST = date(2013, 1, 1)
LAST = date(2013, 1, 10)
TABLES = (BRONZE, CLEAN, QUARANTINE, FEATURES)
SECONDS = 1800
pytestmark = [pytest.mark.faults, pytest.mark.timeout(2400)]
Hashes = dict[date, tuple[int, int]]  # For each day, the number of rows and their hash.


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("ways")
    with environment({"UPDRAFT_ROOT": str(folder)}):
        spoil_two_rows(write_flights(folder, str(FIRST), str(LAST)))
        try:
            yield folder
        finally:
            servers.stop()


def spoil_two_rows(landing: Path) -> None:
    """So that quarantine has rows to compare, too."""
    for day in (3, 7):
        file = landing / f"flights_2013-01-{day:02}.csv"
        file.write_text(file.read_text().replace(",EWR,", ",XXX,", 1))


def hashes(spark: SparkSession, use_case: UseCase) -> dict[str, Hashes]:
    """The hashes of each table; ``source_file`` is in them, as it does not depend on the run."""
    return {name: hashes_of(spark, Table(use_case, name)) for name in TABLES}


def hashes_of(spark: SparkSession, table: Table) -> Hashes:
    frame = table.read(spark)
    columns = ", ".join(sorted(frame.columns))
    row_hash = f"xxhash64(to_json(struct({columns}))) % 1000000007 AS hash"
    hashed = frame.selectExpr("event_date", row_hash)
    days = hashed.groupBy("event_date").agg(F.count("*"), F.sum("hash")).collect()
    return {day: (rows, total) for day, rows, total in days}


def wait_for_success(api: AirflowApi, number: int, run_type: str) -> None:
    runs = ended_runs(api, DAG, number, seconds=SECONDS, every=2, run_type=run_type)
    assert {run["state"] for run in runs} == {"success"}


def test_a_backfill_in_parallel_and_a_range_give_the_same_tables(
    spark: SparkSession, root: Path, flights: UseCase
) -> None:
    running = servers.start(print)
    api = AirflowApi(running)
    appeared = wait_for(lambda: api.has_dag(DAG) or None, seconds=120, every=1)
    assert appeared, "the DAG did not appear"
    api.pause(DAG, False)
    # Airflow's own command does not try again if the scheduler writes to SQLite at the same time.
    ended_runs(api, DAG, 1, seconds=SECONDS, every=2, run_type="scheduled")
    command = [str(servers.BIN / "airflow"), "backfill", "create", "--dag-id", DAG]
    command += ["--run-backwards", "--from-date", str(FIRST), "--to-date", str(LAST)]
    command += ["--max-active-runs", "3", "--reprocess-behavior", "completed"]
    variables = servers.environment(running.airflow, running.mlflow)
    created = subprocess.run(command, check=False, env=variables, capture_output=True, text=True)
    assert created.returncode == 0, created.stdout + created.stderr
    wait_for_success(api, 10, "backfill")
    backfilled = hashes(spark, flights)
    assert {table: len(days) for table, days in backfilled.items()} == {
        "bronze": 10,
        "clean": 10,
        "quarantine": 2,
        "features": 10,
    }

    # From no tables, so that the range cannot owe its rows to the backfill.
    (root / "tables").rename(root / "backfilled")
    run_id = api.trigger(DAG, {"start": str(FIRST), "end": str(LAST)})
    wait_for_success(api, 1, "manual")
    assert api.run(DAG, run_id)["state"] == "success"
    assert hashes(spark, flights) == backfilled

    # A single day over existing tables: its rows are replaced, the others stay.
    versions = {name: Table(flights, name).version for name in TABLES}
    api.trigger(DAG, {"start": "2013-01-03"})
    wait_for_success(api, 2, "manual")
    assert hashes(spark, flights) == backfilled
    assert all(Table(flights, name).version > version for name, version in versions.items())
