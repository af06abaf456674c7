"""`make test-compose`: docker-compose.yaml for real, from an empty Docker to a champion in MLflow.

It is not part of the pytest suite, because it needs Docker, some gigabytes and minutes. It uses its
own project name, passwords and ports, so it disturbs no system that runs from the same file. In the
end it removes all that it has made but the image.
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

from updraft.core.waiting import wait_for

REPO = Path(__file__).parents[2]
DOCKER = shutil.which("docker")
PROJECT = "updraft-test"
# Fewer than in `make demo`: there LightGBM wins the search, here the logistic regression, so that
# its export is tested as well.
DAYS = {"start": "2013-01-01", "end": "2013-02-14"}
FILES = 45
ROWS = 39_226
# What a training task does with MLflow, on a small scale: a run, and a file that goes through the
# server into its volume.
RECORD = """
import mlflow
mlflow.set_experiment("compose")
with mlflow.start_run() as run:
    mlflow.log_text("it arrived", "note.txt")
print(mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/note.txt"))
"""


class CheckError(Exception):
    """A step did not do what it should; the text says what was seen."""


def expect(condition: object, otherwise: object) -> None:
    """Raise an error that says ``otherwise``, if a condition does not hold."""
    if not condition:
        raise CheckError(str(otherwise))


class Compose:
    """`docker compose` with the test's own project, passwords and ports."""

    def __init__(self, env_file: Path, ports: dict[str, str]) -> None:
        options = ["--project-name", PROJECT, "--env-file", str(env_file)]
        self.command = [str(DOCKER), "compose", *options]
        self.env = {**os.environ, **ports}

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*self.command, *arguments],
            check=False,
            cwd=REPO,
            env=self.env,
            capture_output=True,
            text=True,
        )
        if check and done.returncode:
            last_lines = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
            raise CheckError(
                f"docker compose {' '.join(arguments)} ended with exit code {done.returncode}:\n"
                f"{last_lines}"
            )
        return done

    def inside(self, *command: str) -> str:
        """Run a command in the scheduler's container, where the tasks run; return its output."""
        return self.run("exec", "-T", "airflow-scheduler", *command).stdout.strip()

    def containers(self) -> dict[str, dict[str, Any]]:
        lines = self.run("ps", "--all", "--format", "json").stdout.splitlines()
        containers = [json.loads(line) for line in lines]
        return {container["Service"]: container for container in containers}


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def wait_until(event: str, ready: Callable[[], Any], seconds: int) -> Any:
    """Ask every second until the answer is true; return it."""

    def answer() -> Any:
        try:
            return ready() or None
        except httpx.TransportError:
            return None

    result = wait_for(answer, seconds=seconds, every=1)
    if result is None:
        raise CheckError(f"{event}: not within {seconds} s")
    return result


