"""`updraft run`: a use case's DAGs to the end, one after the other, on MLflow's server and without a scheduler."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from rich.console import Console

from updraft.cli import servers
from updraft.cli.loop import Loop, Say
from updraft.core.errors import UpdraftError
from updraft.core.interval import Interval
from updraft.core.reports import IngestReport, error_path, page_path, report_uri
from updraft.core.settings import REPO, settings
from updraft.core.use_case import UseCase

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STOP_SECONDS = 20


class WholeRun(Loop):
    """Raw files, data, training, monitoring and, where the rows have drifted, another training."""

    command = "the run"
    with_airflow = False

    def __init__(self, name: str, console: Console, days: Interval | None, options: dict[str, float | None]) -> None:
        super().__init__(name, console)
        self.days, self.options = days, options
        self.run_id = f"run__{datetime.now(UTC).isoformat(timespec='seconds')}"

    def go(self) -> None:
        with self.step("Raw files") as say:
            self._lay(say)
        if self.use_case.schedule is not None and self.days is None:
            with self.step("Which days there are") as say:
                self.days = source_days(self.use_case)
                say(str(self.days))
        with self.step("MLflow") as say:
            say(self.start_servers(say).mlflow)
        with self.step(f"Data, {self.days}" if self.days else "Data") as say:
            conf = {"start": str(self.days.first), "end": str(self.days.last)} if self.days else {}
            self._dag("data", self.run_id, conf, say)
            self._check_data()
        with self.step("Training") as say:
            self._dag("training", self.run_id, {}, say)
            say(self.verdict(self.run_id))
        with self.step("Monitoring") as say:
            ran = self._dag("monitoring", self.run_id, {}, say)
            self.note_drift(self.run_id, say)
        if "retrain" in ran:
            with self.step("Retraining, started by the drift") as say:
                retraining = f"drift__{self.run_id}"
                self._dag("training", retraining, {}, say)
                say(self.verdict(retraining))

    def places(self) -> dict[str, str]:
        found = {"logs of the DAGs": str(_log(self.dag("data"), self.run_id).parent.parent)}
        docs = page_path(report_uri(self.dag("data"), self.run_id, "validate"))
        if docs.exists():
            found["Data Docs"] = str(docs)
        if self.servers:
            found["versions and verdicts"] = f"{self.servers.mlflow}/#/models/{self.use_case.name}"
            found["the ledger"] = f".venv/bin/updraft history {self.use_case.name}"
            found["passwords of user admin"] = str(servers.home() / "secrets.json")
        return found

    def _lay(self, say: Say) -> None:
        from updraft.data.sources import raw_files

        folder = settings().path(self.use_case.data.input)
        wanted = [name for name, value in self.options.items() if value is not None]
        if settings().source(self.use_case.name, self.use_case.data.input) != folder:
            if wanted:
                raise UpdraftError(
                    f"--{wanted[0]}: is for the sample, but UPDRAFT_SOURCES__{self.use_case.name.upper()} names your own rows. "
                    "Leave out one of the two."
                )
        elif not wanted and (there := len(raw_files(self.use_case))):
            say(f"{there} files were there, in {folder}")
            return
        self.lay_raw_files(say, **self.options)

    def _dag(self, part: str, run_id: str, conf: dict[str, Any], say: Say) -> Collection[str]:
        """Run a DAG to its end, telling of its tasks. Returns those that were run.

        Raises:
            UpdraftError: it has failed; the text names the task, its reason and the log.
        """
        dag_id, log = self.dag(part), _log(self.dag(part), run_id)
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "updraft.cli.dag_run", dag_id, run_id, json.dumps(conf)]
        began: dict[str, float] = {}
        states: dict[str, str] = {}
        with log.open("ab") as file, _process(command, file) as process:
            assert process.stdout
            for line in process.stdout:
                event = json.loads(line)
                task, state = event["task"], event["state"]
                began.setdefault(task, time.monotonic())
                seconds = time.monotonic() - began[task]
                states[task] = {"running": "...", "success": f"{seconds:.0f} s"}.get(state, state)
                say(", ".join(f"{name} {told}" for name, told in states.items()))
            if process.wait() == 0:
                return states
        failed = next((task for task, state in states.items() if state == "failed"), None)
        told = error_path(report_uri(dag_id, run_id, failed)) if failed else None
        why = f" {told.read_text().strip()}" if told and told.exists() else ""
        raise UpdraftError(f"{dag_id} {run_id}: failed in {failed or 'no task'}.{why} The log is {log}.")

    def _check_data(self) -> None:
        if IngestReport.read(report_uri(self.dag("data"), self.run_id, "ingest")).outcome != "done":
            source = settings().source(self.use_case.name, self.use_case.data.input)
            wanted = f" for {self.days}" if self.days else ""
            raise UpdraftError(f"{source}: found no rows{wanted}, expected some. Lay raw files there, or name other days.")


def source_days(use_case: UseCase) -> Interval:
    """From the first to the last partition that the source has rows of.

    Raises:
        UpdraftError: there are none.
    """
    from updraft.data.ingestion import source_days as days_of_rows
    from updraft.data.sources import dated_files, is_dated, source

    if is_dated(use_case):
        days = sorted(dated_files(use_case))
        found = Interval(days[0], days[-1], use_case.unit or "day") if days else None
    else:
        with _quiet_session(use_case) as spark:
            found = days_of_rows(spark, use_case)
    if found is None:
        raise UpdraftError(f"{source(use_case)}: found no rows in {use_case.data.files}, expected some. Lay raw files there.")
    return found


def run(name: str, console: Console, days: Interval | None, options: dict[str, float | None]) -> bool:
    """Run a use case to the end and write ``runs/<name>/report.json``. Returns whether all went well.

    ``days``: by default all that the source has. ``options``: the sample maker's; without any, raw files that are there stay.
    """
    with _alone():
        return WholeRun(name, console, days, options).run(Path(str(settings().path("runs", name, "report.json"))))


def _log(dag_id: str, run_id: str) -> Path:
    return servers.home() / "run" / "logs" / dag_id / f"{run_id}.log"


@contextmanager
def _alone() -> Iterator[None]:
    """One run at a time under a root: two would use one database of Airflow's, and end each other's MLflow."""
    servers.home().mkdir(parents=True, exist_ok=True)
    lock = FileLock(servers.home() / "run.lock", fallback_to_soft=False)  # The system frees it, however this process ends.
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise UpdraftError(
            f"another `updraft run` is at work under {settings().path()}. Wait for it, or set another UPDRAFT_ROOT."
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _process(command: list[str], log: Any) -> Iterator["subprocess.Popen[str]"]:
    """A process with all that it starts, which ends with this block however it is left."""
    process = subprocess.Popen(
        command, cwd=REPO, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
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
    """A Spark session in this process. What Java says goes to a log, and not between the lines for people."""
    from updraft.data.session import session

    log = servers.log_file("spark")
    log.parent.mkdir(parents=True, exist_ok=True)
    before = os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
        try:
            spark = session(use_case)
            try:
                yield spark
            finally:
                spark.stop()
        finally:
            os.dup2(before, 2)
            os.close(before)
