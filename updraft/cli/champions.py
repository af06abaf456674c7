"""`updraft history` and `updraft rollback`: who was champion when and why, and the way back."""

import getpass
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from updraft.cli import servers
from updraft.core.errors import UpdraftError
from updraft.core.ledger import Entry, last_change
from updraft.core.report_files import error_path, report_uri
from updraft.core.reports import RollbackReport
from updraft.core.settings import REPO, settings
from updraft.core.use_case import load_use_case

TIME = "%Y-%m-%d %H:%M:%S"


def history(name: str, at: str | None, console: Console) -> None:
    """Print the ledger of a use case or, with ``at``, who was champion then, and why."""
    from updraft.data.ledger import DeltaLedger

    moment = parse_moment(at) if at else None
    entries = DeltaLedger(load_use_case(name)).entries()
    if not entries:
        console.print(f"{name}: no decision yet. The first training makes one.")
        return
    if moment is None:
        console.print(ledger_table(entries))
    for line in champion_lines(entries, moment):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def champion_lines(entries: list[Entry], moment: datetime | None) -> list[str]:
    """Describe the champion, at a ``moment`` or now: since when, by whom, why, and on what."""
    if moment is None:
        when = "Now"
        verb = "is"
        nobody = "Nobody is champion yet."
    else:
        entries = [entry for entry in entries if entry.time <= moment]
        when = f"At {moment:{TIME}} UTC"
        verb = "was"
        nobody = f"{when} nobody was champion."
    change = last_change(entries)
    if change is None:
        return [nobody]
    champion = f"version {change.to_version}" if change.to_version else "nobody"
    lines = [
        f"{when} {champion} {verb} champion.",
        f"  since    {change.time:{TIME}} UTC, {change.event} by {change.by}",
        *(f"  because  {reason}" for reason in change.reasons),
    ]
    if change.evidence:
        lines.append(f"  evidence {change.evidence}, on features v{change.features_version}")
    return [*lines, f"  code     {change.code}"]


def ledger_table(entries: list[Entry]) -> Table:
    """Return the ledger as people read it."""
    columns = ("time, UTC", "event", "version", "champion", "by", "why")
    table = Table(*columns, title="Ledger", title_justify="left")
    for entry in entries:
        before = str(entry.from_version or "none")
        after = str(entry.to_version or "none")
        table.add_row(
            f"{entry.time:{TIME}}",
            entry.event,
            str(entry.version or ""),
            after if before == after else f"{before} to {after}",
            Text(entry.by),  # As text, because people write brackets too.
            Text("\n".join(entry.reasons)),
        )
    return table


def parse_moment(text: str) -> datetime:
    """Parse a time, which is UTC unless it names a zone. A day alone means its end.

    Raises:
        UpdraftError: it is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UpdraftError(
            f"--at: found {text!r}, expected a day or a time such as 2013-03-08T12:00."
        ) from None
    if len(text) == len("2013-03-08"):
        moment = datetime.combine(moment.date(), time.max)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def rollback(name: str, to: int | None, reason: str, console: Console) -> RollbackReport:
    """Roll a use case back, by the job that its DAG runs.

    MLflow is started for it, unless it is running or the settings name another server.

    Raises:
        UpdraftError: the job has refused or failed; nothing has moved.
    """
    load_use_case(name)
    run_id = f"cli__{datetime.now(UTC).isoformat(timespec='seconds')}"
    report = report_uri(f"{name}_rollback", run_id, "rollback")
    command = [sys.executable, str(REPO / "spark_jobs" / "rollback.py")]
    command += ["--use-case", name, "--report", report]
    command += [f"--reason={reason}", f"--by={getpass.getuser()}"]
    if to is not None:
        command.append(f"--to={to}")
    log = servers.log_file("rollback")
    with console.status("Rolling back") as status:

        def say(text: str) -> None:
            status.update(escape(f"Rolling back: {text}"))

        with _mlflow(say) as env:
            status.update("Rolling back")
            with servers.open_log(log) as file:
                completed = subprocess.run(
                    command,
                    cwd=REPO,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=file,
                    check=False,
                )
    if completed.returncode:
        error = error_path(report)
        message = error.read_text().strip() if error.exists() else "the rollback has failed."
        raise UpdraftError(f"{message} The log is {log}.")
    return RollbackReport.read(report)


@contextmanager
def _mlflow(say: Callable[[str], None]) -> Iterator[dict[str, str]]:
    """Yield the environment of a job that needs MLflow; a server started for it is ended."""
    if settings().mlflow_tracking_uri is not None:
        yield dict(os.environ)
        return
    before = servers.find()
    try:
        running = servers.start(say, airflow=False)
        yield servers.environment("", running.mlflow)
    finally:
        if before is None:
            servers.stop()
