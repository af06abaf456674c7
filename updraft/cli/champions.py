"""`updraft history`, `updraft rollback`, `updraft release`: who was champion, and the way back."""

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
from updraft.core.ledger import (
    Entry,
    barred_files,
    current_hold,
    describe_rollback,
    last_change,
)
from updraft.core.report_files import error_path, report_uri
from updraft.core.reports import ReleaseReport, RollbackReport
from updraft.core.settings import REPO, settings
from updraft.core.use_case import load_use_case

TIME = "%Y-%m-%d %H:%M:%S"
SHORT = 12  # Characters of a hash that people see.
# What an entry says about the use case at its time, and how people call it.
TITLES = {"policy": "gate", "use_case": "use case", "suites": "suites"}


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
    lines = (*champion_lines(entries, moment), *restriction_lines(name, entries, moment))
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def champion_lines(entries: list[Entry], moment: datetime | None) -> list[str]:
    """Describe the champion, at a ``moment`` or now: since when, by whom, why, and on what."""
    entries = _until(entries, moment)
    if moment is None:
        when = "Now"
        verb = "is"
        nobody = "Nobody is champion yet."
    else:
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
    lines.append(f"  code     {change.code}")
    if change.policy:
        lines.append(f"  rules    {_rules(change)}")
    return lines


def restriction_lines(name: str, entries: list[Entry], moment: datetime | None) -> list[str]:
    """Say what no challenger can pass: a hold with the way to release it, and barred files."""
    entries = _until(entries, moment)
    lines = []
    hold = current_hold(entries)
    if hold is not None:
        lines += [
            f"Promotions are held by {describe_rollback(hold)}.",
            f"  to release them: updraft release {name} --reason ...",
        ]
    for file, bar in barred_files(entries).items():
        lines.append(f"The model file {file[:SHORT]} is barred by {describe_rollback(bar)}.")
    return lines


def _until(entries: list[Entry], moment: datetime | None) -> list[Entry]:
    return [entry for entry in entries if moment is None or entry.time <= moment]


def _rules(entry: Entry) -> str:
    """The hashes of what the use case said when an entry was made."""
    hashes = {title: getattr(entry, name) for name, title in TITLES.items()}
    return ", ".join(f"{title} {(sha or 'unknown')[:SHORT]}" for title, sha in hashes.items())


def _changed_rules(before: Entry | None, entry: Entry) -> list[str]:
    """Name what of the use case has changed since the last entry that says what it was."""
    if before is None or entry.policy is None:
        return []
    changed = [TITLES[name] for name in TITLES if getattr(before, name) != getattr(entry, name)]
    return [f"[since the entry before, changed: {', '.join(changed)}]"] if changed else []


def ledger_table(entries: list[Entry]) -> Table:
    """Return the ledger as people read it."""
    columns = ("time, UTC", "event", "version", "champion", "by", "why")
    table = Table(*columns, title="Ledger", title_justify="left")
    last: Entry | None = None  # The newest entry so far that has hashes: older ones had none.
    for entry in entries:
        reasons = [*entry.reasons, *_changed_rules(last, entry)]
        last = entry if entry.policy is not None else last
        before = str(entry.from_version or "none")
        after = str(entry.to_version or "none")
        table.add_row(
            f"{entry.time:{TIME}}",
            entry.event,
            str(entry.version or ""),
            after if before == after else f"{before} to {after}",
            Text(entry.by),  # As text, because people write brackets too.
            Text("\n".join(reasons)),
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

    MLflow is started for it, unless it is running or the settings name another server. ``to``: the
    version to return to; None for the champion before, which is printed before anything is done.

    Raises:
        UpdraftError: the job has refused or failed; nothing has moved.
    """
    from updraft.data.ledger import DeltaLedger
    from updraft.decisions.rollback import previous_champion

    use_case = load_use_case(name)
    if to is None:
        entries = DeltaLedger(use_case).entries()
        to = previous_champion(use_case, entries)
        change = last_change(entries)
        console.print(
            f"{name}: from version {change and change.to_version} to version {to}, the champion "
            "before it.",
            highlight=False,
        )
    report = _run_job(name, "rollback", [f"--to={to}", f"--reason={reason}"], console)
    return RollbackReport.read(report)


def release(name: str, version: int | None, reason: str, console: Console) -> ReleaseReport:
    """Release the held promotions of a use case, by the job that its DAG runs.

    ``version``: readmit the barred model file of this version instead.

    Raises:
        UpdraftError: the job has refused or failed; nothing was changed.
    """
    load_use_case(name)
    words = [f"--reason={reason}"]
    if version is not None:
        words.append(f"--version={version}")
    return ReleaseReport.read(_run_job(name, "release", words, console))


def _run_job(name: str, job: str, words: list[str], console: Console) -> str:
    """Run a job of a use case without Airflow; return the location of its report."""
    run_id = f"cli__{datetime.now(UTC).isoformat(timespec='seconds')}"
    report = report_uri(f"{name}_{job}", run_id, job)
    command = [sys.executable, str(REPO / "spark_jobs" / f"{job}.py")]
    command += ["--use-case", name, "--report", report, f"--by={getpass.getuser()}", *words]
    log = servers.log_file(job)
    with console.status(f"Running {job}") as status:

        def say(text: str) -> None:
            status.update(escape(f"Running {job}: {text}"))

        with _mlflow(say) as env:
            status.update(f"Running {job}")
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
        message = error.read_text().strip() if error.exists() else f"the {job} has failed."
        raise UpdraftError(f"{message} The log is {log}.")
    return report


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
