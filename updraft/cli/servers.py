"""Airflow and MLflow on this machine: started together on loopback, ended by process id."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal

import httpx
import psutil
from filelock import FileLock, Timeout

from updraft.cli.retention import remove_old
from updraft.cli.secrets import local_secrets
from updraft.cli.server_settings import airflow_variables, mlflow_auth, mlflow_variables
from updraft.core.errors import UpdraftError
from updraft.core.files import write_atomically
from updraft.core.settings import REPO, settings
from updraft.core.waiting import wait_for

BIN = Path(sys.executable).parent
HOST = "127.0.0.1"
AIRFLOW_PORT = 8080  # This port and the next are used where they are free, else any free port.
MLFLOW_PORT = 5000
START_SECONDS = 180
STOP_SECONDS = 20
ENDED_LAST = ("api-server", "mlflow")
POLL_SECONDS = 0.5
MARK = "UPDRAFT_SERVERS"
AIRFLOW_PARTS = {
    "api-server": ["api-server", "--host", HOST, "--workers", "1"],
    # The log servers would listen on every interface.
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}


@dataclass(frozen=True)
class Servers:
    """The running servers: their addresses and their processes."""

    airflow: str  # Empty where MLflow runs alone.
    mlflow: str
    processes: dict[str, tuple[int, float]]  # name: (process id, the time it was created)
    mark: str  # In the environment of all that they start, whoever is its parent by now.

    @property
    def running(self) -> bool:
        """Whether all of them run; if their start was interrupted, some never did."""
        expected = {"mlflow", *(AIRFLOW_PARTS if self.airflow else ())}
        alive = all(_process(*identity) for identity in self.processes.values())
        return alive and expected <= set(self.processes)


def local_root() -> Path:
    """Return the root as a folder of this machine.

    Raises:
        UpdraftError: the root is in an object store.
    """
    root = settings().location()
    if not root.is_local:
        raise UpdraftError(
            f"UPDRAFT_ROOT: found {root}; the local servers need a folder on this machine. "
            "Unset it."
        )
    return root.local


def home() -> Path:
    """Return the servers' own folder: it holds their databases, logs and secrets."""
    return local_root() / "servers"


def find() -> Servers | None:
    """Return the servers that were started under this root, if all of them are still running."""
    state = home() / "running.json"
    if not state.exists():
        return None
    servers = _read(state)
    return servers if servers.running else None


def start(say: Callable[[str], None], *, airflow: bool = True) -> Servers:
    """Start the servers that are not running yet, and wait until they answer.

    ``airflow``: if false, only MLflow is started, and Airflow gets a database for DAGs that run
    without a scheduler.

    Raises:
        UpdraftError: a server has ended or does not answer; the text ends with the last lines of
            its log.
    """
    remove_old(local_root(), settings().retention_days)
    running = find()
    if running and running.airflow and airflow:
        return running
    if not running:
        stop()
    try:
        with ExitStack() as ports:
            new = Servers("", "", {}, secrets.token_hex(8))
            return _start(say, running or new, airflow, ports)
    except BaseException:
        # Do not leave a partly started system: it would occupy the ports.
        stop(keep=running.processes if running else ())
        raise


def _start(
    say: Callable[[str], None], servers: Servers, airflow: bool, ports: ExitStack
) -> Servers:
    """``ports``: keeps the ports for us until the servers answer."""
    is_mlflow_new = not servers.mlflow
    if airflow:
        servers = replace(servers, airflow=f"http://{HOST}:{_free_port(AIRFLOW_PORT, ports)}")
    if is_mlflow_new:
        servers = replace(servers, mlflow=f"http://{HOST}:{_free_port(MLFLOW_PORT, ports)}")
    env = environment(servers.airflow if airflow else "", servers.mlflow)
    if is_mlflow_new:
        servers = _spawn(servers, "mlflow", _mlflow_command(servers.mlflow), env)
    say("Airflow's database")
    _migrate(env)
    if airflow:
        for name, command in AIRFLOW_PARTS.items():
            port = ["--port", _port(servers.airflow)] if name == "api-server" else []
            servers = _spawn(servers, name, [str(BIN / "airflow"), *command, *port], env)
    say("waiting for mlflow")
    _await(servers, "mlflow", _is_mlflow_ready)
    if airflow:
        say("waiting for Airflow")
        _await(servers, "Airflow", _is_airflow_ready)
    return servers


