"""A DAG run without a scheduler, in a real Airflow: retries, branches, runs made by other DAGs."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import environment
from updraft.cli import servers
from updraft.core.settings import REPO

DAGS = """
from datetime import timedelta
from pathlib import Path
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

HERE = Path(__file__).parent

with DAG("first", schedule=None):

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def flaky():
        if get_current_context()["ti"].try_number == 1:
            raise ValueError("the first try fails")

    @task.branch
    def choose():
        return "go" if get_current_context()["dag_run"].conf.get("go") else "stay"

    @task
    def stay():
        pass

    go = TriggerDagRunOperator(
        task_id="go",
        trigger_dag_id="second",
        trigger_run_id="made__{{ run_id }}",
        conf={"word": "passed on"},
    )
    branch = choose()
    flaky() >> branch >> [go, stay()]

with DAG("second", schedule=None):

    @task
    def note():
        run = get_current_context()["dag_run"]
        (HERE / "note.txt").write_text(f"{run.run_id} {run.conf['word']}")

    @task
    def nothing():
        raise AirflowSkipException("there is nothing to do")

    note() >> nothing()

with DAG("third", schedule=None):

    @task(retries=0)
    def fails():
        raise ValueError("always")

    @task
    def after():
        (HERE / "after.txt").write_text("must not exist")

    fails() >> after()
"""


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("dag_run")
    folder = root / "dags"
    folder.mkdir()
    (folder / "three.py").write_text(DAGS)
    with environment({"UPDRAFT_ROOT": str(root), "AIRFLOW__CORE__DAGS_FOLDER": str(folder)}):
        servers._migrate(servers.environment("", ""))
        yield folder


def run(dag_id: str, run_id: str, **conf: object) -> tuple[int, list[tuple[str, str]]]:
    """Run a DAG; return the exit code and the states of its tasks as they were reported."""
    command = [sys.executable, "-m", "updraft.cli.dag_run", dag_id, run_id, json.dumps(conf)]
    completed = subprocess.run(
        command,
        env=servers.environment("", ""),
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    events = [json.loads(line) for line in completed.stdout.splitlines()]
    return completed.returncode, [(event["task"], event["state"]) for event in events]


def test_a_run_is_retried_branches_and_makes_one_that_is_continued(dags: Path) -> None:
    flaky = [
        ("flaky", "running"),
        ("flaky", "up_for_retry"),
        ("flaky", "running"),
        ("flaky", "success"),
    ]
    branch = [("choose", "running"), ("choose", "success"), ("go", "running"), ("go", "success")]
    assert run("first", "run__1", go=True) == (0, [*flaky, *branch])
    assert not (dags / "note.txt").exists()  # The second run exists, but has not been run.
    second = [
        ("note", "running"),
        ("note", "success"),
        ("nothing", "running"),
        ("nothing", "skipped"),
    ]
    assert run("second", "made__run__1") == (0, second)
    assert (dags / "note.txt").read_text() == "made__run__1 passed on"


def test_a_run_that_has_ended_is_not_repeated(dags: Path) -> None:
    assert run("first", "run__2")[0] == 0
    assert run("first", "run__2") == (0, [])


def test_a_failed_task_fails_the_run_and_stops_what_comes_after(dags: Path) -> None:
    assert run("third", "run__1") == (1, [("fails", "running"), ("fails", "failed")])
    assert not (dags / "after.txt").exists()
