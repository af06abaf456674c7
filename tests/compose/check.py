"""`make test-compose`: docker-compose.yaml for real, from an empty Docker to a champion in MLflow.

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
# Fewer than in `make demo`: there LightGBM wins the search, here the logistic regression, so its export is tried as well.
DAYS = {"start": "2013-01-01", "end": "2013-02-14"}
FILES, ROWS = 45, 39_226
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
        self.run_ids: dict[str, str] = {}

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
        expect(f"{FILES} files laid" in said, said)

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

    def run_dag(self, dag: str, conf: dict[str, str], seconds: int) -> dict[str, str]:
        """Start a run of a DAG and wait until it has ended well; return its tasks' states."""
        self.airflow.patch(f"/api/v2/dags/{dag}", json={"is_paused": False}).raise_for_status()
        runs = f"/api/v2/dags/{dag}/dagRuns"
        started = self.airflow.post(runs, json={"logical_date": None, "conf": conf}).raise_for_status().json()
        run = f"{runs}/{started['dag_run_id']}"

        def ended() -> str:
            state = str(self.airflow.get(run).raise_for_status().json()["state"])
            return state if state in ("success", "failed") else ""

        state = until(f"the end of the run of {dag}", ended, seconds)
        tasks = self.airflow.get(f"{run}/taskInstances").raise_for_status().json()["task_instances"]
        states = {task["task_id"]: task["state"] for task in tasks}
        failed = [(task["task_id"], task["try_number"]) for task in tasks if task["state"] == "failed"]
        said = [self.log(f"{run}/taskInstances/{task}", attempt) for task, attempt in failed]
        expect(state == "success", "\n".join([f"{dag}: {state}: {states}", *said]))
        self.run_ids[dag] = started["dag_run_id"]
        return states

    def log(self, task: str, attempt: int, lines: int = 30) -> str:
        """The last lines of a task's log, as a person sees them in Airflow."""
        answer = self.airflow.get(f"{task}/logs/{attempt}").raise_for_status()
        return "\n".join(line["event"] for line in answer.json()["content"][-lines:])

    def report(self, dag: str, task: str) -> dict[str, Any]:
        """What a task of the run has reported."""
        path = f"/var/lib/updraft/reports/{dag}/{self.run_ids[dag]}/{task}.json"
        report: dict[str, Any] = json.loads(self.compose.inside("cat", path))
        return report

    def runs_flights_data(self) -> None:
        states = self.run_dag("flights_data", DAYS, seconds=900)
        expect(set(states.values()) == {"success"}, states)

    def has_the_rows(self) -> None:
        report = self.report("flights_data", "ingest")
        expect(report["rows"] == ROWS, report)

    def shows_the_task_log(self) -> None:
        task = f"/api/v2/dags/flights_data/dagRuns/{self.run_ids['flights_data']}/taskInstances/ingest"
        log = self.log(task, attempt=1, lines=1000)
        expect("spark-submit" in log, log[:500])

    def keeps_mlflow_closed(self) -> None:
        url = f"{self.mlflow}/api/2.0/mlflow/experiments/search?max_results=1"
        seen = [httpx.get(url, auth=auth).status_code for auth in (None, ("admin", "admin"))]
        seen.append(httpx.get(url, auth=("admin", self.secrets["MLFLOW_ADMIN_PASSWORD"])).status_code)
        expect(seen == [401, 401, 200], f"without a password, with a wrong one, with the right one: {seen}")

    def records_in_mlflow(self) -> None:
        said = self.compose.inside("python", "-c", RECORD)
        expect(said.endswith("it arrived"), said)

    def trains_a_first_model(self) -> None:
        states = self.run_dag("flights_training", {}, seconds=1800)
        refused = states.pop("keep_champion")
        expect(refused == "skipped" and set(states.values()) == {"success"}, f"keep_champion: {refused}, {states}")

    def has_a_champion_in_mlflow(self) -> None:
        url = f"{self.mlflow}/api/2.0/mlflow/registered-models/alias"
        admin = ("admin", self.secrets["MLFLOW_ADMIN_PASSWORD"])
        answer = httpx.get(url, params={"name": "flights", "alias": "champion"}, auth=admin)
        expect(answer.is_success and answer.json()["model_version"]["version"] == "1", answer.text)

    def has_the_predictions(self) -> None:
        report = self.report("flights_training", "score")
        expect(report["champion"] == 1 and report["last"] == DAYS["end"] and report["rows"] > 0, report)

    def steps(self) -> list[Callable[[], None]]:
        return [
            *(self.refuses_to_start_without_passwords, self.makes_private_passwords, self.builds_the_image),
            *(self.starts, self.is_healthy, self.listens_on_loopback_alone, self.runs_as_an_ordinary_user),
            *(self.lays_the_sample, self.lets_in_the_administrator_alone, self.loads_the_dags, self.runs_flights_data),
            *(self.has_the_rows, self.shows_the_task_log, self.keeps_mlflow_closed, self.records_in_mlflow),
            *(self.trains_a_first_model, self.has_a_champion_in_mlflow, self.has_the_predictions),
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
