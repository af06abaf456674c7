"""F1, F2 and the tables' lock: kill -9 of real drivers before and after their commit, and of the task around them."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from pyspark.sql import SparkSession

from tests.conftest import lay, run_data
from tests.faults.drivers import Driver, command, commits, files, held, rows, wait_for
from updraft.core.settings import settings
from updraft.core.use_case import UseCase

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

DAYS = ("--start", "2013-01-15", "--end", "2013-01-16")
WRITES = {"ingest": "bronze", "validate": "clean", "features": "features"}
BEFORE = {
    "ingest": (),
    "validate": ("bronze",),
    "features": ("bronze", "clean", "quarantine"),
}  # What earlier jobs have written.


@dataclass(frozen=True)
class Roots:
    """``old``: tables of shortened raw files. ``new``: those of the whole files, undisturbed."""

    old: Path
    new: Path

    def prepare(self, target: Path, job: str) -> Path:
        """A root in which ``job`` is next: the whole files have come, the jobs before it are done, its own table is old."""
        shutil.copytree(self.new / "landing", target / "landing")
        shutil.copytree(self.old / "tables", target / "tables")
        for table in BEFORE[job]:
            shutil.rmtree(target / "tables/flights" / table)
            shutil.copytree(self.new / "tables/flights" / table, target / "tables/flights" / table)
        return target


@pytest.fixture(scope="module")
def roots(spark: SparkSession, flights: UseCase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roots]:
    found = Roots(tmp_path_factory.mktemp("old"), tmp_path_factory.mktemp("new"))
    for root in (found.old, found.new):
        landing = lay(root, "2013-01-15", "2013-01-16")
        for file in landing.glob("flights_*.csv") if root is found.old else ():
            file.write_text("".join(file.read_text().splitlines(keepends=True)[:-300]))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("UPDRAFT_ROOT", str(root))
            settings.cache_clear()
            run_data(spark, flights, "2013-01-15", "2013-01-16")
    settings.cache_clear()
    for table in ("bronze", "clean", "features"):
        assert rows(spark, found.new, table)[0] - rows(spark, found.old, table)[0] > 500, table
    yield found


@pytest.mark.parametrize("job", WRITES)
def test_f1_a_driver_killed_before_its_commit_leaves_the_old_rows_and_the_rerun_writes_the_new(
    spark: SparkSession, roots: Roots, tmp_path: Path, job: str
) -> None:
    root, table = roots.prepare(tmp_path, job), WRITES[job]
    before, log = files(root, table), commits(root, table)
    driver = Driver(root, job, *DAYS)
    driver.await_(lambda: files(root, table) > before)  # Its first data file lies there.
    assert commits(root, table) == log
    driver.kill()
    assert files(root, table) > before, "what it has written is not part of the table"
    assert commits(root, table) == log
    assert not driver.report.exists()
    assert rows(spark, root, table) == rows(spark, roots.old, table)
    Driver(root, job, *DAYS).ended()
    assert rows(spark, root, table) == rows(spark, roots.new, table)
    assert len(commits(root, table)) == len(log) + 1


@pytest.mark.parametrize("job", WRITES)
def test_f2_a_driver_killed_after_its_commit_and_before_its_report_is_replayed_without_a_change(
    spark: SparkSession, roots: Roots, tmp_path: Path, job: str
) -> None:
    root, table = roots.prepare(tmp_path, job), WRITES[job]
    log = commits(root, table)
    driver = Driver(root, job, *DAYS)
    driver.await_(lambda: len(commits(root, table)) > len(log))
    assert not driver.report.exists()
    driver.kill()
    assert not driver.report.exists()
    assert rows(spark, root, table) == rows(spark, roots.new, table), "what is committed is there"
    again = Driver(root, job, *DAYS)
    again.ended()
    assert again.report.exists()
    for name in (*BEFORE[job], table):
        assert rows(spark, root, name) == rows(spark, roots.new, name), name


def test_f1_validate_killed_between_its_two_tables_writes_both_when_it_is_run_again(
    spark: SparkSession, roots: Roots, tmp_path: Path
) -> None:
    root = roots.prepare(tmp_path, "validate")
    with held(root, "clean"):
        driver = Driver(root, "validate", *DAYS)
        driver.await_(lambda: "waiting for another writer" in driver.log.read_text(), every=0.1)
        driver.kill()
    assert rows(spark, root, "quarantine") == rows(spark, roots.new, "quarantine")
    assert rows(spark, root, "clean") == rows(spark, roots.old, "clean")
    Driver(root, "validate", *DAYS).ended()
    for table in ("clean", "quarantine"):
        assert rows(spark, root, table) == rows(spark, roots.new, table)


# Stands for the task's process: it starts the driver, and is killed.
TASK = "import subprocess, sys; subprocess.Popen(sys.argv[1:]).wait()"


def task(root: Path, log: Path, **environment: str) -> "subprocess.Popen[bytes]":
    arguments = command("ingest", *DAYS, "--report", "reports/faults/ingest.json")
    with log.open("wb") as out:
        env = {**os.environ, "UPDRAFT_ROOT": str(root), **environment}
        return subprocess.Popen([sys.executable, "-c", TASK, *arguments], env=env, stdout=out, stderr=out)


def jvm(parent: "subprocess.Popen[bytes]") -> psutil.Process:
    def found() -> list[psutil.Process]:
        return [child for child in psutil.Process(parent.pid).children(recursive=True) if child.name() == "java"]

    wait_for(lambda: bool(found()), unless=lambda: parent.poll() is not None)
    return found()[0]


def test_f14_a_driver_ends_with_the_task_that_has_started_it(roots: Roots, tmp_path: Path) -> None:
    root, log = roots.prepare(tmp_path, "ingest"), tmp_path / "task.log"
    with held(root, "bronze"):
        parent = task(root, log)
        wait_for(lambda: "waiting for another writer" in log.read_text(), unless=lambda: parent.poll() is not None, log=log)
        driver = jvm(parent)
        parent.kill()
        parent.wait()
        _, alive = psutil.wait_procs([driver], timeout=5)
        assert alive == []


def test_an_orphaned_driver_holds_its_table_until_it_has_written(spark: SparkSession, roots: Roots, tmp_path: Path) -> None:
    """Without setpriv, as on macOS, a killed task leaves its driver alive: the retry must wait for it."""
    root, log = roots.prepare(tmp_path / "root", "ingest"), tmp_path / "task.log"
    tools = tmp_path / "bin"
    tools.mkdir()
    for folder in ("/usr/local/bin", "/usr/bin", "/bin"):
        for tool in Path(folder).iterdir() if Path(folder).is_dir() else ():
            if tool.name != "setpriv" and not (tools / tool.name).exists():
                (tools / tool.name).symlink_to(tool)
    before = commits(root, "bronze")
    data = files(root, "bronze")
    with held(root, "bronze"):
        parent = task(root, log, PATH=str(tools))
        wait_for(lambda: "waiting for another writer" in log.read_text(), unless=lambda: parent.poll() is not None, log=log)
        orphan = jvm(parent)
    try:
        wait_for(lambda: files(root, "bronze") > data, every=0.001, unless=lambda: not orphan.is_running(), log=log)
        orphan.send_signal(signal.SIGSTOP)  # In the midst of its write.
        parent.kill()
        parent.wait()
        assert orphan.is_running()
        assert commits(root, "bronze") == before
        retry = Driver(root, "ingest", *DAYS)
        wait_for(
            lambda: "waiting for another writer" in retry.log.read_text(),
            unless=lambda: retry.process.poll() is not None,
            log=retry.log,
        )
        assert commits(root, "bronze") == before
        orphan.send_signal(signal.SIGCONT)
        psutil.wait_procs([orphan], timeout=60)
    finally:
        if orphan.is_running():
            orphan.kill()
    retry.ended()
    assert rows(spark, root, "bronze") == rows(spark, roots.new, "bronze")
    assert len(commits(root, "bronze")) == len(before) + 2, "one after the other, each has committed"
