"""`updraft rebuild`: a table of a use case written anew, by jobs without a scheduler."""

import os
import subprocess
import sys
from datetime import UTC, datetime

from rich.console import Console

from updraft.cli import servers
from updraft.core.errors import UpdraftError
from updraft.core.report_files import error_path, report_uri
from updraft.core.reports import RebuildReport
from updraft.core.schema import BRONZE, CLEAN, FEATURES
from updraft.core.settings import REPO
from updraft.core.use_case import load_use_case

TABLES = (CLEAN, FEATURES)


def rebuild(name: str, table: str, console: Console) -> int:
    """Rebuild a table of a use case, and the features; returns their number of rows.

    Raises:
        UpdraftError: there is no such table, or a job has refused or failed.
    """
    from updraft.data.tables import Table

    if table not in TABLES:
        raise UpdraftError(f"table: found {table!r}, expected one of {', '.join(TABLES)}.")
    run_id = f"cli__{datetime.now(UTC).isoformat(timespec='seconds')}"
    with console.status("Rebuilding") as status:
        if table == CLEAN:
            days = Table(load_use_case(name), BRONZE).partitions()
            status.update("Rebuilding clean")
            _run(name, "rebuild", f"by hand/{run_id}/clean.json", ["--table", CLEAN])
            status.update("Rebuilding clean: the raw rows are audited")
            interval = ["--start", str(days[0]), "--end", str(days[-1])]
            try:
                _run(name, "validate", f"by hand/{run_id}/validate.json", interval)
            except UpdraftError as error:
                raise UpdraftError(
                    f"{error}\nUntil then clean has no rows. `updraft status {name} --run` audits "
                    f"each partition in a run of its own, so that those without faults are "
                    f"published; then run `updraft rebuild {name} features`."
                ) from None
        status.update("Rebuilding features")
        report = report_uri(f"{name}_rebuild", run_id, "rebuild")
        _run(name, "rebuild", report, ["--table", FEATURES])
    return RebuildReport.read(report).rows


def _run(name: str, job: str, report: str, words: list[str]) -> None:
    """Run a job to its end.

    Raises:
        UpdraftError: it has refused or failed; the text is its own.
    """
    log = servers.log_file("rebuild")
    command = [sys.executable, str(REPO / "spark_jobs" / f"{job}.py")]
    command += ["--use-case", name, "--report", report, *words]
    with servers.open_log(log) as file:
        completed = subprocess.run(
            command,
            cwd=REPO,
            env={**os.environ, "SPARK_LOCAL_IP": servers.HOST},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            check=False,
        )
    if completed.returncode:
        error = error_path(report)
        message = error.read_text().strip() if error.exists() else f"{job} has failed."
        raise UpdraftError(f"{message} The log is {log}.")
