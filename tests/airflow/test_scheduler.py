"""The real Airflow: its scheduler, its API, its own runs."""

import time
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import psutil
import pytest
from pyspark.sql import SparkSession

from tests.airflow.conftest import DAG, YESTERDAY, ended, states
from updraft.cli import servers
from updraft.cli.airflow_api import AirflowApi, Json
from updraft.core.errors import UpdraftError
from updraft.data import tables

pytestmark = pytest.mark.timeout(900)


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
    ("dag_id", "conf", "says"),
    [
        (DAG, {}, "no data interval"),
        (DAG, {"start": "2013-01-15", "end": "2013-01-14"}, "lies before start"),
        (DAG, {"start": "2013-01-15", "end": "2999-01-01"}, "lies in the future"),
        (DAG, {"strat": "2013-01-15"}, "Did you mean 'start'?"),
        ("flights_training", {"method": "grid", "trails": 3}, "Did you mean 'trials'?"),
        ("flights_training", {"method": "grid"}, "use random or tpe"),
    ],
)
def test_b21_a_wrong_form_is_refused_before_anything_starts(
    api: AirflowApi, spark: SparkSession, root: Path, dag_id: str, conf: Json, says: str
) -> None:
    before = tables.version("flights", "bronze")
    api.pause(dag_id, False)
    run_id = api.trigger(dag_id, conf)
    runs = ended(api, dag_id, 1, run_type="manual")
    run = next(run for run in runs if run["dag_run_id"] == run_id)
    assert run["state"] == "failed"
    first, *others = api.tasks(dag_id, run_id)
    assert (first["state"], first["try_number"]) == ("failed", 1), "a mistake of the form is not retried"
    assert {one["state"] for one in others} == {"upstream_failed"}
    log = next((servers.home() / "airflow" / "logs").rglob(f"run_id={run_id}/task_id={first['task_id']}/*.log"))
    assert says in log.read_text()
    assert "spark-submit" not in log.read_text()
    assert tables.version("flights", "bronze") == before
    assert not (root / "reports" / dag_id / run_id).exists()


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
        ("flights_rollback", {"to": 1}),
        ("flights_rollback", {"to": 1, "reason": ""}),
    ],
)
def test_b21_a_value_that_does_not_fit_is_refused_by_airflow_itself(api: AirflowApi, dag_id: str, conf: Json) -> None:
    before = len(api.runs(dag_id))
    with pytest.raises(UpdraftError, match="400"):
        api.trigger(dag_id, conf)
    assert len(api.runs(dag_id)) == before


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