def stop(keep: Collection[str] = ()) -> list[str]:
    """End the processes that ``start`` has started, and only those.

    ``keep``: names of processes that are left running. Returns the names of the ended ones.
    """
    state = home() / "running.json"
    if not state.exists():
        return []
    servers = _read(state)
    remaining = {name: identity for name, identity in servers.processes.items() if name in keep}
    running: dict[str, psutil.Process] = {}
    for name, identity in servers.processes.items():
        process = _process(*identity)
        if process and name not in remaining:
            running[name] = process
    # Without remaining servers, also what those have started that were killed.
    orphans = [] if remaining else _marked_processes(servers.mark)
    everything = {*running.values(), *orphans}
    # Last, so that tasks that are ended can say so: they are tried again when the servers are back.
    last = {process for name, process in running.items() if name in ENDED_LAST}
    for process in list(last):
        with suppress(psutil.NoSuchProcess):
            last.update(process.children(recursive=True))
    _end(everything - last)
    _end(last)
    if remaining:
        airflow = servers.airflow if "api-server" in remaining else ""
        _remember(Servers(airflow, servers.mlflow, remaining, servers.mark))
    else:
        state.unlink()
    return list(running)


def _marked_processes(mark: str) -> list[psutil.Process]:
    """The processes whose environment has a mark; not those that run this command."""
    own = {process.pid for process in [psutil.Process(), *psutil.Process().parents()]}
    marked = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid not in own and process.environ().get(MARK) == mark:
                marked.append(process)
    return marked


def _end(processes: Collection[psutil.Process]) -> None:
    """End processes with all their descendants: a scheduler's tasks, a task's spark-submit."""
    families = set(processes)
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            families.update(process.children(recursive=True))
            process.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(families, timeout=STOP_SECONDS)
    for process in alive:
        if process.is_running():
            process.kill()
    psutil.wait_procs(alive, timeout=5)


def environment(airflow: str, mlflow: str) -> dict[str, str]:
    """Return the environment of the servers and of all that they start.

    It carries the secrets, so it is never printed. ``airflow``: the address, empty for DAGs that
    run without a scheduler. Those have an Airflow home of their own, which no scheduler reads.
    """
    folder = home()
    folder.mkdir(parents=True, exist_ok=True)
    for private in (local_root(), folder):  # Raw values, databases and logs are private.
        private.chmod(0o700)
    own_secrets = local_secrets(folder)
    passwords = json.dumps({"admin": own_secrets["airflow_password"]})
    write_atomically(folder / "airflow_passwords.json", passwords, private=True)
    write_atomically(folder / "mlflow_auth.ini", mlflow_auth(folder, own_secrets), private=True)
    return {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "SPARK_LOCAL_IP": HOST,
        "UPDRAFT_ROOT": str(local_root()),
        **airflow_variables(airflow, folder, own_secrets),
        **mlflow_variables(mlflow, folder, own_secrets),
        "GX_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "SPT_NOENV": "1",  # Airflow's processes set their titles; their marks stay readable.
    }


def log_file(name: str) -> Path:
    """Return the log of a server or of a command."""
    return home() / "logs" / f"{name}.log"


def open_log(log: Path) -> BinaryIO:
    """Open a log to append to it; its folder is made."""
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("ab")


