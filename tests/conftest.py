"""What tests share: one Spark session for the whole run, a root of their own, the flights of a few days."""

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import httpx
import pytest
from pyspark.sql import SparkSession
from xdist.scheduler import LoadScopeScheduling

from updraft.core.interval import Interval
from updraft.core.sections import Search
from updraft.core.settings import REPO, settings
from updraft.core.use_case import UseCase, load_use_case

os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
os.environ["PYSPARK_PYTHON"] = sys.executable
# Folders in the order of `make test`. The first two share ``trained_root``, where the jobs' tests are to find no champion.
LONGEST = ("spark_jobs", "training", "airflow", "data")


class ByFolder(LoadScopeScheduling):  # type: ignore[misc]
    """In several processes (`make test`), a folder's tests stay in one: they share what takes long to make."""

    def _split_scope(self, nodeid: str) -> str:
        folder = nodeid.partition("::")[0].rpartition("/")[0]
        return folder.replace("spark_jobs", "training")


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFolder:
    config.option.loadscopereorder = False  # It would begin with the folder of the most tests, which are the shortest.
    return ByFolder(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # It is one of several processes: those folders that take longest go first.
        items.sort(key=lambda item: LONGEST.index(item.path.parent.name) if item.path.parent.name in LONGEST else len(LONGEST))


@pytest.fixture(scope="session")
def flights() -> UseCase:
    return load_use_case("flights")


@pytest.fixture(scope="session")
def spark(flights: UseCase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    from updraft.data.session import session

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UPDRAFT_ROOT", str(tmp_path_factory.mktemp("spark")))  # For the event log, which it opens now.
        settings.cache_clear()
        found = session(flights)
    settings.cache_clear()
    yield found
    found.stop()


@pytest.fixture(autouse=True, scope="module")
def uncached() -> Iterator[None]:
    """What jobs have cached ends with their process; here it would fill the memory of all that come after."""
    yield
    if spark := SparkSession.getActiveSession():
        spark.catalog.clearCache()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty UPDRAFT_ROOT."""
    monkeypatch.setenv("UPDRAFT_ROOT", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


@pytest.fixture(scope="session")
def trained_root(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession, flights: UseCase) -> Iterator[dict[str, str]]:
    """A root with six weeks of features, and an MLflow server: the settings that lead there, for whoever trains."""
    folder = tmp_path_factory.mktemp("trained")
    with mlflow_server(folder) as (address, _), pytest.MonkeyPatch.context() as patch:
        patch.setenv("UPDRAFT_ROOT", str(folder))
        settings.cache_clear()
        lay(folder, "2013-01-25", "2013-03-07")
        run_data(spark, flights, "2013-01-25", "2013-03-07")
        patch.undo()
        settings.cache_clear()
        yield {"UPDRAFT_ROOT": str(folder), "MLFLOW_TRACKING_URI": address}


@contextmanager
def mlflow_server(folder: Path) -> "Iterator[tuple[str, subprocess.Popen[bytes]]]":
    """An MLflow server on what a folder keeps: its address and its process."""
    from updraft.cli.servers import _free_port

    address = f"http://127.0.0.1:{_free_port(0)}"
    command = ["mlflow", "server", "--host", "127.0.0.1", "--port", address.rsplit(":", 1)[1], "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--artifacts-destination", str(folder / "models")]
    with (folder / "mlflow.log").open("ab") as log:
        env = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        server = subprocess.Popen(command, stdout=log, stderr=log, env=env)
    try:
        _await(f"{address}/health", server)
        yield address, server
    finally:
        server.terminate()
        server.wait(20)


def _await(address: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(240):
        assert server.poll() is None, "the MLflow server has ended"
        try:
            if httpx.get(address).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    pytest.fail("the MLflow server does not answer")


@pytest.fixture(scope="module")
def training(trained_root: dict[str, str]) -> Iterator[Path]:
    """The root of ``trained_root``, for the tests of one module."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in trained_root.items():
            patch.setenv(name, value)
        settings.cache_clear()
        yield Path(trained_root["UPDRAFT_ROOT"])
    settings.cache_clear()


@pytest.fixture(scope="session")
def small(flights: UseCase) -> UseCase:
    """The flights with a search that takes seconds."""
    search = Search(method="random", trials=1, folds=1, seed=1)
    return flights.model_copy(update={"model": flights.model.model_copy(update={"search": search})})


def lay(folder: Path, first: str, last: str) -> Path:
    """The flights' raw files of some days, under a root; returns the landing folder."""
    spec = importlib.util.spec_from_file_location("flights_sample", REPO / "use_cases/flights/sample.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    landing = folder / "landing" / "flights"
    laid = module.lay(landing, date.fromisoformat(first), date.fromisoformat(last))
    assert laid == len(Interval(date.fromisoformat(first), date.fromisoformat(last)).days)
    return landing


def run_data(spark: SparkSession, use_case: UseCase, first: str, last: str) -> dict[str, object]:
    """What flights_data does with an interval, in this process: ingest, validate, features. Returns the reports."""
    from updraft.data.features import build_features
    from updraft.data.ingestion import ingest
    from updraft.data.sources import raw_files

    interval = Interval(date.fromisoformat(first), date.fromisoformat(last))
    ingested = ingest(spark, use_case, interval, raw_files(use_case, interval))
    validated = load_job("validate").validate(spark, use_case, interval, "reports/tests/validate.json")
    features = build_features(spark, use_case, interval)
    return {"ingest": ingested, "validate": validated, "features": features}


def load_job(name: str):  # type: ignore[no-untyped-def]
    """A script of spark_jobs/ as a module."""
    spec = importlib.util.spec_from_file_location(f"job_{name}", REPO / "spark_jobs" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command], env={**os.environ, **environment}, text=True, capture_output=True, check=False
    )
