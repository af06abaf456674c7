"""`updraft run` on the flights: its range, its refusals, and the whole of it with a real Airflow, Spark and MLflow."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psutil
import pytest
import yaml

from tests.airflow.conftest import small_use_case
from tests.conftest import lay
from updraft.cli import servers
from updraft.cli.run import source_days
from updraft.core.errors import UpdraftError
from updraft.core.interval import Interval
from updraft.core.use_case import UseCase

FIRST, LAST = "2013-01-10", "2013-01-15"


@pytest.fixture
def small_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Six days of flights, one algorithm, a training window of three days."""
    file = small_use_case(root / "use_cases") / "flights" / "use_case.yaml"
    content = yaml.safe_load(file.read_text())
    del content["model"]["algorithms"]["logistic_regression"]  # Three days may lack a feature's values altogether.
    content["drift"] |= {"min_columns": 1}  # A sixth of the drift window was not trained on, so something drifts.
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    monkeypatch.setenv("UPDRAFT_USE_CASES", str(root / "use_cases"))
    lay(root, FIRST, LAST)
    yield root
    servers.stop()


def updraft(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*words), text=True, capture_output=True, check=False, env={**os.environ, "COLUMNS": "160"})


def command(*words: str) -> list[str]:
    return [sys.executable, "-c", "from updraft.cli.main import main; main()", *words]


def started(root: Path) -> "subprocess.Popen[bytes]":
    """A run whose first task has ended."""
    process = subprocess.Popen(command("run", "flights"), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not list((root / "reports" / "flights_data").glob("*/ingest.json")):
        assert process.poll() is None and time.monotonic() < deadline, "the run did not get to its second task"
        time.sleep(0.2)
    return process


def processes(root: Path) -> list[psutil.Process]:
    """Those that work for a root, by their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("UPDRAFT_ROOT") == str(root) and process.pid != os.getpid():
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def report(root: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((root / "runs" / "flights" / "report.json").read_text())
    return found


def test_the_range_is_that_of_the_files(root: Path, flights: UseCase) -> None:
    with pytest.raises(UpdraftError, match="found no rows in"):
        source_days(flights)
    landing = lay(root, FIRST, LAST)
    (landing / "flights_2013-01-12.csv").unlink()
    (landing / "flights_backup.csv").write_text("")
    assert source_days(flights) == Interval(date.fromisoformat(FIRST), date.fromisoformat(LAST))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--end", LAST], "--start: found none beside --end"),
        (["--start", LAST, "--end", FIRST], "lies before start"),
    ],
)
def test_wrong_days_are_refused_before_anything_starts(root: Path, words: list[str], said: str) -> None:
    done = updraft("run", "flights", *words)
    assert done.returncode == 1
    assert said in done.stdout
    assert not any(root.iterdir())


@pytest.mark.parametrize(
    ("words", "own", "said"),
    [
        (["--seed", "3"], False, "found --seed, expected none but"),
        (["--seed", "3"], True, "UPDRAFT_SOURCES__FLIGHTS names your own rows"),
    ],
)
def test_a_sample_that_cannot_be_had_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], own: bool, said: str
) -> None:
    if own:
        monkeypatch.setenv("UPDRAFT_SOURCES__FLIGHTS", str(root / "elsewhere"))
    done = updraft("run", "flights", *words)
    assert done.returncode == 1
    assert said in done.stdout
    assert not (root / "landing").exists()
    assert [(step["name"], step["state"]) for step in report(root)["steps"]] == [("Raw files", "failed")]  # type: ignore[attr-defined]


def test_days_without_rows_fail_in_one_sentence(small_root: Path) -> None:
    done = updraft("run", "flights", "--start", "2013-05-01", "--end", "2013-05-02")
    assert done.returncode == 1
    assert "found no rows for 2013-05-01..2013-05-02" in done.stdout
    found = report(small_root)
    assert [(step["name"], step["state"]) for step in found["steps"]] == [  # type: ignore[attr-defined]
        ("Raw files", "success"),
        ("MLflow", "success"),
        ("Data, 2013-05-01..2013-05-02", "failed"),
    ]
    assert not found["ok"]
    assert processes(small_root) == []


@pytest.mark.faults
def test_a_run_that_is_ended_takes_its_servers_along(small_root: Path) -> None:
    run = started(small_root)
    run.terminate()
    assert run.wait(60) == 128 + signal.SIGTERM
    assert processes(small_root) == []
    assert report(small_root)["error"] == "interrupted"


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_a_run_that_was_killed_does_not_stop_the_next_one(small_root: Path) -> None:
    first = started(small_root)
    refused = updraft("run", "flights")
    assert (refused.returncode, "another `updraft run`" in refused.stdout) == (1, True)
    first.send_signal(signal.SIGKILL)
    first.wait()

    done = updraft("run", "flights")
    assert done.returncode == 0, done.stdout + done.stderr
    found = report(small_root)
    assert found["ok"]
    assert set(found) == {"use_case", "ok", "seconds", "steps", "tables", "models", "champion", "drift", "error"}
    names = [step["name"] for step in found["steps"]]  # type: ignore[attr-defined]
    assert names == [
        *(
            "Raw files",
            "Which days there are",
            "MLflow",
            f"Data, {FIRST}..{LAST}",
            "Training",
            "Monitoring",
            "Retraining, started by the drift",
        ),
        "Counting rows and models",
    ]
    assert found["tables"]["bronze"] == found["tables"]["clean"] + found["tables"]["quarantine"] > 4000  # type: ignore[index]
    assert [model["verdict"] for model in found["models"]] == ["promoted", "refused"]  # type: ignore[attr-defined]
    assert found["champion"]["version"] == 1  # type: ignore[index]
    assert found["drift"][0]["detected"]  # type: ignore[index]
    assert "All steps ended well" in done.stdout
    # The retraining has the id that monitoring has given it.
    (retrained,) = (small_root / "reports" / "flights_training").glob("drift__run__*")
    assert (retrained / "gate.json").exists()
    assert processes(small_root) == []
