"""What tests share: one Spark session, roots of their own, the flights of a few days, servers."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import httpx
import pytest
from pyspark.sql import SparkSession
from xdist.scheduler import LoadScopeScheduling

from spark_jobs import features, ingest, validate
from updraft.core.arguments import PartitionArguments
from updraft.core.files import load_module
from updraft.core.interval import Interval
from updraft.core.reports import Report
from updraft.core.schema import BRONZE, CLEAN, FEATURES, QUARANTINE
from updraft.core.sections import Search
from updraft.core.settings import REPO, settings
from updraft.core.use_case import UseCase, load_use_case
from updraft.core.waiting import wait_for

os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
os.environ["PYSPARK_PYTHON"] = sys.executable
# The folders with the longest tests, in the order in which `make test` starts them.
LONGEST = ("spark_jobs", "training", "airflow", "data")
SHARE_TRAINED_ROOT = ("spark_jobs", "training", "models")
MLFLOW_SECONDS = 120
Settings = dict[str, str]  # Environment variables.


class ByFolder(LoadScopeScheduling):  # type: ignore[misc]
    """In several processes (`make test`), the tests of a folder run in one: they share fixtures.

    So do the folders of ``SHARE_TRAINED_ROOT``.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = file.rpartition("/")[0]
        shares_trained_root = folder.rpartition("/")[2] in SHARE_TRAINED_ROOT
        return "trained root" if shares_trained_root else folder


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFolder:
    # It would start with the folder that has the most tests, and those are the shortest.
    config.option.loadscopereorder = False
    return ByFolder(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the longest folders first, where there are several processes."""

    def position(item: pytest.Item) -> int:
        folder = item.path.parent.name
        return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)

    if hasattr(config, "workerinput"):
        items.sort(key=position)


@contextmanager
def environment(variables: Settings) -> Iterator[None]:
    """Set environment variables, and have the settings read again before and after."""
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            settings.cache_clear()
            yield
    finally:
        settings.cache_clear()


@pytest.fixture(scope="session")
def flights() -> UseCase:
    return load_use_case("flights")


@pytest.fixture(scope="session")
def small(flights: UseCase) -> UseCase:
    """The flights with a search that takes seconds."""
    search = Search(method="random", trials=1, folds=1, seed=1)
    model = flights.model.model_copy(update={"search": search})
    return flights.model_copy(update={"model": model})


@pytest.fixture(scope="session")
def spark(flights: UseCase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    from updraft.data.session import session

    # Its event log is opened now, under the root of now.
    with environment({"UPDRAFT_ROOT": str(tmp_path_factory.mktemp("spark"))}):
        spark_session = session(flights)
    yield spark_session
    spark_session.stop()


@pytest.fixture(autouse=True, scope="module")
def uncached() -> Iterator[None]:
    """Drop what jobs have cached: it would end with their process, and fill the memory of ours."""
    yield
    spark_session = SparkSession.getActiveSession()
    if spark_session:
        spark_session.catalog.clearCache()


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """An empty UPDRAFT_ROOT."""
    with environment({"UPDRAFT_ROOT": str(tmp_path)}):
        yield tmp_path


@pytest.fixture(scope="session")
def trained_root(
    tmp_path_factory: pytest.TempPathFactory, spark: SparkSession, flights: UseCase
) -> Iterator[Settings]:
    """The settings of a root with seven weeks of features, and of an MLflow server."""
    folder = tmp_path_factory.mktemp("trained")
    with mlflow_server(folder) as (address, _):
        with environment({"UPDRAFT_ROOT": str(folder)}):
            write_flights(folder, "2013-01-20", "2013-03-07")
            run_data(spark, flights, "2013-01-20", "2013-03-07")
        yield {"UPDRAFT_ROOT": str(folder), "MLFLOW_TRACKING_URI": address}


@pytest.fixture(scope="module")
def training(trained_root: Settings) -> Iterator[Path]:
    """The root of ``trained_root``, for the tests of one module."""
    with environment(trained_root):
        yield Path(trained_root["UPDRAFT_ROOT"])


@pytest.fixture(scope="module")
def untrained_root(
    trained_root: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """The settings of a root with the same features, where no model of the flights exists yet.

    It is the shared one until flights are trained there, and a copy with its own MLflow afterwards.
    """
    from mlflow.tracking import MlflowClient

    client = MlflowClient(trained_root["MLFLOW_TRACKING_URI"])
    if not client.search_registered_models("name = 'flights'"):
        yield trained_root
        return
    folder = tmp_path_factory.mktemp("untrained")
    shared = Path(trained_root["UPDRAFT_ROOT"])
    for table in (BRONZE, CLEAN, QUARANTINE, FEATURES):
        shutil.copytree(shared / "tables/flights" / table, folder / "tables/flights" / table)
    with mlflow_server(folder) as (address, _):
        yield {"UPDRAFT_ROOT": str(folder), "MLFLOW_TRACKING_URI": address}


@pytest.fixture(scope="module")
def untrained(untrained_root: Settings) -> Iterator[Path]:
    """The root of ``untrained_root``, for the tests of one module."""
    with environment(untrained_root):
        yield Path(untrained_root["UPDRAFT_ROOT"])


@contextmanager
def mlflow_server(folder: Path) -> "Iterator[tuple[str, subprocess.Popen[bytes]]]":
    """An MLflow server that keeps everything in a folder: its address and its process."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = ["mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "models")]
    variables = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "mlflow.log").open("ab") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=variables)
    try:
        _wait_for_health(address, server)
        yield address, server
    finally:
        server.terminate()
        server.wait(20)


def _wait_for_health(address: str, server: "subprocess.Popen[bytes]") -> None:
    def health() -> httpx.Response | None:
        assert server.poll() is None, "the MLflow server has ended"
        try:
            response = httpx.get(f"{address}/health")
        except httpx.HTTPError:
            return None
        return response if response.is_success else None

    if wait_for(health, seconds=MLFLOW_SECONDS, every=0.5) is None:
        pytest.fail("the MLflow server does not answer")


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_flights(folder: Path, first: str, last: str) -> Path:
    """Write the flights' raw files of some days under a root; return the landing folder."""
    sample = load_module(REPO / "use_cases/flights/sample.py", "flights_sample")
    landing = folder / "landing" / "flights"
    interval = Interval(date.fromisoformat(first), date.fromisoformat(last))
    assert sample.lay(landing, interval.first, interval.last) == len(interval.days)
    return landing


def run_data(spark: SparkSession, use_case: UseCase, first: str, last: str) -> dict[str, Report]:
    """Run the jobs of flights_data on an interval; return their reports.

    They run in this process, in the session ``spark``.
    """
    jobs = {"ingest": ingest.job, "validate": validate.job, "features": features.job}
    reports: dict[str, Report] = {}
    for name, job in jobs.items():
        report = f"reports/tests/{name}.json"
        arguments = PartitionArguments(use_case=use_case, start=first, end=last, report=report)
        reports[name] = job(arguments)
    return reports


def run(*command: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program and wait for its end, good or bad."""
    words = [str(word) for word in command]
    return subprocess.run(
        words, env={**os.environ, **variables}, text=True, capture_output=True, check=False
    )
