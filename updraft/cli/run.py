"""`updraft run`: a use case's DAGs to the end, one after the other, without a scheduler."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

from filelock import FileLock, Timeout
from rich.console import Console

from updraft.cli import servers
from updraft.cli.loop import Loop, Say
from updraft.core.errors import UpdraftError
from updraft.core.interval import Interval
from updraft.core.report_files import error_path, page_path, report_uri
from updraft.core.reports import IngestReport
from updraft.core.settings import REPO, settings
from updraft.core.use_case import UseCase

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STOP_SECONDS = 20


class CompleteRun(Loop):
    """Raw files, data, training and monitoring."""

    command = "the run"
    with_airflow = False

    def __init__(
        self, name: str, console: Console, days: Interval | None, options: dict[str, float | None]
    ) -> None:
        super().__init__(name, console)
        self.days = days
        self.options = options
        self.run_id = f"run__{datetime.now(UTC).isoformat(timespec='seconds')}"

    def run_steps(self) -> None:
        with self.step("Raw files") as say:
            self._find_or_place_raw_files(say)
        if self.use_case.schedule is not None and self.days is None:
            with self.step("Which days there are") as say:
                self.days = source_days(self.use_case)
                say(str(self.days))
        with self.step("MLflow") as say:
            say(self.start_servers(say).mlflow)
        with self.step(f"Data, {self.days}" if self.days else "Data") as say:
            form = {}
            if self.days:
                form = {"start": str(self.days.first), "end": str(self.days.last)}
            self._run_dag("data", self.run_id, form, say)
            self._check_data()
        with self.step("Training") as say:
            self._run_dag("training", self.run_id, {}, say)
            say(self.verdict(self.run_id))
        with self.step("Monitoring") as say:
            self._run_dag("monitoring", self.run_id, {}, say)
            self.note_monitoring(self.run_id, say)

    def places(self) -> dict[str, str]:
        places = {"logs of the DAGs": str(_log(self.dag("data"), self.run_id).parent.parent)}
        data_docs = page_path(report_uri(self.dag("data"), self.run_id, "validate"))
        if data_docs.exists():
            places["Data Docs"] = str(data_docs)
        if self.servers:
            models = f"{self.servers.mlflow}/#/models/{self.use_case.name}"
            places["versions and verdicts"] = models
            places["the ledger"] = f".venv/bin/updraft history {self.use_case.name}"
            places["passwords of user admin"] = str(servers.home() / "secrets.json")
        return places

    def _find_or_place_raw_files(self, say: Say) -> None:
        from updraft.data.sources import raw_files

        landing = settings().path(self.use_case.data.input)
        source = settings().source(self.use_case.name, self.use_case.data.input)
        options = [name for name, value in self.options.items() if value is not None]
        if source != landing and options:
            raise UpdraftError(
                f"--{options[0]}: is for the sample, but "
                f"UPDRAFT_SOURCES__{self.use_case.name.upper()} names your own rows. "
                "Leave out one of the two."
            )
        if source == landing and not options:
            files = raw_files(self.use_case)
            if files:
                say(f"{len(files)} files exist already, in {landing}")
                return
        self.place_raw_files(say, **self.options)

    def _run_dag(self, part: str, run_id: str, form: dict[str, str], say: Say) -> None:
        """Run a DAG to its end and show its tasks.

        Raises:
            UpdraftError: it has failed; the text names the task, its reason and the log.
        """
        dag_id = self.dag(part)
        log = _log(dag_id, run_id)
        command = [sys.executable, "-m", "updraft.cli.dag_run", dag_id, run_id, json.dumps(form)]
        started: dict[str, float] = {}
        states: dict[str, str] = {}
        with servers.open_log(log) as file, _process(command, file) as process:
            assert process.stdout
            for line in process.stdout:
                event = json.loads(line)
                task = event["task"]
                states[task] = event["state"]
                started.setdefault(task, time.monotonic())
                seconds = time.monotonic() - started[task]
                if states[task] == "success":
                    states[task] = f"{seconds:.0f} s"
                elif states[task] == "running":
                    states[task] = "..."
                say(", ".join(f"{name} {state}" for name, state in states.items()))
            if process.wait() == 0:
                return
        failed = next((task for task, state in states.items() if state == "failed"), None)
        reason = _reason(dag_id, run_id, failed) if failed else ""
        place = f"in {failed}" if failed else "before any task started"
        raise UpdraftError(f"{dag_id} {run_id}: failed {place}.{reason} The log is {log}.")

    def _check_data(self) -> None:
        report = IngestReport.read(report_uri(self.dag("data"), self.run_id, "ingest"))
        if report.outcome == "done":
            return
        source = settings().source(self.use_case.name, self.use_case.data.input)
        days = f" for {self.days}" if self.days else ""
        raise UpdraftError(
            f"{source}: found no rows{days}, expected some. "
            "Place raw files there, or name other days."
        )


def source_days(use_case: UseCase) -> Interval:
    """Return the interval from the first to the last partition that the source has rows of.

    Raises:
        UpdraftError: there are none.
    """
    from updraft.data.sources import is_dated, source

    days = _days_of_files(use_case) if is_dated(use_case) else _days_of_rows(use_case)
    if days is None:
        raise UpdraftError(
            f"{source(use_case)}: found no rows in {use_case.data.files}, expected some. "
            "Place raw files there."
        )
    return days


def _days_of_files(use_case: UseCase) -> Interval | None:
    from updraft.data.sources import dated_files

    days = sorted(dated_files(use_case))
    return Interval(days[0], days[-1], use_case.unit or "day") if days else None


def _days_of_rows(use_case: UseCase) -> Interval | None:
    from updraft.data.ingestion import source_days as days_of_rows

    with _quiet_session(use_case) as spark:
        return days_of_rows(spark, use_case)


def run(
    name: str, console: Console, days: Interval | None, options: dict[str, float | None]
) -> bool:
    """Run a use case to the end and write ``runs/<name>/report.json``.

    ``days``: by default all that the source has. ``options``: the sample maker's; without any,
    raw files that exist are kept. Returns whether all steps have ended well.
    """
    with _alone():
        complete_run = CompleteRun(name, console, days, options)
        return complete_run.run(servers.local_root() / "runs" / name / "report.json")


def _log(dag_id: str, run_id: str) -> Path:
    return servers.home() / "run" / "logs" / dag_id / f"{run_id}.log"


def _reason(dag_id: str, run_id: str, task: str) -> str:
    """Return why a task has failed, as its job has written it; empty if it has not."""
    error = error_path(report_uri(dag_id, run_id, task))
    return f" {error.read_text().strip()}" if error.exists() else ""


@contextmanager
def _alone() -> Iterator[None]:
    """Allow one run at a time under a root.

    Two would use one database of Airflow's, and end each other's MLflow.
    """
    servers.home().mkdir(parents=True, exist_ok=True)
    # The system frees the lock, however this process ends.
    lock = FileLock(servers.home() / "run.lock", fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise UpdraftError(
            f"another `updraft run` is at work under {settings().path()}. "
            "Wait for it, or set another UPDRAFT_ROOT."
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _process(command: list[str], log: IO[bytes]) -> Iterator["subprocess.Popen[str]"]:
    """Start a process; it ends, with all that it has started, when this context is left."""
    process = subprocess.Popen(
        command,
        cwd=REPO,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def _quiet_session(use_case: UseCase) -> "Iterator[SparkSession]":
    """Yield a Spark session in this process; Java's messages go to a log, not to the terminal."""
    from updraft.data.session import session

    stderr = os.dup(2)
    with servers.open_log(servers.log_file("spark")) as file:
        os.dup2(file.fileno(), 2)
        try:
            spark = session(use_case)
            try:
                yield spark
            finally:
                spark.stop()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
