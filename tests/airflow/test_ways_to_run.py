"""The ways to run a day: a backfill in any order and in parallel, and one run of the whole range, give the same tables."""

import subprocess
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from tests.conftest import lay
from updraft.cli import servers
from updraft.cli.airflow_api import ENDED, AirflowApi
from updraft.core.settings import settings
from updraft.data import tables

FIRST, LAST = date(2013, 1, 1), date(2013, 1, 10)
TABLES = ("bronze", "clean", "quarantine", "features")
pytestmark = [pytest.mark.faults, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("ways")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UPDRAFT_ROOT", str(folder))
        settings.cache_clear()
        spoil_two_rows(lay(folder, str(FIRST), str(LAST)))
        try:
            yield folder
        finally:
            servers.stop()
    settings.cache_clear()


def spoil_two_rows(landing: Path) -> None:
    """So that quarantine has rows to be compared, too."""
    for day in (3, 7):
        file = landing / f"flights_2013-01-{day:02}.csv"
        file.write_text(file.read_text().replace(",EWR,", ",XXX,", 1))


def hashes(spark: SparkSession, use_case: str) -> dict[str, dict[date, tuple[int, int]]]:
    """Rows and their hash, for each day of each table; ``source_file`` says where a row lay, and that is the same."""
    found = {}
    for table in TABLES:
        frame = tables.read(spark, use_case, table)
        columns = ", ".join(sorted(frame.columns))
        hashed = frame.selectExpr("event_date", f"xxhash64(to_json(struct({columns}))) % 1000000007 AS hash")
        days = hashed.groupBy("event_date").agg(F.count("*"), F.sum("hash")).collect()
        found[table] = {day: (rows, total) for day, rows, total in days}
    return found


def until_ended(api: AirflowApi, number: int, **query: str) -> None:
    deadline = time.monotonic() + 1800
    while True:
        runs = api.runs("flights_data", **query)
        if len(runs) >= number and all(run["state"] in ENDED for run in runs):
            assert {run["state"] for run in runs} == {"success"}
            return
        assert time.monotonic() < deadline, [(run["dag_run_id"], run["state"]) for run in runs]
        time.sleep(2)


def test_a_backfill_in_parallel_and_a_range_give_the_same_tables(spark: SparkSession, root: Path) -> None:
    running = servers.start(print)
    api = AirflowApi(running)
    while not api.has_dag("flights_data"):
        time.sleep(1)
    api.pause("flights_data", False)
    command = [str(servers.BIN / "airflow"), "backfill", "create", "--dag-id", "flights_data", "--run-backwards"]
    command += ["--from-date", str(FIRST), "--to-date", str(LAST)]
    command += ["--max-active-runs", "3", "--reprocess-behavior", "completed"]
    subprocess.run(command, check=True, env=servers.environment(running.airflow, running.mlflow), capture_output=True)
    until_ended(api, 10, run_type="backfill")
    backfilled = hashes(spark, "flights")
    assert {table: len(days) for table, days in backfilled.items()} == {
        "bronze": 10,
        "clean": 10,
        "quarantine": 2,
        "features": 10,
    }

    # From nothing again, so that the range cannot owe its rows to the backfill.
    (root / "tables").rename(root / "backfilled")
    run_id = api.trigger("flights_data", {"start": str(FIRST), "end": str(LAST)})
    until_ended(api, 1, run_type="manual")
    assert api.run("flights_data", run_id)["state"] == "success"
    assert hashes(spark, "flights") == backfilled

    # And over what is there already, a day alone: its rows are replaced, the others are left.
    versions = {table: tables.version("flights", table) for table in TABLES}
    api.trigger("flights_data", {"start": "2013-01-03"})
    until_ended(api, 2, run_type="manual")
    assert hashes(spark, "flights") == backfilled
    assert all(tables.version("flights", table) > version for table, version in versions.items())
