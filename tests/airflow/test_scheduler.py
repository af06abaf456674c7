"""The real Airflow: its scheduler, its API, its own runs."""

import json
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import psutil
import pytest
from pyspark.sql import SparkSession

from tests.airflow.conftest import DAG, YESTERDAY, ended_runs, task_states
from updraft.cli import servers
from updraft.cli.airflow_api import ENDED, AirflowApi, Json
from updraft.core.errors import UpdraftError
from updraft.core.schema import BRONZE, FEATURES
from updraft.core.use_case import UseCase
from updraft.core.waiting import wait_for
from updraft.data.tables import Table, partitions_of

pytestmark = pytest.mark.timeout(900)


def announcements(api: AirflowApi) -> int:
    return len(api.call("GET", "/assets/events")["asset_events"])


@dataclass(frozen=True)
class Scheduled:
    """What the scheduler's own first run has done, and the run of monitoring that it starts."""

    run: Json
    task_states: dict[str, str]
    days: list[date]
    rows: int
    announcements: int
    monitoring: dict[str, str]


@pytest.fixture(scope="module")
def scheduled(api: AirflowApi, spark: SparkSession, flights: UseCase) -> Scheduled:
    api.pause("flights_monitoring", False)
    api.pause(DAG, False)
    (run,) = ended_runs(api, DAG, 1)
    features = Table(flights, FEATURES).read(spark)
    days = partitions_of(features)
    rows = features.count()
    announced = announcements(api)
    (monitoring,) = ended_runs(api, "flights_monitoring", 1)
    return Scheduled(
        run=run,
        task_states=task_states(api, run),
        days=days,
        rows=rows,
        announcements=announced,
        monitoring=task_states(api, monitoring),
    )


def test_the_schedulers_own_run_publishes_yesterday(scheduled: Scheduled, root: Path) -> None:
    run = scheduled.run
    assert run["run_type"] == "scheduled"
    assert run["data_interval_start"].startswith(str(YESTERDAY))
    tasks = ("ingest", "validate", "features", "announce")
    assert scheduled.task_states == dict.fromkeys(tasks, "success")
    assert scheduled.days == [YESTERDAY]
    lines = (root / f"landing/flights/flights_{YESTERDAY}.csv").read_text().splitlines()
    assert scheduled.rows == len(lines) - 1 > 800
    assert scheduled.announcements == 1
    # There is no champion yet, so there is nothing that the rows could have drifted from.
    jobs = ("drift", "decay", "diagnose", "decide")
    others = ("count_trainings", "what_follows", "retrain", "alert", "nothing_to_do")
    assert scheduled.monitoring == dict.fromkeys((*jobs, *others), "skipped")


def test_a_backfill_writes_its_days_and_announces_nothing(
    api: AirflowApi, spark: SparkSession, flights: UseCase, scheduled: Scheduled
) -> None:
    """One of the two days has no raw file: its run ends skipped, and is no failure."""
    announced = announcements(api)
    monitorings = len(api.runs("flights_monitoring"))
    api.backfill(DAG, datetime(2013, 1, 15, tzinfo=UTC), datetime(2013, 1, 16, tzinfo=UTC))
    backfill = ended_runs(api, DAG, 2, run_type="backfill")
    runs = {run["logical_date"][:10]: run for run in backfill}
    assert task_states(api, runs["2013-01-15"]) == {
        **dict.fromkeys(("ingest", "validate", "features"), "success"),
        "announce": "skipped",
    }
    assert set(task_states(api, runs["2013-01-16"]).values()) == {"skipped"}
    assert runs["2013-01-16"]["state"] == "success"
    features = Table(flights, FEATURES).read(spark)
    assert partitions_of(features) == [date(2013, 1, 15), YESTERDAY]
    time.sleep(5)
    assert announcements(api) == announced
    assert len(api.runs("flights_monitoring")) == monitorings


@pytest.mark.parametrize("form", [{}, {"start": "2013-03-09"}])
def test_a_backfill_of_a_date_that_was_run_by_hand_does_that_day(
    api: AirflowApi, root: Path, scheduled: Scheduled, form: Json
) -> None:
    """(08.29) Airflow uses the run by hand again, whose interval is the day before."""
    day = datetime(2013, 5, 5 + len(form), tzinfo=UTC)
    body = {"logical_date": day.isoformat(), "conf": form}
    by_hand = api.call("POST", f"/dags/{DAG}/dagRuns", json=body)["dag_run_id"]

    def first_day() -> str:
        wait_for_end(api, by_hand)
        report = root / "reports" / DAG / by_hand / "ingest.json"
        return str(json.loads(report.read_text())["first"])

    before = form.get("start") or str(day.date() - timedelta(days=1))
    assert first_day() == before
    api.backfill(DAG, day, day)
    wait_until_backfilled(api, by_hand)
    assert first_day() == str(day.date())


def test_a_backfill_is_made_though_the_database_is_busy(
    api: AirflowApi, scheduled: Scheduled
) -> None:
    """(08.31) Another process writes for longer than SQLite waits by default."""
    day = datetime(2013, 2, 1, tzinfo=UTC)  # Backfilled by no other test.
    before = {run["dag_run_id"] for run in api.runs(DAG, run_type="backfill")}
    file = servers.home() / "airflow" / "airflow.db"
    database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    with closing(database):
        database.execute("BEGIN IMMEDIATE")
        release = threading.Timer(10, database.execute, ["ROLLBACK"])
        release.start()
        try:
            api.backfill(DAG, day, day)
        finally:
            release.join()
    runs = ended_runs(api, DAG, len(before) + 1, run_type="backfill")
    (run,) = [run for run in runs if run["dag_run_id"] not in before]
    assert (run["logical_date"][:10], run["state"]) == (str(day.date()), "success")


