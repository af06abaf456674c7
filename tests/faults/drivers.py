"""Real drivers for the fault tests: a job's own spark-submit, and the moment at which it ends."""

import fcntl
import hashlib
import itertools
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from pyspark.sql import SparkSession

from updraft.core.settings import REPO
from updraft.core.spark_conf import spark_conf
from updraft.core.waiting import wait_for

SECONDS = 400  # On a busy machine a job takes minutes.
_numbers = itertools.count()


def command(job: str, *arguments: str) -> list[str]:
    """The command that the operator's hook runs for a job."""
    words = [str(REPO / "spark_jobs" / "spark-submit"), "--master", "local[2]"]
    for key, value in spark_conf().items():
        words += ["--conf", f"{key}={value}"]
    script = str(REPO / "spark_jobs" / f"{job}.py")
    return [*words, script, "--use-case", "flights", *arguments]


class Driver:
    """A job that is running. By ``exec`` after ``exec`` the process that was started is the JVM."""

    def __init__(self, root: Path, job: str, *arguments: str, **environment: str) -> None:
        self.job = job
        self.report = root / f"reports/faults/{job}.json"
        self.log = root / f"{job}-{next(_numbers)}.log"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                command(job, *arguments, "--report", f"reports/faults/{job}.json"),
                env={**os.environ, "UPDRAFT_ROOT": str(root), **environment},
                stdout=out,
                stderr=out,
            )

    def wait_for_success(self) -> None:
        try:
            assert self.process.wait(SECONDS) == 0, self.log.read_text()[-3000:]
        finally:
            self.process.kill()

    def stop_at(self, moment: Callable[[], bool], *, every: float = 0.001) -> None:
        """Wait for a moment of the running driver, and stop all its processes there."""

        def has_ended() -> bool:
            return self.process.poll() is not None

        def has_python() -> bool:
            try:
                return any("python" in process.name() for process in self._family())
            except psutil.NoSuchProcess:  # A short-lived child has ended meanwhile.
                return False

        try:
            wait_until(has_python, every=0.01, unless=has_ended, log=self.log)
            family = self._family()  # Listing it takes longer than some moments last.
            wait_until(moment, every=every, unless=has_ended, log=self.log)
        except BaseException:
            self.process.kill()
            raise
        for process in family:
            os.kill(process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let all processes of a stopped driver continue."""
        for process in self._family():
            os.kill(process.pid, signal.SIGCONT)

    def _family(self) -> list[psutil.Process]:
        """The job's Python, if it has started yet, before the JVM that has started it."""
        driver = psutil.Process(self.process.pid)
        return [*driver.children(recursive=True), driver]

    def kill(self) -> None:
        """Send SIGKILL to the JVM; its Python ends with it."""
        *family, driver = self._family()
        assert driver.name() == "java"
        assert any("python" in child.name() for child in family)
        self.process.kill()
        self.process.wait(10)
        _, alive = psutil.wait_procs(family, timeout=10)
        assert alive == [], "the job's Python outlives its JVM"


def wait_until(
    moment: Callable[[], bool],
    *,
    every: float = 0.2,
    seconds: float = SECONDS,
    unless: Callable[[], bool] = lambda: False,
    log: Path | None = None,
) -> None:
    """Wait until ``moment`` is true; fail after ``seconds``, or when ``unless`` is true first."""

    def outcome() -> bool | None:
        if moment():
            return True
        return False if unless() else None

    has_come = wait_for(outcome, seconds=seconds, every=every)
    assert has_come, f"the moment never came\n{log.read_text()[-3000:] if log else ''}"


@contextmanager
def locked(root: Path, table: str) -> Iterator[None]:
    """The lock of another writer on a table of the flights, held by this process."""
    lock = root / f"tables/flights/{table}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)  # The kind of lock that Java's FileChannel takes.
        yield


def files(root: Path, table: str) -> set[Path]:
    """The data files in a table's folder, committed or not."""
    return set((root / "tables/flights" / table).glob("event_date=*/*.parquet"))


def commits(root: Path, table: str) -> list[int]:
    log = root / "tables/flights" / table / "_delta_log"
    return sorted(int(file.stem) for file in log.glob("*.json") if file.stem.isdigit())


def rows(spark: SparkSession, root: Path, table: str) -> tuple[int, str]:
    """The number of rows of a table, and one hash over all of them, ordered by their text."""
    frame = spark.read.format("delta").load(str(root / "tables/flights" / table))
    columns = ", ".join(sorted(frame.columns))
    texts = [
        row["text"] for row in frame.selectExpr(f"to_json(struct({columns})) AS text").collect()
    ]
    return len(texts), hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()