class Check:
    """The steps, in order; each is one method and one line of output."""

    def __init__(self, folder: Path) -> None:
        self.ports = {"AIRFLOW_PORT": free_port(), "MLFLOW_PORT": free_port()}
        self.env_file = folder / ".env"
        self.compose = Compose(self.env_file, self.ports)
        self.mlflow = f"http://127.0.0.1:{self.ports['MLFLOW_PORT']}"
        airflow = f"http://127.0.0.1:{self.ports['AIRFLOW_PORT']}"
        self.airflow = httpx.Client(base_url=airflow, timeout=30)
        self.run_ids: dict[str, str] = {}

    @property
    def secrets(self) -> dict[str, str]:
        lines = self.env_file.read_text().splitlines()
        settings = [line for line in lines if "=" in line and not line.startswith("#")]
        return dict(line.split("=", 1) for line in settings)

    def refuses_to_start_without_passwords(self) -> None:
        done = Compose(Path(os.devnull), self.ports).run("config", "--quiet", check=False)
        is_refused = done.returncode and "run deploy/make-env.sh" in done.stderr
        expect(is_refused, done.stdout + done.stderr)

    def makes_private_passwords(self) -> None:
        make = [str(REPO / "deploy/make-env.sh"), str(self.env_file)]
        subprocess.run(make, check=True, capture_output=True)
        mode = self.env_file.stat().st_mode
        expect(mode & 0o777 == 0o600, oct(mode))
        content = self.env_file.read_text()
        second = subprocess.run(make, check=False, capture_output=True)
        is_unchanged = second.returncode == 1 and self.env_file.read_text() == content
        expect(is_unchanged, "make-env.sh wrote over an existing file")

    def builds_the_image(self) -> None:
        self.compose.run("build")

    def starts(self) -> None:
        self.compose.run("up", "--detach")

    def is_healthy(self) -> None:
        def healthy() -> bool:
            containers = self.compose.containers()
            states = {name: each["Health"] or each["State"] for name, each in containers.items()}
            is_initialised = states.pop("airflow-init", "") == "exited"
            return is_initialised and set(states.values()) == {"healthy"} and len(states) == 6

        wait_until("every service healthy", healthy, seconds=300)

    def listens_on_loopback_alone(self) -> None:
        ports: list[dict[str, Any]] = []
        for container in self.compose.containers().values():
            ports += container["Publishers"] or []
        addresses = {port["URL"] for port in ports if port["PublishedPort"]}
        expect(addresses == {"127.0.0.1"}, addresses)

    def runs_as_an_ordinary_user(self) -> None:
        expect(self.compose.inside("id", "-u") == "10001", "the tasks run as another user")

    def writes_the_sample(self) -> None:
        days = ["--start", DAYS["start"], "--end", DAYS["end"]]
        output = self.compose.inside("updraft", "sample", "flights", *days)
        expect(f"{FILES} files written" in output, output)

    def lets_in_the_administrator_alone(self) -> None:
        self.airflow.headers.pop("Authorization", None)
        answer = self.airflow.get("/api/v2/dags")
        expect(answer.status_code == 401, "Airflow answers without a password")
        login = {"username": "admin", "password": "admin"}
        answer = self.airflow.post("/auth/token", json=login)
        expect(answer.status_code == 401, "Airflow accepts the password admin")
        login["password"] = self.secrets["AIRFLOW_ADMIN_PASSWORD"]
        answer = self.airflow.post("/auth/token", json=login)
        expect(answer.status_code == 201, f"Airflow refused the password: {answer.status_code}")
        self.airflow.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def loads_the_dags(self) -> None:
        dag = "/api/v2/dags/flights_data"
        wait_until("flights_data", lambda: self.airflow.get(dag).is_success, seconds=120)
        errors = self.airflow.get("/api/v2/importErrors").json()
        expect(errors["total_entries"] == 0, errors)

    def run_dag(self, dag: str, conf: dict[str, str], seconds: int) -> dict[str, str]:
        """Start a run of a DAG and wait for its success; return its tasks' states."""
        self.airflow.patch(f"/api/v2/dags/{dag}", json={"is_paused": False}).raise_for_status()
        runs = f"/api/v2/dags/{dag}/dagRuns"
        answer = self.airflow.post(runs, json={"logical_date": None, "conf": conf})
        started = answer.raise_for_status().json()
        run = f"{runs}/{started['dag_run_id']}"

        def ended() -> str:
            state = str(self.airflow.get(run).raise_for_status().json()["state"])
            return state if state in ("success", "failed") else ""

        state = wait_until(f"the end of the run of {dag}", ended, seconds)
        answer = self.airflow.get(f"{run}/taskInstances")
        tasks = answer.raise_for_status().json()["task_instances"]
        states = {task["task_id"]: task["state"] for task in tasks}
        logs = [
            self.log(f"{run}/taskInstances/{task['task_id']}", task["try_number"])
            for task in tasks
            if task["state"] == "failed"
        ]
        expect(state == "success", "\n".join([f"{dag}: {state}: {states}", *logs]))
        self.run_ids[dag] = started["dag_run_id"]
        return states

    def log(self, task: str, attempt: int, lines: int = 30) -> str:
        """Return the last lines of a task's log, as a person sees them in Airflow."""
        answer = self.airflow.get(f"{task}/logs/{attempt}").raise_for_status()
        return "\n".join(line["event"] for line in answer.json()["content"][-lines:])

    def report(self, dag: str, task: str) -> dict[str, Any]:
        """Return what a task of the run has reported."""
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
        run = f"/api/v2/dags/flights_data/dagRuns/{self.run_ids['flights_data']}"
        log = self.log(f"{run}/taskInstances/ingest", attempt=1, lines=1000)
        expect("spark-submit" in log, log[:500])

    def keeps_mlflow_closed(self) -> None:
        url = f"{self.mlflow}/api/2.0/mlflow/experiments/search?max_results=1"
        right = ("admin", self.secrets["MLFLOW_ADMIN_PASSWORD"])
        logins = {"none": None, "a wrong one": ("admin", "admin"), "the right one": right}
        codes = {name: httpx.get(url, auth=login).status_code for name, login in logins.items()}
        expect(list(codes.values()) == [401, 401, 200], f"answers by password: {codes}")

    def records_in_mlflow(self) -> None:
        output = self.compose.inside("python", "-c", RECORD)
        expect(output.endswith("it arrived"), output)

    def trains_a_first_model(self) -> None:
        states = self.run_dag("flights_training", {}, seconds=1800)
        refusal = states.pop("keep_champion")
        is_promoted = refusal == "skipped" and set(states.values()) == {"success"}
        expect(is_promoted, f"keep_champion: {refusal}, {states}")

    def has_a_champion_in_mlflow(self) -> None:
        url = f"{self.mlflow}/api/2.0/mlflow/registered-models/alias"
        admin = ("admin", self.secrets["MLFLOW_ADMIN_PASSWORD"])
        answer = httpx.get(url, params={"name": "flights", "alias": "champion"}, auth=admin)
        is_first = answer.is_success and answer.json()["model_version"]["version"] == "1"
        expect(is_first, answer.text)

    def has_the_predictions(self) -> None:
        report = self.report("flights_training", "score")
        is_of_champion = report["champion"] == 1 and report["last"] == DAYS["end"]
        expect(is_of_champion and report["rows"] > 0, report)

    def steps(self) -> list[Callable[[], None]]:
        return [
            self.refuses_to_start_without_passwords,
            self.makes_private_passwords,
            self.builds_the_image,
            self.starts,
            self.is_healthy,
            self.listens_on_loopback_alone,
            self.runs_as_an_ordinary_user,
            self.writes_the_sample,
            self.lets_in_the_administrator_alone,
            self.loads_the_dags,
            self.runs_flights_data,
            self.has_the_rows,
            self.shows_the_task_log,
            self.keeps_mlflow_closed,
            self.records_in_mlflow,
            self.trains_a_first_model,
            self.has_a_champion_in_mlflow,
            self.has_the_predictions,
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
    reason = why_not()
    if reason:
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
                down = ["down", "--volumes", "--timeout", "20"]
                timed("removes it all", lambda: check.compose.run(*down))
    print("docker-compose.yaml works.")


if __name__ == "__main__":
    main()
