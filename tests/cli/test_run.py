"""`updraft run` on the flights: its range, its refusals, and all of it with Airflow and Spark."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Literal

import psutil
import pytest
import yaml

from tests.airflow.conftest import small_use_case
from tests.conftest import write_flights
from updraft.cli import servers
from updraft.cli.run import source_days
from updraft.core.errors import UpdraftError
from updraft.core.interval import Interval
from updraft.core.use_case import UseCase
from updraft.core.waiting import wait_for

FIRST = "2013-01-10"
LAST = "2013-01-15"


@pytest.fixture
def small_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Six days of flights, one algorithm, trained on four days; the last day has drifted."""
    file = small_use_case(root / "use_cases") / "flights" / "use_case.yaml"
    content = yaml.safe_load(file.read_text())
    # In three days a feature may have no values at all.
    del content["model"]["algorithms"]["logistic_regression"]
    content["model"] |= {"window": 4}
    content["drift"] |= {"window": 1, "min_columns": 1}
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    monkeypatch.setenv("UPDRAFT_USE_CASES", str(root / "use_cases"))
    drift(write_flights(root, FIRST, LAST) / f"flights_{LAST}.csv")
    yield root
    servers.stop()


def drift(file: Path) -> None:
    """Let the flights of a day go to two airports alone."""
    header, *lines = file.read_text().splitlines()
    position = header.split(",").index("dest")
    drifted = []
    for number, line in enumerate(lines):
        fields = line.split(",")
        fields[position] = ("ATL", "ORD")[number % 2]
        drifted.append(",".join(fields))
    file.write_text("\n".join([header, *drifted]) + "\n")


def updraft(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words),
        text=True,
        capture_output=True,
        check=False,
        env={**os.environ, "COLUMNS": "160"},
    )


def command(*words: str) -> list[str]:
    return [sys.executable, "-c", "from updraft.cli.main import main; main()", *words]


def started_run(root: Path) -> "subprocess.Popen[bytes]":
    """A run whose first task has ended."""
    process = subprocess.Popen(command("run", "flights"), stdout=subprocess.DEVNULL)

    def first_report() -> Literal[True] | None:
        assert process.poll() is None, "the run has ended before its second task"
        reports = list((root / "reports" / "flights_data").glob("*/ingest.json"))
        return True if reports else None

    assert wait_for(first_report, seconds=300, every=0.2), "the run did not get to its second task"
    return process


def processes(root: Path) -> list[psutil.Process]:
    """The processes that work for a root, by their environment."""
    working = []
    for process in psutil.process_iter():
        try:
            variables = process.environ()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if variables.get("UPDRAFT_ROOT") == str(root) and process.pid != os.getpid():
            working.append(process)
    return working


def read_report(root: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((root / "runs" / "flights" / "report.json").read_text())
    return report


def step_states(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(step["name"], step["state"]) for step in report["steps"]]


def test_the_range_is_that_of_the_files(root: Path, flights: UseCase) -> None:
    with pytest.raises(UpdraftError, match="found no rows in"):
        source_days(flights)
    landing = write_flights(root, FIRST, LAST)
    (landing / "flights_2013-01-12.csv").unlink()
    (landing / "flights_backup.csv").write_text("")
    assert source_days(flights) == Interval(date.fromisoformat(FIRST), date.fromisoformat(LAST))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--end", LAST], "--start: missing, and --end is set"),
        (["--start", LAST, "--end", FIRST], "lies before start"),
    ],
)
def test_wrong_days_are_refused_before_anything_starts(
    root: Path, words: list[str], message: str
) -> None:
    completed = updraft("run", "flights", *words)
    assert completed.returncode == 1
    assert message in completed.stdout
    assert not any(root.iterdir())


@pytest.mark.parametrize(
    ("words", "has_own_rows", "message"),
    [
        (["--seed", "3"], False, "found --seed, expected none but"),
        (["--seed", "3"], True, "UPDRAFT_SOURCES__FLIGHTS names your own rows"),
    ],
)
def test_a_sample_that_cannot_be_written_is_refused(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    has_own_rows: bool,
    message: str,
) -> None:
    if has_own_rows:
        monkeypatch.setenv("UPDRAFT_SOURCES__FLIGHTS", str(root / "elsewhere"))
    completed = updraft("run", "flights", *words)
    assert completed.returncode == 1
    assert message in completed.stdout
    assert not (root / "landing").exists()
    assert step_states(read_report(root)) == [("Raw files", "failed")]


def test_days_without_rows_fail_in_one_sentence(small_root: Path) -> None:
    completed = updraft("run", "flights", "--start", "2013-05-01", "--end", "2013-05-02")
    assert completed.returncode == 1
    assert "found no rows for 2013-05-01..2013-05-02" in completed.stdout
    report = read_report(small_root)
    assert step_states(report) == [
        ("Raw files", "success"),
        ("MLflow", "success"),
        ("Data, 2013-05-01..2013-05-02", "failed"),
    ]
    assert not report["ok"]
    assert processes(small_root) == []


@pytest.mark.faults
def test_a_run_that_is_terminated_ends_its_servers(small_root: Path) -> None:
    run = started_run(small_root)
    run.terminate()
    assert run.wait(60) == 128 + signal.SIGTERM
    assert processes(small_root) == []
    assert read_report(small_root)["error"] == "interrupted"


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_a_run_that_was_killed_does_not_stop_the_next_one(small_root: Path) -> None:
    killed = started_run(small_root)
    refused = updraft("run", "flights")
    assert refused.returncode == 1
    assert "another `updraft run`" in refused.stdout
    killed.send_signal(signal.SIGKILL)
    killed.wait()

    completed = updraft("run", "flights")
    assert completed.returncode == 0, completed.stdout + completed.stderr
    report = read_report(small_root)
    assert report["ok"]
    assert set(report) == {
        *("use_case", "ok", "seconds", "steps", "tables", "models", "champion", "drift", "error")
    }
    assert [name for name, _ in step_states(report)] == [
        "Raw files",
        "Which days there are",
        "MLflow",
        f"Data, {FIRST}..{LAST}",
        "Training",
        "Monitoring",
        "Counting rows and models",
    ]
    rows = report["tables"]
    assert rows["bronze"] == rows["clean"] + rows["quarantine"] > 4000
    assert [model["verdict"] for model in report["models"]] == ["promoted"]
    assert report["champion"]["version"] == 1
    (look,) = report["drift"]
    assert look["detected"]
    assert look["action"] == "nothing", "right after a training there is nothing new to train on"
    assert "All steps ended well" in completed.stdout
    assert processes(small_root) == []
