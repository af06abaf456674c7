"""The real Airflow: its scheduler, its API, its own runs. Started once for this file, on a root of its own."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import psutil
import pytest
from pyspark.sql import SparkSession

from tests.conftest import lay
from updraft.cli import servers
from updraft.cli.airflow_api import ENDED, AirflowApi, Json
from updraft.core.settings import settings
from updraft.data import tables

DAG = "flights_data"
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("airflow")
    patch = pytest.MonkeyPatch()
    patch.setenv("UPDRAFT_ROOT", str(folder))
    settings.cache_clear()
    landing = lay(folder, "2013-01-15", "2013-01-15")
    redate(landing / "flights_2013-01-15.csv", YESTERDAY)
    redate(landing / "flights_2013-01-15.csv", date(2013, 1, 15))
    yield folder
    patch.undo()
    settings.cache_clear()


def redate(file: Path, day: date) -> None:
    """The same flights, as if they had flown on another day."""
    header, *lines = file.read_text().splitlines()
    dated = []
    for line in lines:
        *fields, hour = line.split(",")
        dated.append(",".join([str(day.year), str(day.month), str(day.day), *fields[3:], f"{day}T{hour[11:]}"]))
    (file.parent / f"flights_{day}.csv").write_text("\n".join([header, *dated]) + "\n")


@pytest.fixture(scope="module")
def running(root: Path) -> Iterator[servers.Servers]:
    try:
        yield servers.start(print)
    finally:
        servers.stop()


@pytest.fixture(scope="module")
def api(running: servers.Servers) -> AirflowApi:
    found = AirflowApi(running)
    deadline = time.monotonic() + 120
    while not (found.has_dag(DAG) and found.has_dag("flights_monitoring")):
        assert time.monotonic() < deadline, "the DAGs did not appear"
        time.sleep(1)
    return found


def ended(api: AirflowApi, dag_id: str, number: int, **query: str) -> list[Json]:
    deadline = time.monotonic() + 400
    while True:
        runs = api.runs(dag_id, **query)
        if len(runs) >= number and all(run["state"] in ENDED for run in runs):
            return runs
        assert time.monotonic() < deadline, f"{dag_id}: {[(run['dag_run_id'], run['state']) for run in runs]}"
        time.sleep(1)


def states(api: AirflowApi, run: Json) -> dict[str, str]:
    return {one["task_id"]: one["state"] for one in api.tasks(run["dag_id"], run["dag_run_id"])}


def announced(api: AirflowApi) -> int:
    return len(api.call("GET", "/assets/events")["asset_events"])


def test_the_schedulers_own_run_publishes_yesterday(api: AirflowApi, spark: SparkSession, root: Path) -> None:
    api.pause("flights_monitoring", False)
    api.pause(DAG, False)
    (run,) = ended(api, DAG, 1)
    assert run["run_type"] == "scheduled"
    assert run["data_interval_start"].startswith(str(YESTERDAY))
    assert states(api, run) == dict.fromkeys(("ingest", "validate", "features", "announce"), "success")
    features = tables.read(spark, "flights", "features")
    assert tables.partitions(features) == [YESTERDAY]
    lines = (root / f"landing/flights/flights_{YESTERDAY}.csv").read_text().splitlines()
    assert features.count() == len(lines) - 1 > 800
    assert announced(api) == 1
    (monitoring,) = ended(api, "flights_monitoring", 1)
    # There is no champion yet, so there is nothing that the rows could have drifted from.
    assert states(api, monitoring) == dict.fromkeys(("drift", "has_drifted", "retrain", "nothing_to_do"), "skipped")


def test_a_backfill_writes_its_days_and_announces_nothing(api: AirflowApi, spark: SparkSession, root: Path) -> None:
    """One of the two days has no raw file: its run ends skipped, and is no failure."""
    before = announced(api), len(api.runs("flights_monitoring"))
    api.backfill(DAG, datetime(2013, 1, 15, tzinfo=UTC), datetime(2013, 1, 16, tzinfo=UTC))
    runs = {run["logical_date"][:10]: run for run in ended(api, DAG, 2, run_type="backfill")}
    assert states(api, runs["2013-01-15"]) == {
        **dict.fromkeys(("ingest", "validate", "features"), "success"),
        "announce": "skipped",
    }
    assert set(states(api, runs["2013-01-16"]).values()) == {"skipped"}
    assert runs["2013-01-16"]["state"] == "success"
    assert tables.partitions(tables.read(spark, "flights", "features")) == [date(2013, 1, 15), YESTERDAY]
    time.sleep(5)
    assert (announced(api), len(api.runs("flights_monitoring"))) == before


@pytest.mark.parametrize(
    ("conf", "says"),
    [
        ({}, "no data interval"),
        ({"start": "2013-01-15", "end": "2013-01-14"}, "lies before start"),
    ],
)
def test_a_run_without_days_is_refused_before_anything_starts(
    api: AirflowApi, spark: SparkSession, root: Path, conf: Json, says: str
) -> None:
    before = tables.version("flights", "bronze")
    run_id = api.trigger(DAG, conf)
    runs = ended(api, DAG, 1, run_type="manual")
    run = next(run for run in runs if run["dag_run_id"] == run_id)
    assert run["state"] == "failed"
    (ingest,) = [one for one in api.tasks(DAG, run_id) if one["task_id"] == "ingest"]
    assert (ingest["state"], ingest["try_number"]) == ("failed", 1), "a mistake of the form is not retried"
    log = next((servers.home() / "airflow" / "logs").rglob(f"run_id={run_id}/task_id=ingest/*.log"))
    assert says in log.read_text()
    assert tables.version("flights", "bronze") == before


def test_a_day_that_is_no_day_is_refused_by_airflow_itself(api: AirflowApi) -> None:
    from updraft.core.errors import UpdraftError

    with pytest.raises(UpdraftError, match="400"):
        api.trigger(DAG, {"start": "yesterday"})


def test_the_servers_ask_for_a_password_and_listen_on_loopback_only(running: servers.Servers, api: AirflowApi) -> None:
    assert httpx.get(f"{running.airflow}/api/v2/dags").status_code == 401
    assert httpx.get(f"{running.mlflow}/api/2.0/mlflow/experiments/search?max_results=5").status_code == 401
    family = [psutil.Process(pid) for pid, _ in running.processes.values()]
    family += [child for process in family for child in process.children(recursive=True)]
    listening = {
        connection.laddr.ip
        for process in family
        if process.is_running()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening
    assert listening <= {"127.0.0.1", "::1"}


def test_no_secret_is_readable_by_others_or_in_a_log(running: servers.Servers, api: AirflowApi) -> None:
    from updraft.cli.secrets import local_secrets

    home = servers.home()
    for name in ("secrets.json", "airflow_passwords.json", "mlflow_auth.ini"):
        assert (home / name).stat().st_mode & 0o077 == 0
    logs = [path for path in home.rglob("*.log") if path.is_file()]
    assert logs
    secrets = local_secrets(home).values()
    assert [path for path in logs if any(one in path.read_text(errors="replace") for one in secrets)] == []


def test_down_ends_what_up_has_started(running: servers.Servers) -> None:
    """Last in this file: it ends the servers of the others."""
    pids = [pid for pid, _ in running.processes.values()]
    assert set(servers.stop()) == set(running.processes)
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)
    assert servers.stop() == []
