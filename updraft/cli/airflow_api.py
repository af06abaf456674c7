"""Airflow's REST API, as far as the commands need it: the same doors that the UI uses."""

import time
from datetime import datetime
from typing import Any

import httpx

from updraft.cli.secrets import local_secrets
from updraft.cli.servers import Servers, home
from updraft.core.errors import UpdraftError

Json = dict[str, Any]
ENDED = ("success", "failed")
BUSY_TRIES = 60


class AirflowApi:
    """A client of the running Airflow, logged in as its administrator."""

    def __init__(self, servers: Servers) -> None:
        self.client = httpx.Client(base_url=servers.airflow, timeout=60)
        login = {"username": "admin", "password": local_secrets(home())["airflow_password"]}
        answer = self.client.post("/auth/token", json=login)
        if answer.status_code != 201:
            raise UpdraftError(
                f"Airflow at {servers.airflow}: login refused ({answer.status_code}). Run `make down`, then try again."
            )
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, method: str, path: str, **arguments: Any) -> Json:
        try:
            answer = self.client.request(method, f"/api/v2{path}", **arguments)
        except httpx.HTTPError as error:
            raise UpdraftError(f"Airflow does not answer {method} {path}: {error!r}. See {home() / 'logs'}.") from None
        if answer.is_error:
            raise UpdraftError(f"Airflow refused {method} {path} ({answer.status_code}): {answer.text[:500]}")
        content: Json = answer.json() if answer.content else {}
        return content

    def has_dag(self, dag_id: str) -> bool:
        return self.client.get(f"/api/v2/dags/{dag_id}").status_code == 200

    def pause(self, dag_id: str, paused: bool) -> None:
        self.call("PATCH", f"/dags/{dag_id}", json={"is_paused": paused})

    def trigger(self, dag_id: str, conf: Json) -> str:
        """Start a run without a logical date and return its id."""
        return str(self.call("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf})["dag_run_id"])

    def backfill(self, dag_id: str, first: datetime, last: datetime) -> int:
        """Start a backfill of the intervals from ``first`` to ``last``, done ones again, and return its id."""
        body = {
            "dag_id": dag_id,
            "from_date": first.isoformat(),
            "to_date": last.isoformat(),
            "reprocess_behavior": "completed",
            "max_active_runs": 4,
        }
        for _ in range(BUSY_TRIES):
            # On SQLite Airflow answers 503 when its scheduler happens to write at that moment.
            answer = self.client.post("/api/v2/backfills", json=body)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(1)
        if answer.is_error:
            raise UpdraftError(f"Airflow refused the backfill ({answer.status_code}): {answer.text[:500]}")
        return int(answer.json()["id"])

    def runs(self, dag_id: str, **query: Any) -> list[Json]:
        """The runs of a DAG, newest first."""
        found: list[Json] = self.call("GET", f"/dags/{dag_id}/dagRuns", params={"order_by": "-id", "limit": 100, **query})[
            "dag_runs"
        ]
        return found

    def run(self, dag_id: str, run_id: str) -> Json:
        return self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")

    def tasks(self, dag_id: str, run_id: str) -> list[Json]:
        """The task instances of a run, in the order in which they started."""
        found: list[Json] = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return sorted(found, key=lambda one: one["start_date"] or "9")
