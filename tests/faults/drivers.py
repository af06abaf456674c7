"""Real drivers for the fault tests: a job's own spark-submit, and the moment at which to end it."""

import fcntl
import hashlib
import itertools
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from pyspark.sql import SparkSession

from updraft.core.settings import REPO
from updraft.core.spark_conf import spark_conf

SECONDS = 400  # On a busy machine a job takes minutes.
_numbers = itertools.count()


def command(job: str, *arguments: str) -> list[str]:
    """What the operator's hook runs, for a job."""
    conf = [word for key, value in spark_conf().items() for word in ("--conf", f"{key}={value}")]
    script = str(REPO / "spark_jobs" / f"{job}.py")
    return [
        str(REPO / "spark_jobs" / "spark-submit"),
        "--master",
        "local[2]",
        *conf,
        script,
        "--use-case",
        "flights",
        *arguments,
    ]


class Driver:
    """A job on its way. By ``exec`` after ``exec`` the process that was started is the JVM itself."""

    def __init__(self, root: Path, job: str, *arguments: str, **environment: str) -> None:
        self.job, self.report = job, root / f"reports/faults/{job}.json"
        self.log = root / f"{job}-{next(_numbers)}.log"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                command(job, *arguments, "--report", f"reports/faults/{job}.json"),
                env={**os.environ, "UPDRAFT_ROOT": str(root), **environment},
                stdout=out,
                stderr=out,
            )

    def ended(self) -> None:
        """Wait for a good end."""
        try:
            assert self.process.wait(SECONDS) == 0, self.log.read_text()[-3000:]
        finally:
            self.process.kill()

    def await_(self, moment: Callable[[], bool], *, every: float = 0.001) -> None:
        """Wait for a moment of a running driver, and stop it there: from then on nothing in it moves."""

        def over() -> bool:
            return self.process.poll() is not None

        try:
            wait_for(lambda: any("python" in one.name() for one in self._family()), every=0.01, unless=over, log=self.log)
            family = self._family()  # To list it takes longer than some moments last.
            wait_for(moment, every=every, unless=over, log=self.log)
        except BaseException:
            self.process.kill()
            raise
        for process in family:
            os.kill(process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let move what was stopped."""
        for process in self._family():
            os.kill(process.pid, signal.SIGCONT)

    def _family(self) -> list[psutil.Process]:
        """The job's Python, if it is there yet, before the JVM that has started it."""
        driver = psutil.Process(self.process.pid)
        return [*driver.children(recursive=True), driver]

    def kill(self) -> None:
        """SIGKILL to the JVM; its Python ends with it."""
        *family, driver = self._family()
        assert driver.name() == "java"
        assert any("python" in child.name() for child in family)
        self.process.kill()
        self.process.wait(10)
        _, alive = psutil.wait_procs(family, timeout=10)
        assert alive == [], "the job's Python outlives its JVM"


def wait_for(
    moment: Callable[[], bool],
    *,
    every: float = 0.2,
    seconds: float = SECONDS,
    unless: Callable[[], bool] = lambda: False,
    log: Path | None = None,
) -> None:
    """Wait until ``moment`` is true; fail when it takes too long, or when ``unless`` says that it never will be."""
    deadline = time.monotonic() + seconds
    while not moment():
        over = unless() or time.monotonic() > deadline
        assert not over, f"the moment never came\n{log.read_text()[-3000:] if log else ''}"
        time.sleep(every)


@contextmanager
def held(root: Path, table: str) -> Iterator[None]:
    """Another writer's lock on a table of the flights, held by this process."""
    lock = root / f"tables/flights/{table}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)  # The kind of lock that Java's FileChannel takes.
        yield


def files(root: Path, table: str) -> set[Path]:
    """The data files that lie in a table's folder, committed or not."""
    return set((root / "tables/flights" / table).glob("event_date=*/*.parquet"))


def commits(root: Path, table: str) -> list[int]:
    log = root / "tables/flights" / table / "_delta_log"
    return sorted(int(file.stem) for file in log.glob("*.json") if file.stem.isdigit())


def rows(spark: SparkSession, root: Path, table: str) -> tuple[int, str]:
    """How many rows a table has, and one hash over all of them in the order of their text."""
    frame = spark.read.format("delta").load(str(root / "tables/flights" / table))
    found = frame.selectExpr(f"to_json(struct({', '.join(sorted(frame.columns))})) AS row").collect()
    texts = sorted(one["row"] for one in found)
    return len(texts), hashlib.sha256("\n".join(texts).encode()).hexdigest()
