"""Local servers: two systems at once, what a killed server leaves, what a failure means."""

import http.server
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest
from mlflow.tracking import MlflowClient

from tests.cli.test_run import processes, updraft
from tests.conftest import environment, free_port
from updraft.cli import servers
from updraft.cli.secrets import local_secrets
from updraft.core.errors import UpdraftError
from updraft.core.use_case import UseCase
from updraft.core.waiting import wait_for
from updraft.models.tracking import connect

START = """
from updraft.cli import servers
running = servers.start(lambda text: None, airflow=False)
print(running.mlflow, flush=True)
input()
servers.stop()
"""


@pytest.fixture
def two_roots(tmp_path: Path) -> Iterator[list[Path]]:
    roots = [tmp_path / "one", tmp_path / "two"]
    for root in roots:
        root.mkdir()
    yield roots
    for root in roots:
        with environment({"UPDRAFT_ROOT": str(root)}):
            servers.stop()


def test_two_systems_that_start_at_once_have_their_own_servers(two_roots: list[Path]) -> None:
    """(08.23) Each knows its own password alone; what they keep is private (08.24)."""
    starting = [
        subprocess.Popen(
            [sys.executable, "-c", START],
            env={**os.environ, "UPDRAFT_ROOT": str(root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for root in two_roots
    ]
    addresses = [process.stdout.readline().strip() for process in starting if process.stdout]
    assert len(set(addresses)) == 2
    for address, root in zip(addresses, two_roots, strict=True):
        for own in two_roots:
            password = local_secrets(own / "servers")["mlflow_password"]
            response = httpx.get(
                f"{address}/api/2.0/mlflow/experiments/search",
                params={"max_results": 1},
                auth=("admin", password),
            )
            assert (response.status_code == httpx.codes.OK) == (own == root)
        assert root.stat().st_mode & 0o077 == 0
    for process in starting:
        process.communicate("\n", timeout=60)
    assert [processes(root) for root in two_roots] == [[], []]


WORKER = """
import time
from setproctitle import setproctitle
setproctitle("airflow worker -- LocalExecutor")
time.sleep(60)
"""


def test_what_a_killed_server_leaves_is_ended(root: Path) -> None:
    """(08.33) Workers whose parent was killed with SIGKILL have another parent since.

    Airflow's workers also set their titles, which would overwrite their environment.
    """
    running = servers.start(lambda text: None, airflow=False)
    interrupted = replace(running, airflow="http://127.0.0.1:1")
    assert running.running
    assert not interrupted.running, "Airflow's parts never started"
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        env={**servers.environment("", running.mlflow), servers.MARK: running.mark},
    )
    try:
        wait_for(lambda: titles(worker.pid) or None, seconds=20, every=0.1)
        (pid, _) = running.processes["mlflow"]
        children = psutil.Process(pid).children(recursive=True)
        assert children
        os.kill(pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)
        assert processes(root)
    finally:
        servers.stop()
    assert processes(root) == []
    assert not psutil.pid_exists(worker.pid)


def titles(pid: int) -> bool:
    """Whether a process has set its title."""
    return b"airflow worker" in Path(f"/proc/{pid}/cmdline").read_bytes()


class Handler(http.server.BaseHTTPRequestHandler):
    """A web server that is not MLflow."""

    def do_GET(self) -> None:
        self.send_error(404)

    do_POST = do_GET  # noqa: N815  # The name that http.server calls.

    def log_message(self, *_: object) -> None:
        pass


def test_a_failed_connection_says_what_is_wrong(
    root: Path, flights: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(08.23) A refused password, a deleted experiment, another server, and none."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    running = servers.start(lambda text: None, airflow=False)
    password = local_secrets(servers.home())["mlflow_password"]
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
    try:
        with environment({"UPDRAFT_ROOT": str(root), "MLFLOW_TRACKING_URI": running.mlflow}):
            client: MlflowClient = connect(flights)
            experiment = client.get_experiment_by_name("flights")
            assert experiment
            client.delete_experiment(experiment.experiment_id)
            with pytest.raises(UpdraftError, match="the experiment flights has been deleted"):
                connect(flights)
            monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong-password")
            with pytest.raises(UpdraftError, match="it refuses the user or the password"):
                connect(flights)
    finally:
        servers.stop()
    other = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    addresses = {
        f"http://127.0.0.1:{other.server_port}": "what answers there is not MLflow",
        f"http://127.0.0.1:{free_port()}": "no answer. Start it",
    }
    for address, message in addresses.items():
        with (
            environment({"UPDRAFT_ROOT": str(root), "MLFLOW_TRACKING_URI": address}),
            pytest.raises(UpdraftError, match=message),
        ):
            connect(flights)
    other.shutdown()


def test_brackets_in_a_message_are_text(root: Path) -> None:
    completed = updraft("history", "flights", "--at", "[/x]")
    assert completed.returncode == 1
    assert "'[/x]'" in completed.stdout
    assert "Traceback" not in completed.stderr
