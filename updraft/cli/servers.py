"""Airflow and MLflow on this machine: started together, listening on loopback only, ended by their process ids."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import httpx
import psutil

from updraft.cli.secrets import local_secrets, write_private
from updraft.core.errors import UpdraftError
from updraft.core.settings import REPO, settings

BIN = Path(sys.executable).parent
HOST = "127.0.0.1"
AIRFLOW_PORT, MLFLOW_PORT = 8080, 5000  # Where they are free; else the next free ones.
START_SECONDS, STOP_SECONDS = 180, 20
AIRFLOW_PARTS = {
    "api-server": ["api-server", "--host", HOST, "--workers", "1"],
    "scheduler": ["scheduler", "--skip-serve-logs"],  # The log servers would listen on every interface.
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}


@dataclass(frozen=True)
class Servers:
    """The running servers: where they are, and the processes that they are."""

    airflow: str  # Empty where MLflow runs alone.
    mlflow: str
    processes: dict[str, tuple[int, float]]  # name: (process id, the time it was created)

    @property
    def running(self) -> bool:
        return all(_process(*one) for one in self.processes.values())


def home() -> Path:
    """The servers' own folder, under the root. It holds Airflow's and MLflow's databases, logs and secrets."""
    root = settings().path()
    if root.protocol not in ("", "file"):
        raise UpdraftError(f"UPDRAFT_ROOT: found {root}; the local servers need a folder of this machine. Unset it.")
    return Path(str(root)) / "servers"


def find() -> Servers | None:
    """The servers that were started under this root, as far as they are all still running."""
    state = home() / "running.json"
    if not state.exists():
        return None
    servers = _read(state)
    return servers if servers.running else None


def start(say: Callable[[str], None], *, airflow: bool = True) -> Servers:
    """Start what is not running yet and wait until it answers.

    ``airflow``: without it MLflow alone is started, and Airflow gets a database for DAGs that run without a scheduler.

    Raises:
        UpdraftError: a server has ended or does not answer; the text ends with the last lines of its log.
    """
    found = find()
    if found and found.airflow and airflow:
        return found
    if not found:
        stop()
    try:
        return _start(say, found or Servers("", "", {}), airflow)
    except BaseException:
        stop(but=found.processes if found else ())  # Half a system helps nobody, and its ports would be taken.
        raise


def _start(say: Callable[[str], None], servers: Servers, airflow: bool) -> Servers:
    if airflow:
        servers = replace(servers, airflow=f"http://{HOST}:{_free_port(AIRFLOW_PORT)}")
    if new := not servers.mlflow:
        servers = replace(servers, mlflow=f"http://{HOST}:{_free_port(MLFLOW_PORT)}")
    env = environment(servers.airflow if airflow else "", servers.mlflow)
    if new:
        servers = _spawn(servers, "mlflow", _mlflow_command(servers.mlflow), env)
    say("Airflow's database")
    _migrate(env)
    for name, command in AIRFLOW_PARTS.items() if airflow else ():
        port = ["--port", servers.airflow.rsplit(":", 1)[1]] if name == "api-server" else []
        servers = _spawn(servers, name, [str(BIN / "airflow"), *command, *port], env)
    for name, ready in {"mlflow": _mlflow_ready, **({"Airflow": _airflow_ready} if airflow else {})}.items():
        say(f"waiting for {name}")
        _wait(servers, name, ready)
    return servers


def stop(but: Collection[str] = ()) -> list[str]:
    """End the processes that ``start`` has started, and only those. Returns the names of those that were running.

    ``but``: names of processes that are left running.
    """
    state = home() / "running.json"
    if not state.exists():
        return []
    known = _read(state)
    running = {name: process for name, one in known.processes.items() if name not in but and (process := _process(*one))}
    # Whole families: a scheduler's tasks, a task's spark-submit.
    family = {child for process in running.values() for child in [process, *process.children(recursive=True)]}
    for process in running.values():
        process.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
    for process in alive:
        if process.is_running():
            process.kill()
    psutil.wait_procs(alive, timeout=5)
    if left := {name: one for name, one in known.processes.items() if name in but}:
        _remember(Servers(known.airflow if "api-server" in left else "", known.mlflow, left))
    else:
        state.unlink()
    return list(running)