def wait_for_end(api: AirflowApi, run_id: str) -> None:
    def ended() -> Json | None:
        run = api.run(DAG, run_id)
        return run if run["state"] in ENDED else None

    assert wait_for(ended, seconds=300, every=1), f"{run_id} has not ended"


def wait_until_backfilled(api: AirflowApi, run_id: str) -> None:
    def taken() -> Json | None:
        run = api.run(DAG, run_id)
        return run if run["run_type"] == "backfill" else None

    assert wait_for(taken, seconds=120, every=1), f"{run_id} was not used by the backfill"


@pytest.mark.bad_input("B21")
@pytest.mark.parametrize(
    ("dag_id", "conf", "message"),
    [
        (DAG, {}, "no data interval"),
        (DAG, {"start": "2013-01-15", "end": "2013-01-14"}, "lies before start"),
        (DAG, {"start": "2013-01-15", "end": "2999-01-01"}, "lies in the future"),
        (DAG, {"strat": "2013-01-15"}, "Did you mean 'start'?"),
        ("flights_training", {"method": "grid", "trails": 3}, "Did you mean 'trials'?"),
        ("flights_training", {"method": "grid"}, "use random or tpe"),
    ],
)
def test_a_wrong_form_is_refused_before_anything_starts(
    api: AirflowApi,
    root: Path,
    flights: UseCase,
    scheduled: Scheduled,
    dag_id: str,
    conf: Json,
    message: str,
) -> None:
    bronze = Table(flights, BRONZE)
    version = bronze.version
    api.pause(dag_id, False)
    run_id = api.trigger(dag_id, conf)
    runs = ended_runs(api, dag_id, 1, run_type="manual")
    run = next(run for run in runs if run["dag_run_id"] == run_id)
    assert run["state"] == "failed"
    first, *others = api.tasks(dag_id, run_id)
    assert (first["state"], first["try_number"]) == ("failed", 1), (
        "a mistake of the form is not retried"
    )
    assert {task["state"] for task in others} == {"upstream_failed"}
    logs = servers.home() / "airflow" / "logs"
    log = next(logs.rglob(f"run_id={run_id}/task_id={first['task_id']}/*.log"))
    assert message in log.read_text()
    assert "spark-submit" not in log.read_text()
    assert bronze.version == version
    assert not (root / "reports" / dag_id / run_id).exists()


@pytest.mark.bad_input("B21")
@pytest.mark.parametrize(
    ("dag_id", "conf"),
    [
        (DAG, {"start": "yesterday"}),
        (DAG, {"start": 20130115}),
        ("flights_training", {"trials": 0}),
        ("flights_training", {"trials": "many"}),
        ("flights_training", {"method": "guess"}),
        ("flights_training", {"algorithms": ["lightgmb"]}),
        ("flights_monitoring", {"window": 0}),
        ("flights_rollback", {"to": -1, "reason": "a complaint"}),
        ("flights_rollback", {"to": "the one before", "reason": "a complaint"}),
        ("flights_rollback", {"to": None, "reason": "a complaint"}),
        ("flights_rollback", {"reason": "a complaint"}),
        ("flights_rollback", {"to": 1}),
        ("flights_rollback", {"to": 1, "reason": ""}),
        ("flights_release", {}),
        ("flights_scoring", {"start": "2013-01-15"}),
        ("flights_scoring", {"start": None, "end": "2013-01-15"}),
    ],
)
def test_a_value_of_the_wrong_type_or_range_is_refused_by_airflow_itself(
    api: AirflowApi, dag_id: str, conf: Json
) -> None:
    before = len(api.runs(dag_id))
    with pytest.raises(UpdraftError, match="400"):
        api.trigger(dag_id, conf)
    assert len(api.runs(dag_id)) == before


def test_the_servers_ask_for_a_password_and_listen_on_loopback_only(
    running: servers.Servers, api: AirflowApi
) -> None:
    dags = f"{running.airflow}/api/v2/dags"
    experiments = f"{running.mlflow}/api/2.0/mlflow/experiments/search?max_results=5"
    assert httpx.get(dags).status_code == 401
    assert httpx.get(experiments).status_code == 401
    addresses = listening_addresses(running)
    assert addresses
    assert addresses <= {"127.0.0.1", "::1"}


def listening_addresses(running: servers.Servers) -> set[str]:
    """The addresses on which the servers and their children listen."""
    processes = [psutil.Process(pid) for pid, _ in running.processes.values()]
    for process in list(processes):
        processes += process.children(recursive=True)
    addresses = set()
    for process in processes:
        connections = process.net_connections("inet") if process.is_running() else []
        listening = [each for each in connections if each.status == psutil.CONN_LISTEN]
        addresses |= {connection.laddr.ip for connection in listening}
    return addresses


def test_no_secret_is_readable_by_others_or_in_a_log(
    running: servers.Servers, api: AirflowApi
) -> None:
    from updraft.cli.secrets import local_secrets

    home = servers.home()
    for name in ("secrets.json", "airflow_passwords.json", "mlflow_auth.ini"):
        assert (home / name).stat().st_mode & 0o077 == 0
    logs = [path for path in home.rglob("*.log") if path.is_file()]
    assert logs
    secrets = local_secrets(home).values()
    with_secrets = []
    for path in logs:
        text = path.read_text(errors="replace")
        if any(secret in text for secret in secrets):
            with_secrets.append(path)
    assert with_secrets == []
