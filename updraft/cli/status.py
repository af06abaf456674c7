"""`updraft status`: which partitions of a use case are missing or unfinished, without Spark."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from rich.console import Console

from updraft.cli import servers
from updraft.cli.airflow_api import AirflowApi
from updraft.core.errors import UpdraftError
from updraft.core.interval import Interval
from updraft.core.schema import BRONZE, CLEAN, FEATURES
from updraft.core.use_case import UseCase, load_use_case, use_case_names

LISTED = 5  # Commands to start a run.


@dataclass(frozen=True)
class Status:
    """The partitions of a use case that need a run, by what is wrong with them.

    Attributes:
        newest: The newest partition that has features; None before the first.
        not_ingested: Those with raw rows that are not in bronze: their run has failed, was missed,
            or ended before the file came. If files say no day, as the last ingestion has seen it.
        outdated: Those whose raw file has changed since it was ingested.
        unfinished: Those whose features are not made from the present raw rows.
        changed_files: The names of files without a day that have changed since the last ingestion;
            which partitions they are about is not known before they are read.
        unread_files: The names of data files that ``data.files`` does not match.
        gaps: Those between others that have no raw rows at all; nothing can be made up for.
    """

    newest: date | None
    not_ingested: list[date]
    outdated: list[date]
    unfinished: list[date]
    changed_files: list[str]
    unread_files: list[str]
    gaps: list[date]

    @property
    def to_run(self) -> list[date]:
        """The partitions that a run would complete."""
        return sorted({*self.not_ingested, *self.outdated, *self.unfinished})

    @property
    def is_complete(self) -> bool:
        return not self.to_run and not self.changed_files


def status_of(use_case: UseCase) -> Status:
    """Compare the raw files with the tables, and the tables with each other."""
    from updraft.data import audited
    from updraft.data.sources import dated_files, is_dated, unread_files
    from updraft.data.tables import Table

    def partitions(name: str) -> list[date]:
        table = Table(use_case, name)
        return table.partitions() if table.exists else []

    ingested = partitions(BRONZE)
    with_features = partitions(FEATURES)
    with_files = sorted(dated_files(use_case)) if is_dated(use_case) else []
    unfinished: set[date] = set()
    gaps: list[date] = []
    # A correction may take the last raw rows of a partition, and its run may fail then.
    with_rows = sorted({*ingested, *partitions(CLEAN), *with_features})
    if with_rows:
        known = Interval(with_rows[0], with_rows[-1], use_case.unit or "day")
        spans = audited.unaudited_partitions(use_case, known)
        if Table(use_case, CLEAN).exists and with_features:
            version = Table(use_case, FEATURES).version
            spans += audited.outdated_features(use_case, known, version)
        unfinished = {span.start.date() for span in spans}
        if not with_features:
            unfinished |= set(ingested)
        gaps = [day for day in known.days if day not in with_rows]
    late = audited.late_partitions(use_case)
    not_ingested = sorted({*(day for day in with_files if day not in ingested), *late})
    return Status(
        newest=with_features[-1] if with_features else None,
        not_ingested=not_ingested,
        outdated=audited.outdated_partitions(use_case),
        unfinished=sorted(unfinished),
        changed_files=audited.changed_files(use_case),
        unread_files=unread_files(use_case),
        gaps=[day for day in gaps if day not in not_ingested],
    )


def print_status(name: str | None, console: Console, *, run: bool) -> bool:
    """Print what is missing in a use case, or in all, and how to make up for it.

    ``run``: start the runs that make up for it, in the Airflow that ``updraft up`` has started.
    Returns whether nothing is missing.

    Raises:
        UpdraftError: ``run`` is set, and Airflow is not running; or the one use case is broken.
    """
    is_complete = True
    for each in [name] if name else use_case_names():
        try:
            use_case = load_use_case(each)
            status = status_of(use_case)
        except UpdraftError as error:
            if name:
                raise
            # The others are listed all the same.
            console.print(f"{each}: {error}", soft_wrap=True, highlight=False, markup=False)
            is_complete = False
            continue
        lines = _lines(use_case, status)
        forms = _forms(status, use_case)
        if run and forms:
            lines += _started(f"{each}_data", forms)
        elif forms:
            lines.append(
                f"  make up for it, with the Airflow of this machine: updraft status {each} --run"
            )
            lines += [
                f"  or anywhere: airflow dags trigger {each}_data --conf '{form}'"
                for form in map(json.dumps, forms[:LISTED])
            ]
            if len(forms) > LISTED:
                lines.append(f"  and so on, {len(forms)} runs in all")
        for line in lines:
            console.print(line, soft_wrap=True, highlight=False, markup=False)
        is_complete = is_complete and status.is_complete
    return is_complete


def _lines(use_case: UseCase, status: Status) -> list[str]:
    newest = status.newest or "none"
    lines = [f"{use_case.name}: newest partition with features: {newest}"]
    lines += _listed("raw rows, but not ingested", status.not_ingested)
    lines += _listed("raw file has changed since it was ingested", status.outdated)
    lines += _listed("features are not those of the present raw rows", status.unfinished)
    lines += _listed("no raw rows between others", status.gaps)
    lines += _listed("changed since the last ingestion", status.changed_files)
    if status.changed_files and use_case.unit:
        lines.append("  make up for it: run the partitions that these files are about")
    lines += _listed("not read, because data.files does not match", status.unread_files)
    if status.is_complete:
        lines.append("  Nothing is missing.")
    return lines


def _listed(what: str, found: Sequence[date | str]) -> list[str]:
    from updraft.data.sources.checks import listed

    return [f"  {what}: {listed(map(str, found))}"] if found else []


def _forms(status: Status, use_case: UseCase) -> list[dict[str, str]]:
    """The forms of the runs that make up for what is missing.

    One for each partition, as Airflow itself would run them: so one with bad rows does not keep
    the others from being published.
    """
    if use_case.unit is None:
        return [{}] if status.to_run or status.changed_files else []
    return [{"start": str(day), "end": str(day)} for day in status.to_run]


def _started(dag_id: str, forms: list[dict[str, str]]) -> list[str]:
    """Start a run for each form; returns a line about each."""
    running = servers.find()
    if running is None or not running.airflow:
        raise UpdraftError(
            "Airflow is not running on this machine, so no run was started. "
            "Run `updraft up`, then try again; or trigger the DAG in your own Airflow."
        )
    api = AirflowApi(running)
    api.pause(dag_id, False)
    return [
        f"  started: {dag_id} {form.get('start', '')}, {api.trigger(dag_id, form)}"
        for form in forms
    ]
