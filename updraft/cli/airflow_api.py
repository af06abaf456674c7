"""Airflow's REST API, as far as the commands need it: the same interface that the UI uses."""

from contextlib import suppress
from datetime import datetime
from typing import Any

import httpx

from updraft.cli.secrets import local_secrets
from updraft.cli.servers import Servers, home
from updraft.core.errors import UpdraftError
from updraft.core.waiting import wait_for

Json = dict[str, Any]
ENDED = ("success", "failed")
BUSY_SECONDS = 60
BUSY = (httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.CONFLICT)


class AirflowApi:
    """A client of the running Airflow, logged in as its administrator."""

    def __init__(self, servers: Servers) -> None:
        self.client = httpx.Client(base_url=servers.airflow, timeout=60)
        login = {"username": "admin", "password": local_secrets(home())["airflow_password"]}
        response = self.client.post("/auth/token", json=login)
        if response.status_code != httpx.codes.CREATED:
            raise UpdraftError(
                f"Airflow at {servers.airflow}: login refused ({response.status_code}). "
                "Run `make down`, then try again."
            )
        self.client.headers["Authorization"] = f"Bearer {response.json()['access_token']}"

    def call(self, method: str, path: str, **arguments: Any) -> Json:
        """Send a request and return the content of its response.

        What only reads is asked again while Airflow is busy.

        Raises:
            UpdraftError: Airflow does not answer, or refuses the request.
        """

        def response_unless_busy() -> httpx.Response | None:
            response = self.client.request(method, f"/api/v2{path}", **arguments)
            return None if method == "GET" and response.is_server_error else response

        try:
            response = wait_for(response_unless_busy, seconds=BUSY_SECONDS, every=1)
        except httpx.HTTPError as error:
            raise UpdraftError(
                f"Airflow does not answer {method} {path}: {error!r}. See {home() / 'logs'}."
            ) from None
        if response is None:
            raise UpdraftError(
                f"Airflow was too busy for {method} {path} for {BUSY_SECONDS} s. "
                f"See {home() / 'logs'}, and try again."
            )
        if response.is_error:
            raise UpdraftError(
                f"Airflow refused {method} {path} ({response.status_code}): "
                f"{response.text[:500]}. See {home() / 'logs'}."
            )
        content: Json = response.json() if response.content else {}
        return content

    def has_dag(self, dag_id: str) -> bool:
        return self.client.get(f"/api/v2/dags/{dag_id}").status_code == httpx.codes.OK

    def pause(self, dag_id: str, paused: bool) -> None:
        self.call("PATCH", f"/dags/{dag_id}", json={"is_paused": paused})

    def trigger(self, dag_id: str, conf: Json) -> str:
        """Start a run without a logical date and return its id."""
        body = {"logical_date": None, "conf": conf}
        return str(self.call("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def backfill(self, dag_id: str, first: datetime, last: datetime) -> int:
        """Start a backfill of the intervals from ``first`` to ``last`` and return its id.

        Intervals that have been run are run again.
        """
        body = {
            "dag_id": dag_id,
            "from_date": first.isoformat(),
            "to_date": last.isoformat(),
            "reprocess_behavior": "completed",
            "max_active_runs": 4,
        }

        before = {entry["id"] for entry in self._running_backfills(dag_id)}

        def response_unless_busy() -> httpx.Response | None:
            # On SQLite Airflow answers 503 when its scheduler is writing at the same time. It may
            # have made the backfill without its runs by then, and refuses a second one for ever.
            # A backfill whose runs have ended counts as running for another half minute.
            try:
                response = self.client.post("/api/v2/backfills", json=body)
            except httpx.TimeoutException:
                response = httpx.Response(httpx.codes.SERVICE_UNAVAILABLE)
            if response.status_code not in BUSY:
                return response
            for entry in self._running_backfills(dag_id):
                days = (entry["from_date"], entry["to_date"])
                is_half_made = tuple(map(datetime.fromisoformat, days)) == (first, last)
                if entry["id"] not in before and is_half_made:
                    with suppress(httpx.TimeoutException):  # It is tried again.
                        self.client.put(f"/api/v2/backfills/{entry['id']}/cancel")
            return None

        response = wait_for(response_unless_busy, seconds=BUSY_SECONDS, every=1)
        if response is None:
            raise UpdraftError(self._why_busy(dag_id))
        if response.is_error:
            raise UpdraftError(
                f"Airflow refused the backfill ({response.status_code}): "
                f"{response.text[:500]}. See {home() / 'logs'}."
            )
        return int(response.json()["id"])

    def _why_busy(self, dag_id: str) -> str:
        for entry in self._running_backfills(dag_id):
            return (
                f"Airflow refused the backfill of {dag_id} (409): its backfill {entry['id']} of "
                f"{entry['from_date'][:10]} to {entry['to_date'][:10]} is running. Wait until it "
                "has ended, or cancel it on the page of the DAG."
            )
        return (
            f"Airflow refused the backfill of {dag_id} (503): its database was busy for "
            f"{BUSY_SECONDS} s. Try again when the scheduler is idle."
        )

    def _running_backfills(self, dag_id: str) -> list[Json]:
        content = self.call("GET", "/backfills", params={"dag_id": dag_id, "order_by": "-id"})
        return [entry for entry in content["backfills"] if entry["completed_at"] is None]

    def runs(self, dag_id: str, **query: Any) -> list[Json]:
        """Return the runs of a DAG, newest first."""
        parameters = {"order_by": "-id", "limit": 100, **query}
        content = self.call("GET", f"/dags/{dag_id}/dagRuns", params=parameters)
        runs: list[Json] = content["dag_runs"]
        return runs

    def run(self, dag_id: str, run_id: str) -> Json:
        return self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")

    def tasks(self, dag_id: str, run_id: str) -> list[Json]:
        """Return the task instances of a run, in the order in which they started."""
        content = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
        tasks: list[Json] = content["task_instances"]
        return sorted(tasks, key=lambda task: task["start_date"] or "9")
