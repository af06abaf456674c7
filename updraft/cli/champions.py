"""`updraft history` and `updraft rollback`: who was champion when and why, and the way back to a former one."""

import getpass
import os
import subprocess
import sys
from datetime import UTC, datetime, time

from rich.console import Console
from rich.table import Table
from rich.text import Text

from updraft.cli import servers
from updraft.core.errors import UpdraftError
from updraft.core.ledger import Entry, last_change
from updraft.core.reports import RollbackReport, error_path, report_uri
from updraft.core.settings import REPO, settings
from updraft.core.use_case import load_use_case

TIME = "%Y-%m-%d %H:%M:%S"


def history(name: str, at: str | None, console: Console) -> None:
    """Print the ledger of a use case or, with ``at``, who was champion then, and why."""
    from updraft.data.ledger import Ledger

    moment = parse_moment(at) if at else None
    entries = Ledger(load_use_case(name)).entries()
    if not entries:
        console.print(f"{name}: no decision yet. The first training makes one.")
        return
    if moment is None:
        console.print(table(entries))
    for line in champion_lines(entries, moment):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def champion_lines(entries: list[Entry], moment: datetime | None) -> list[str]:
    """Who is champion or, with a ``moment``, was so then; since when, by whom, why, and on what."""
    now = last_change([entry for entry in entries if moment is None or entry.time <= moment])
    when = f"At {moment:{TIME}} UTC" if moment else "Now"
    if now is None:
        return [f"{when} nobody was champion." if moment else "Nobody is champion yet."]
    champion = f"version {now.to_version}" if now.to_version else "nobody"
    lines = [
        f"{when} {champion} {'was' if moment else 'is'} champion.",
        f"  since    {now.time:{TIME}} UTC, {now.event} by {now.by}",
        *(f"  because  {reason}" for reason in now.reasons),
    ]
    if now.evidence:
        lines.append(f"  evidence {now.evidence}, on features v{now.features_version}")
    return [*lines, f"  code     {now.code}"]


def table(entries: list[Entry]) -> Table:
    """The ledger as people read it."""
    found = Table("time, UTC", "event", "version", "champion", "by", "why", title="Ledger", title_justify="left")
    for one in entries:
        before, after = (str(version or "none") for version in (one.from_version, one.to_version))
        champion = after if before == after else f"{before} to {after}"
        why = Text("\n".join(one.reasons))  # People write brackets, too.
        found.add_row(f"{one.time:{TIME}}", one.event, str(one.version or ""), champion, Text(one.by), why)
    return found


def parse_moment(text: str) -> datetime:
    """A time, in UTC where it names no zone; a day alone means its end.

    Raises:
        UpdraftError: it is neither.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UpdraftError(f"--at: found {text!r}, expected a day or a time such as 2013-03-08T12:00.") from None
    if len(text) == len("2013-03-08"):
        found = datetime.combine(found.date(), time.max)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def rollback(name: str, to: int | None, reason: str, console: Console) -> RollbackReport:
    """Roll a use case back, by the job that its DAG runs. MLflow is started for it, unless it runs or another one is named.

    Raises:
        UpdraftError: the job has refused or failed; nothing has moved.
    """
    load_use_case(name)
    before, run_id = servers.find(), f"cli__{datetime.now(UTC).isoformat(timespec='seconds')}"
    uri = report_uri(f"{name}_rollback", run_id, "rollback")
    command = [sys.executable, str(REPO / "spark_jobs" / "rollback.py"), "--use-case", name, "--report", uri]
    command += [f"--reason={reason}", f"--by={getpass.getuser()}", *([f"--to={to}"] if to is not None else [])]
    own = settings().mlflow_tracking_uri is None
    log = servers.log_file("rollback")
    with console.status("Rolling back") as status:
        try:
            env = dict(os.environ)
            if own:
                found = servers.start(lambda text: status.update(f"Rolling back: {text}"), airflow=False)
                env |= servers.environment("", found.mlflow)
                status.update("Rolling back")
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as file:
                done = subprocess.run(
                    command, cwd=REPO, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=file, check=False
                )
        finally:
            if own and before is None:
                servers.stop()
    if done.returncode:
        told = error_path(uri)
        raise UpdraftError(f"{told.read_text().strip() if told.exists() else 'the rollback has failed.'} The log is {log}.")
    return RollbackReport.read(uri)
