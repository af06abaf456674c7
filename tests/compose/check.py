"""`make test-compose`: docker-compose.yaml for real, from an empty Docker to two days of flights in the tables.

It is apart from pytest, because it needs Docker, some gigabytes and minutes. It uses its own project name, passwords and
ports, so it disturbs no system that runs from the same file. In the end it removes all that it has made but the image.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

REPO = Path(__file__).parents[2]
DOCKER = shutil.which("docker")
PROJECT = "updraft-test"
DAYS = {"start": "2013-01-01", "end": "2013-01-02"}
ROWS = 842 + 943
# What a training task does with MLflow, in small: a run, and a file that goes through the server into its volume.
RECORD = """
import mlflow
mlflow.set_experiment("compose")
with mlflow.start_run() as run:
    mlflow.log_text("it arrived", "note.txt")
print(mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/note.txt"))
"""


class CheckError(Exception):
    """A step did not do what it should; the text says what was seen."""


def expect(fact: object, seen: object) -> None:
    if not fact:
        raise CheckError(str(seen))


class Compose:
    """`docker compose` with the test's own project, passwords and ports."""

    def __init__(self, env_file: Path, ports: dict[str, str]) -> None:
        self.command = [str(DOCKER), "compose", "--project-name", PROJECT, "--env-file", str(env_file)]
        self.env = {**os.environ, **ports}

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*self.command, *arguments], check=False, cwd=REPO, env=self.env, capture_output=True, text=True)
        if check and done.returncode:
            said = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
            raise CheckError(f"docker compose {' '.join(arguments)} ended with exit code {done.returncode}:\n{said}")
        return done

    def inside(self, *command: str) -> str:
        """Run a command in the scheduler's container, where the tasks run; return what it prints."""
        return self.run("exec", "-T", "airflow-scheduler", *command).stdout.strip()

    def containers(self) -> dict[str, dict[str, Any]]:
        lines = self.run("ps", "--all", "--format", "json").stdout.splitlines()
        return {one["Service"]: one for one in map(json.loads, lines)}


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def until(what: str, ready: Callable[[], Any], seconds: int) -> Any:
    """Ask every second until the answer is true; return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if answer := ready():
                return answer
        except httpx.TransportError:
            pass
        time.sleep(1)
    raise CheckError(f"{what}: not within {seconds} s")


class Check:
    """The steps, in order; each is one method and one line of output."""

    def __init__(self, folder: Path) -> None:
        self.ports = {"AIRFLOW_PORT": free_port(), "MLFLOW_PORT": free_port()}
        self.env_file = folder / ".env"
        self.compose = Compose(self.env_file, self.ports)
        self.mlflow = f"http://127.0.0.1:{self.ports['MLFLOW_PORT']}"
        self.airflow = httpx.Client(base_url=f"http://127.0.0.1:{self.ports['AIRFLOW_PORT']}", timeout=30)
        self.run_id = ""

    @property
    def secrets(self) -> dict[str, str]:
        lines = self.env_file.read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))

    def refuses_to_start_without_passwords(self) -> None:
        done = Compose(Path(os.devnull), self.ports).run("config", "--quiet", check=False)
        expect(done.returncode and "run deploy/make-env.sh" in done.stderr, done.stdout + done.stderr)

    def makes_private_passwords(self) -> None:
        make = [str(REPO / "deploy/make-env.sh"), str(self.env_file)]
        subprocess.run(make, check=True, capture_output=True)
        expect(self.env_file.stat().st_mode & 0o777 == 0o600, oct(self.env_file.stat().st_mode))
        first = self.env_file.read_text()
        again = subprocess.run(make, check=False, capture_output=True)
        expect(again.returncode == 1 and self.env_file.read_text() == first, "make-env.sh wrote over an existing file")

    def builds_the_image(self) -> None:
        self.compose.run("build")

    def starts(self) -> None:
        self.compose.run("up", "--detach")

    def is_healthy(self) -> None:
        def healthy() -> bool:
            state = {name: one["Health"] or one["State"] for name, one in self.compose.containers().items()}
            return state.pop("airflow-init", "") == "exited" and set(state.values()) == {"healthy"} and len(state) == 6

        until("every service healthy", healthy, seconds=300)

    def listens_on_loopback_alone(self) -> None:
        published = [port for one in self.compose.containers().values() for port in one["Publishers"] or []]
        addresses = {port["URL"] for port in published if port["PublishedPort"]}
        expect(addresses == {"127.0.0.1"}, addresses)

    def runs_as_an_ordinary_user(self) -> None:
        expect(self.compose.inside("id", "-u") == "10001", "the tasks run as another user")

    def lays_the_sample(self) -> None:
        said = self.compose.inside("updraft", "sample", "flights", "--start", DAYS["start"], "--end", DAYS["end"])
        expect("2 files laid" in said, said)

    def lets_in_the_administrator_alone(self) -> None:
        self.airflow.headers.pop("Authorization", None)
        expect(self.airflow.get("/api/v2/dags").status_code == 401, "Airflow answers without a password")
        login = {"username": "admin", "password": "admin"}
        expect(self.airflow.post("/auth/token", json=login).status_code == 401, "Airflow takes the password admin")
        answer = self.airflow.post("/auth/token", json={**login, "password": self.secrets["AIRFLOW_ADMIN_PASSWORD"]})
        expect(answer.status_code == 201, f"Airflow refused the password of .env: {answer.status_code}")
        self.airflow.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def loads_the_dags(self) -> None:
        until("flights_data", lambda: self.airflow.get("/api/v2/dags/flights_data").is_success, seconds=120)
        errors = self.airflow.get("/api/v2/importErrors").json()
        expect(errors["total_entries"] == 0, errors)

    def runs_flights_data(self) -> None:
        self.airflow.patch("/api/v2/dags/flights_data", json={"is_paused": False}).raise_for_status()
        runs = "/api/v2/dags/flights_data/dagRuns"
        self.run_id = self.airflow.post(runs, json={"logical_date": None, "conf": DAYS}).raise_for_status().json()["dag_run_id"]

        def ended() -> str:
            state = str(self.airflow.get(f"{runs}/{self.run_id}").raise_for_status().json()["state"])
            return state if state in ("success", "failed") else ""

        state = until("the run's end", ended, seconds=900)
        tasks = self.airflow.get(f"{runs}/{self.run_id}/taskInstances").raise_for_status().json()["task_instances"]
        states = {task["task_id"]: task["state"] for task in tasks}
        expect(state == "success" and set(states.values()) == {"success"}, f"{state}: {states}")

    def has_the_rows(self) -> None:
        report = json.loads(self.compose.inside("cat", f"/var/lib/updraft/reports/flights_data/{self.run_id}/ingest.json"))
        expect(report["rows"] == ROWS, report)

    def shows_the_task_log(self) -> None:
        log = self.airflow.get(f"/api/v2/dags/flights_data/dagRuns/{self.run_id}/taskInstances/ingest/logs/1")
        expect("spark-submit" in log.raise_for_status().text, log.text[:500])

    def keeps_mlflow_closed(self) -> None:
        url = f"{self.mlflow}/api/2.0/mlflow/experiments/search?max_results=1"
        seen = [httpx.get(url, auth=auth).status_code for auth in (None, ("admin", "admin"))]
        seen.append(httpx.get(url, auth=("admin", self.secrets["MLFLOW_ADMIN_PASSWORD"])).status_code)
        expect(seen == [401, 401, 200], f"without a password, with a wrong one, with the right one: {seen}")

    def records_in_mlflow(self) -> None:
        said = self.compose.inside("python", "-c", RECORD)
        expect(said.endswith("it arrived"), said)

    def steps(self) -> list[Callable[[], None]]:
        return [
            *(self.refuses_to_start_without_passwords, self.makes_private_passwords, self.builds_the_image),
            *(self.starts, self.is_healthy, self.listens_on_loopback_alone, self.runs_as_an_ordinary_user),
            *(self.lays_the_sample, self.lets_in_the_administrator_alone, self.loads_the_dags, self.runs_flights_data),
            *(self.has_the_rows, self.shows_the_task_log, self.keeps_mlflow_closed, self.records_in_mlflow),
        ]


def timed(name: str, step: Callable[[], object]) -> None:
    print(f"{name.replace('_', ' ')} ... ", end="", flush=True)
    start = time.monotonic()
    step()
    print(f"{time.monotonic() - start:.0f} s", flush=True)


def why_not() -> str:
    """Why this machine cannot run the check; empty if it can."""
    if not DOCKER:
        return "there is no docker command"
    if subprocess.run([DOCKER, "version"], check=False, capture_output=True).returncode:
        return "no Docker engine answers `docker version`"
    if subprocess.run([DOCKER, "compose", "version"], check=False, capture_output=True).returncode:
        return "docker has no compose command"
    return ""


def main() -> None:
    if reason := why_not():
        sys.exit(f"docker-compose.yaml was NOT tested: {reason}.")
    with tempfile.TemporaryDirectory() as folder:
        check = Check(Path(folder))
        try:
            for step in check.steps():
                timed(step.__name__, step)
        except (CheckError, httpx.HTTPError) as error:
            print("FAILED")
            if check.env_file.exists():
                print(check.compose.run("logs", "--tail", "30", check=False).stdout)
            sys.exit(f"docker-compose.yaml does not work: {error}")
        finally:
            if check.env_file.exists():
                timed("removes it all", lambda: check.compose.run("down", "--volumes", "--timeout", "20"))
    print("docker-compose.yaml works.")


if __name__ == "__main__":
    main()