def _mlflow_command(address: str) -> list[str]:
    folder = home() / "mlflow"
    folder.mkdir(parents=True, exist_ok=True)
    return [
        *(str(BIN / "mlflow"), "server", "--app-name", "basic-auth"),
        *("--host", HOST, "--port", _port(address), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]


def _migrate(env: dict[str, str]) -> None:
    completed = subprocess.run(
        [str(BIN / "airflow"), "db", "migrate"],
        env=env,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if completed.returncode:
        raise UpdraftError(
            "Airflow's database: migration failed. Fix the cause, which is below, and try again.\n"
            f"{_tail(completed.stdout)}"
        )


def _spawn(servers: Servers, name: str, command: list[str], env: dict[str, str]) -> Servers:
    with open_log(log_file(name)) as out:
        # A session of its own: Ctrl-C on this command must not end the servers of running tasks.
        process = subprocess.Popen(
            command,
            env={**env, MARK: servers.mark},
            cwd=REPO,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    identity = (process.pid, psutil.Process(process.pid).create_time())
    servers = replace(servers, processes={**servers.processes, name: identity})
    _remember(servers)
    return servers


def _remember(servers: Servers) -> None:
    write_atomically(home() / "running.json", json.dumps(asdict(servers), indent=2), private=True)


def _read(state: Path) -> Servers:
    content = json.loads(state.read_text())
    processes = {name: (pid, created) for name, (pid, created) in content["processes"].items()}
    # Servers that an earlier release has started have no mark.
    return Servers(content["airflow"], content["mlflow"], processes, content.get("mark", ""))


def _process(pid: int, created: float) -> psutil.Process | None:
    """Return the process, or None if it has ended: a later one may have the same number."""
    try:
        process = psutil.Process(pid)
        is_same = process.create_time() == created
        return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _free_port(preferred: int, ports: ExitStack) -> int:
    """The preferred port or, if it is taken, any free one.

    A server takes seconds until it listens. Until ``ports`` is closed, no other start on this
    machine takes the preferred port for free.
    """
    lock = FileLock(Path(tempfile.gettempdir()) / f"updraft-port-{preferred}.lock")
    try:
        ports.enter_context(lock.acquire(blocking=False))
        choices = [preferred, 0]
    except (Timeout, OSError):  # OSError: the lock file is another user's.
        choices = [0]
    for port in choices:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise UpdraftError(f"no free port on {HOST}: end some servers and try again.")


def _port(address: str) -> str:
    return address.rsplit(":", 1)[1]


def _await(servers: Servers, name: str, is_ready: Callable[[Servers], bool]) -> None:
    """Wait until a server answers.

    Raises:
        UpdraftError: it does not answer in time, or any of the servers has ended.
    """

    def ready() -> Literal[True] | None:
        for part, identity in servers.processes.items():
            if not _process(*identity):
                log = log_file(part)
                raise UpdraftError(
                    f"{part} has ended while starting. See {log}:\n{_tail(log.read_text())}"
                )
        try:
            return True if is_ready(servers) else None
        except httpx.HTTPError:
            return None

    if wait_for(ready, seconds=START_SECONDS, every=POLL_SECONDS) is None:
        raise UpdraftError(
            f"{name} did not answer within {START_SECONDS} s. "
            f"See the logs in {log_file(name).parent}."
        )


def _is_mlflow_ready(servers: Servers) -> bool:
    if httpx.get(f"{servers.mlflow}/health").status_code != httpx.codes.OK:
        return False
    password = local_secrets(home())["mlflow_password"]
    response = httpx.get(
        f"{servers.mlflow}/api/2.0/mlflow/experiments/search",
        params={"max_results": 1},
        auth=("admin", password),
    )
    _check_is_ours("MLflow", servers.mlflow, response.status_code)
    return response.status_code == httpx.codes.OK


def _is_airflow_ready(servers: Servers) -> bool:
    health = httpx.get(f"{servers.airflow}/api/v2/monitor/health").json()
    parts = [health.get(part) or {} for part in ("scheduler", "dag_processor", "triggerer")]
    if not all(part.get("status") == "healthy" for part in parts):
        return False
    login = {"username": "admin", "password": local_secrets(home())["airflow_password"]}
    response = httpx.post(f"{servers.airflow}/auth/token", json=login)
    _check_is_ours("Airflow", servers.airflow, response.status_code)
    return response.status_code == httpx.codes.CREATED


def _check_is_ours(name: str, address: str, status: int) -> None:
    """Refuse a server that does not know our password.

    Raises:
        UpdraftError: another system has taken the address in the meantime.
    """
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND):
        raise UpdraftError(
            f"{address}: found a server that is not our {name}: it answers our login with {status}."
            " Another system has taken the address. Start again: another port is chosen then."
        )


def _tail(text: str, lines: int = 15) -> str:
    return "\n".join(text.splitlines()[-lines:])
