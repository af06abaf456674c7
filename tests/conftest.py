"""What tests share: one Spark session for the whole run, a root of their own, the flights of a few days."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from updraft.core.interval import Interval
from updraft.core.settings import REPO, settings
from updraft.core.use_case import UseCase, load_use_case

os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
os.environ["PYSPARK_PYTHON"] = sys.executable


@pytest.fixture(scope="session")
def flights() -> UseCase:
    return load_use_case("flights")


@pytest.fixture(scope="session")
def spark(flights: UseCase) -> Iterator[SparkSession]:
    from updraft.data.session import session

    found = session(flights)
    yield found
    found.stop()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty UPDRAFT_ROOT."""
    monkeypatch.setenv("UPDRAFT_ROOT", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


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
    from updraft.data.ingestion import ingest, raw_files

    interval = Interval(date.fromisoformat(first), date.fromisoformat(last))
    ingested = ingest(spark, use_case, interval, raw_files(use_case, interval))
    validated = load_job("validate").validate(spark, use_case, interval)
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
