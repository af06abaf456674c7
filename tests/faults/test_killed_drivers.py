"""SIGKILL to real drivers before and after their commit, and to the task that started them."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from pyspark.sql import SparkSession

from tests.conftest import environment, run_data, write_flights
from tests.faults.drivers import Driver, command, commits, files, locked, rows, wait_until
from updraft.core.use_case import UseCase

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

DAYS = ("--start", "2013-01-15", "--end", "2013-01-16")
WRITES = {"ingest": "bronze", "validate": "clean", "features": "features"}
# The tables that the jobs before it have written.
BEFORE = {
    "ingest": (),
    "validate": ("bronze",),
    "features": ("bronze", "clean", "quarantine"),
}


@dataclass(frozen=True)
class Roots:
    """``old``: tables of shortened raw files. ``new``: those of the complete files, undisturbed."""

    old: Path
    new: Path

    def prepare(self, target: Path, job: str) -> Path:
        """A root where ``job`` is next.

        The complete files have arrived, the jobs before it are done, and its own table is old.
        """
        shutil.copytree(self.new / "landing", target / "landing")
        shutil.copytree(self.old / "tables", target / "tables")
        for table in BEFORE[job]:
            shutil.rmtree(target / "tables/flights" / table)
            shutil.copytree(self.new / "tables/flights" / table, target / "tables/flights" / table)
        return target


@pytest.fixture(scope="module")
def roots(spark: SparkSession, flights: UseCase, tmp_path_factory: pytest.TempPathFactory) -> Roots:
    roots = Roots(tmp_path_factory.mktemp("old"), tmp_path_factory.mktemp("new"))
    for root in (roots.old, roots.new):
        landing = write_flights(root, "2013-01-15", "2013-01-16")
        if root is roots.old:
            shorten(landing)
        with environment({"UPDRAFT_ROOT": str(root)}):
            run_data(spark, flights, "2013-01-15", "2013-01-16")
    for table in ("bronze", "clean", "features"):
        new_rows, _ = rows(spark, roots.new, table)
        old_rows, _ = rows(spark, roots.old, table)
        assert new_rows - old_rows > 500, table
    return roots


def shorten(landing: Path) -> None:
    for file in landing.glob("flights_*.csv"):
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(lines[:-300]))


@pytest.mark.fault("F1")
@pytest.mark.parametrize("job", WRITES)
def test_a_driver_killed_before_its_commit_leaves_the_old_rows_and_the_rerun_writes_the_new(
    spark: SparkSession, roots: Roots, tmp_path: Path, job: str
) -> None:
    root = roots.prepare(tmp_path, job)
    table = WRITES[job]
    data = files(root, table)
    log = commits(root, table)
    driver = Driver(root, job, *DAYS)
    driver.stop_at(lambda: files(root, table) > data)  # Its first data file has been written.
    assert commits(root, table) == log
    driver.kill()
    assert files(root, table) > data, "what it has written is not part of the table"
    assert commits(root, table) == log
    assert not driver.report.exists()
    assert rows(spark, root, table) == rows(spark, roots.old, table)
    Driver(root, job, *DAYS).wait_for_success()
    assert rows(spark, root, table) == rows(spark, roots.new, table)
    assert len(commits(root, table)) == len(log) + 1


@pytest.mark.fault("F2")
@pytest.mark.parametrize("job", WRITES)
def test_a_driver_killed_after_its_commit_and_before_its_report_is_replayed_without_a_change(
    spark: SparkSession, roots: Roots, tmp_path: Path, job: str
) -> None:
    root = roots.prepare(tmp_path, job)
    table = WRITES[job]
    log = commits(root, table)
    driver = Driver(root, job, *DAYS)
    driver.stop_at(lambda: len(commits(root, table)) > len(log))
    assert not driver.report.exists()
    driver.kill()
    assert not driver.report.exists()
    assert rows(spark, root, table) == rows(spark, roots.new, table), "committed rows are lost"
    rerun = Driver(root, job, *DAYS)
    rerun.wait_for_success()
    assert rerun.report.exists()
    for name in (*BEFORE[job], table):
        assert rows(spark, root, name) == rows(spark, roots.new, name), name


@pytest.mark.fault("F1")
def test_validate_killed_between_its_two_tables_writes_both_when_it_is_run_again(
    spark: SparkSession, roots: Roots, tmp_path: Path
) -> None:
    root = roots.prepare(tmp_path, "validate")
    with locked(root, "clean"):
        driver = Driver(root, "validate", *DAYS)
        driver.stop_at(lambda: is_waiting(driver.log), every=0.1)
        driver.kill()
    assert rows(spark, root, "quarantine") == rows(spark, roots.new, "quarantine")
    assert rows(spark, root, "clean") == rows(spark, roots.old, "clean")
    Driver(root, "validate", *DAYS).wait_for_success()
    for table in ("clean", "quarantine"):
        assert rows(spark, root, table) == rows(spark, roots.new, table)


def is_waiting(log: Path) -> bool:
    """Whether a job has said that it waits for the lock of its table."""
    return "waiting for another writer" in log.read_text()


# Represents the task's process: it starts the driver, and is killed.
TASK = "import subprocess, sys; subprocess.Popen(sys.argv[1:]).wait()"


def task(root: Path, log: Path, **variables: str) -> "subprocess.Popen[bytes]":
    arguments = command("ingest", *DAYS, "--report", "reports/faults/ingest.json")
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-c", TASK, *arguments],
            env={**os.environ, "UPDRAFT_ROOT": str(root), **variables},
            stdout=out,
            stderr=out,
        )


def jvm(parent: "subprocess.Popen[bytes]") -> psutil.Process:
    """The JVM that a task has started, as soon as it runs."""

    def jvms() -> list[psutil.Process]:
        children = psutil.Process(parent.pid).children(recursive=True)
        return [child for child in children if child.name() == "java"]

    wait_until(lambda: bool(jvms()), unless=lambda: parent.poll() is not None)
    return jvms()[0]


@pytest.mark.fault("F14")
def test_a_driver_ends_with_the_task_that_has_started_it(roots: Roots, tmp_path: Path) -> None:
    root = roots.prepare(tmp_path, "ingest")
    log = tmp_path / "task.log"
    with locked(root, "bronze"):
        parent = task(root, log)
        wait_until(lambda: is_waiting(log), unless=lambda: parent.poll() is not None, log=log)
        driver = jvm(parent)
        parent.kill()
        parent.wait()
        _, alive = psutil.wait_procs([driver], timeout=5)
        assert alive == []


@pytest.mark.fault("F14")
def test_an_orphaned_driver_holds_its_table_until_it_has_written(
    spark: SparkSession, roots: Roots, tmp_path: Path
) -> None:
    """Without setpriv, as on macOS, a killed task leaves its driver alive: the retry must wait."""
    root = roots.prepare(tmp_path / "root", "ingest")
    log = tmp_path / "task.log"
    tools = tools_without_setpriv(tmp_path / "bin")
    before = commits(root, "bronze")
    data = files(root, "bronze")
    with locked(root, "bronze"):
        parent = task(root, log, PATH=str(tools))
        wait_until(lambda: is_waiting(log), unless=lambda: parent.poll() is not None, log=log)
        orphan = jvm(parent)
    try:
        wait_until(
            lambda: files(root, "bronze") > data,
            every=0.001,
            unless=lambda: not orphan.is_running(),
            log=log,
        )
        orphan.send_signal(signal.SIGSTOP)  # While it writes.
        parent.kill()
        parent.wait()
        assert orphan.is_running()
        assert commits(root, "bronze") == before
        retry = Driver(root, "ingest", *DAYS)
        wait_until(
            lambda: is_waiting(retry.log),
            unless=lambda: retry.process.poll() is not None,
            log=retry.log,
        )
        assert commits(root, "bronze") == before
        orphan.send_signal(signal.SIGCONT)
        psutil.wait_procs([orphan], timeout=60)
    finally:
        if orphan.is_running():
            orphan.kill()
    retry.wait_for_success()
    assert rows(spark, root, "bronze") == rows(spark, roots.new, "bronze")
    assert len(commits(root, "bronze")) == len(before) + 2, "one after the other, each commits"


def tools_without_setpriv(folder: Path) -> Path:
    """A folder for PATH with links to all programs of this machine but setpriv."""
    folder.mkdir()
    for source in (Path("/usr/local/bin"), Path("/usr/bin"), Path("/bin")):
        programs = source.iterdir() if source.is_dir() else ()
        for program in programs:
            link = folder / program.name
            if program.name != "setpriv" and not link.exists():
                link.symlink_to(program)
    return folder
