"""Runs on the real scheduler that are interrupted: the servers go down, or the use case breaks."""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.cli.test_run import updraft
from tests.conftest import environment, write_flights
from tests.faults.drivers import locked, rows, wait_until
from updraft.cli import servers
from updraft.cli.airflow_api import ENDED, AirflowApi
from updraft.core.settings import REPO

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]
DAG = "flights_data"
TASKS = ("ingest", "validate", "features")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    shutil.copytree(REPO / "use_cases/flights", tmp_path / "use_cases/flights")
    write_flights(tmp_path, "2013-01-15", "2013-01-15")
    variables = {"UPDRAFT_ROOT": str(tmp_path), "UPDRAFT_USE_CASES": str(tmp_path / "use_cases")}
    with environment(variables):
        try:
            yield tmp_path
        finally:
            servers.stop()


def started() -> AirflowApi:
    api = AirflowApi(servers.start(print))
    wait_until(lambda: api.has_dag(DAG), every=1)
    return api


def run_at_work(api: AirflowApi) -> str:
    """Start a run and wait until Spark is at work; ``bronze`` has to be locked."""
    api.pause(DAG, False)
    run_id = api.trigger(DAG, {"start": "2013-01-15"})
    logs = servers.home() / "airflow/logs"

    def is_waiting() -> bool:
        found = logs.rglob(f"run_id={run_id}/task_id=ingest/*.log")
        return any("waiting for another writer" in log.read_text() for log in found)

    wait_until(is_waiting)
    return run_id


def is_stale(api: AirflowApi) -> bool:
    """Whether Airflow no longer finds the DAG."""
    return bool(api.call("GET", f"/dags/{DAG}")["is_stale"])


def states(api: AirflowApi, run_id: str) -> dict[str, str | None]:
    states: dict[str, str | None] = {
        task["task_id"]: task["state"] for task in api.tasks(DAG, run_id)
    }
    return {"run": api.run(DAG, run_id)["state"], **states}


def wait_for_end(api: AirflowApi, run_id: str) -> None:
    wait_until(lambda: api.run(DAG, run_id)["state"] in ENDED, every=1, seconds=600)


def move_into_the_past(run_id: str, hours: int) -> None:
    """As if the servers had been down for that long: change when the run and its tasks began."""
    earlier = f"datetime(start_date, '-{hours} hours')"
    with closing(sqlite3.connect(servers.home() / "airflow/airflow.db")) as database:
        for table in ("dag_run", "task_instance"):
            database.execute(
                f"UPDATE {table} SET start_date = {earlier} WHERE run_id = ?",  # noqa: S608
                [run_id],
            )
        database.commit()


def test_a_run_goes_on_when_the_servers_were_down_for_thirteen_hours(
    root: Path, spark: SparkSession
) -> None:
    """(08.30) Time in which nothing ran does not count, and skipped means: no data."""
    api = started()
    with locked(root, "bronze"):
        run_id = run_at_work(api)
        servers.stop()
    move_into_the_past(run_id, 13)
    api = started()
    wait_for_end(api, run_id)
    assert {name: states(api, run_id)[name] for name in ("run", *TASKS)} == dict.fromkeys(
        ("run", *TASKS), "success"
    )
    number, _ = rows(spark, root, "bronze")
    assert number > 800


def test_a_run_waits_while_its_use_case_is_broken(root: Path, spark: SparkSession) -> None:
    """(08.32) Nothing starts or fails meanwhile; it goes on when the use case is whole again."""
    api = started()
    file = root / "use_cases/flights/use_case.yaml"
    whole = file.read_text()
    with locked(root, "bronze"):
        run_id = run_at_work(api)
        file.write_text(whole.replace("title:", "tittle:"))
        wait_until(lambda: api.has_dag("flights_broken") and is_stale(api), every=1)
    wait_until(lambda: states(api, run_id)["ingest"] == "success", every=1)
    time.sleep(15)  # The scheduler looks every few seconds.
    assert states(api, run_id)["run"] == "running"
    assert states(api, run_id)["validate"] in (None, "scheduled")
    file.write_text(whole)
    wait_until(lambda: not is_stale(api), every=1)
    wait_for_end(api, run_id)
    assert states(api, run_id)["run"] == "success"
    number, _ = rows(spark, root, "features")
    assert number > 800


def test_missed_days_are_made_up_for_by_one_command(root: Path) -> None:
    """(08.28) Each in a run of its own."""
    write_flights(root, "2013-01-15", "2013-01-16")
    write_flights(root, "2013-01-19", "2013-01-19")
    api = started()
    missing = updraft("status", "flights", "--run")
    assert missing.returncode == 1
    assert "not ingested: 2013-01-15, 2013-01-16, 2013-01-19" in missing.stdout
    runs = [run["dag_run_id"] for run in api.runs(DAG, run_type="manual")]
    assert missing.stdout.count("started: flights_data 2013") == len(runs) == 3
    for run_id in runs:
        wait_for_end(api, run_id)
        assert states(api, run_id)["run"] == "success"
    complete = updraft("status", "flights")
    assert (complete.returncode, "Nothing is missing" in complete.stdout) == (0, True)