def environment(airflow: str, mlflow: str) -> dict[str, str]:
    """The environment of the servers and of all that they start. It carries the secrets, so it is printed nowhere.

    ``airflow``: empty for DAGs that run without a scheduler. They have a home of their own, which no scheduler looks into.
    """
    folder = home()
    airflow_home = folder / ("airflow" if airflow else "run")
    addresses = {"AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{airflow}/execution/", "AIRFLOW__API__BASE_URL": airflow}
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)  # Databases and logs in it are nobody else's business.
    secret = local_secrets(folder)
    write_private(folder / "airflow_passwords.json", json.dumps({"admin": secret["airflow_password"]}))
    write_private(
        folder / "mlflow_auth.ini",
        "[mlflow]\ndefault_permission = NO_PERMISSIONS\nadmin_username = admin\n"
        f"admin_password = {secret['mlflow_password']}\ndatabase_uri = sqlite:///{folder / 'mlflow_auth.db'}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        # By default each request has the password checked anew three times, which takes 0.4 s of CPU.
        "auth_cache_ttl_seconds = 60\n",
    )
    master = {"conn_type": "spark", "host": f"local[{os.cpu_count()}]", "extra": {"deploy-mode": "client"}}
    return {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "SPARK_LOCAL_IP": HOST,
        "UPDRAFT_ROOT": str(settings().path()),
        "AIRFLOW_HOME": str(airflow_home),
        "AIRFLOW__CORE__DAGS_FOLDER": os.environ.get("AIRFLOW__CORE__DAGS_FOLDER", str(REPO / "dags")),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPO / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str((os.cpu_count() or 1) + 1),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / "airflow_passwords.json"),
        "AIRFLOW__CORE__FERNET_KEY": secret["fernet_key"],
        **(addresses if airflow else {}),
        "AIRFLOW__API__SECRET_KEY": secret["api_secret"],
        "AIRFLOW__API_AUTH__JWT_SECRET": secret["jwt_secret"],
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow_home / 'airflow.db'}",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",  # Half of what parsing costs while nothing changes.
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW_CONN_SPARK_DEFAULT": os.environ.get("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps(master)),
        "MLFLOW_TRACKING_URI": mlflow,
        "MLFLOW_TRACKING_USERNAME": "admin",
        "MLFLOW_TRACKING_PASSWORD": secret["mlflow_password"],
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "mlflow_auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secret["flask_secret"],
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "1",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "GX_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def log_file(name: str) -> Path:
    """Where a server writes what it has to say."""
    return home() / "logs" / f"{name}.log"


def _mlflow_command(address: str) -> list[str]:
    folder = home() / "mlflow"
    folder.mkdir(parents=True, exist_ok=True)
    return [
        *(str(BIN / "mlflow"), "server", "--app-name", "basic-auth", "--host", HOST, "--workers", "1"),
        *("--port", address.rsplit(":", 1)[1], "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]


def _migrate(env: dict[str, str]) -> None:
    done = subprocess.run(
        [str(BIN / "airflow"), "db", "migrate"],
        env=env,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        raise UpdraftError(f"Airflow's database: migration failed.\n{_last(done.stdout)}")


def _spawn(servers: Servers, name: str, command: list[str], env: dict[str, str]) -> Servers:
    log = log_file(name)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        # A session of its own: Ctrl-C on this command must not end the servers under running tasks.
        process = subprocess.Popen(
            command, env=env, cwd=REPO, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    one = (process.pid, psutil.Process(process.pid).create_time())
    servers = replace(servers, processes={**servers.processes, name: one})
    _remember(servers)
    return servers


def _remember(servers: Servers) -> None:
    write_private(home() / "running.json", json.dumps(asdict(servers), indent=2))


def _read(state: Path) -> Servers:
    content = json.loads(state.read_text())
    content["processes"] = {name: tuple(one) for name, one in content["processes"].items()}
    return Servers(**content)


def _process(pid: int, created: float) -> psutil.Process | None:
    """The process, unless it has ended; a later one with the same number does not count."""
    try:
        process = psutil.Process(pid)
        return process if process.create_time() == created and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise UpdraftError(f"no free port on {HOST}: end some servers and try again.")


def _wait(servers: Servers, name: str, ready: Callable[[Servers], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        for part, one in servers.processes.items():
            if not _process(*one):
                raise UpdraftError(
                    f"{part} has ended while starting. See {log_file(part)}:\n{_last(log_file(part).read_text())}"
                )
        try:
            if ready(servers):
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise UpdraftError(f"{name} did not answer within {START_SECONDS} s. See the logs in {log_file(name).parent}.")


def _mlflow_ready(servers: Servers) -> bool:
    return httpx.get(f"{servers.mlflow}/health").status_code == 200


def _airflow_ready(servers: Servers) -> bool:
    health = httpx.get(f"{servers.airflow}/api/v2/monitor/health").json()
    parts = [health.get(part) or {} for part in ("scheduler", "dag_processor", "triggerer")]
    return all(part.get("status") == "healthy" for part in parts)


def _last(text: str, lines: int = 15) -> str:
    return "\n".join(text.splitlines()[-lines:])
