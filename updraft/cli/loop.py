"""What the commands share that take a use case through its loop: steps with progress, what reports say, the closing."""

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from updraft.cli import servers
from updraft.cli.closing import Closing, Step, drift_entry, models, show, table_rows
from updraft.cli.sample import lay_sample
from updraft.core.errors import UpdraftError
from updraft.core.reports import DriftReport, GateReport, PromoteReport, report_path, report_uri
from updraft.core.settings import settings
from updraft.core.use_case import UseCase, load_use_case

Say = Callable[[str], None]


class Loop(ABC):
    """One pass through the loop: its steps, as they end, and what they found."""

    command: str  # What has left its results behind, at the end.
    with_airflow: bool  # Whether it drives Airflow's servers, or needs MLflow alone.

    def __init__(self, name: str, console: Console) -> None:
        self.use_case: UseCase = load_use_case(name)
        self.console = console
        self.started = time.monotonic()
        self.steps: list[Step] = []
        self.drift: list[dict[str, object]] = []
        self.page: str | None = None
        self.servers: servers.Servers | None = None

    @abstractmethod
    def go(self) -> None:
        """Take the steps. An UpdraftError ends them."""

    @abstractmethod
    def places(self) -> dict[str, str]:
        """What can be looked at afterwards, and where."""

    @contextmanager
    def step(self, name: str) -> Iterator[Say]:
        """A step: one line when it ends, with the elapsed time. Yields what says how it goes meanwhile."""
        began, outcome = time.monotonic(), ""
        with self.console.status(name) as status:

            def say(text: str) -> None:
                nonlocal outcome
                outcome = text
                status.update(f"{name}: {text}")

            state = "failed"
            try:
                yield say
                state = "success"
            finally:
                seconds = time.monotonic() - began
                self.steps.append(Step(name=name, state=state, seconds=round(seconds, 1)))
                mark = "[green]ok[/]    " if state == "success" else "[red]failed[/]"
                elapsed = time.monotonic() - self.started
                self.console.print(
                    f"[{elapsed:6.1f} s] {mark} {name}: {outcome} ({seconds:.1f} s)".replace("[ ", r"\[ "),
                    soft_wrap=True,
                    highlight=False,
                )

    def run(self, report: Path) -> bool:
        """All steps, then the report and the closing tables. Returns whether all went well."""
        before = servers.find()
        closing = Closing(use_case=self.use_case.name, ok=False, seconds=0, steps=[], error="interrupted")
        try:
            self.go()
            with self.step("Counting rows and models") as say:
                listed, champion = models(self.use_case)
                found = {"tables": table_rows(self.use_case), "models": listed, "champion": champion}
                closing = closing.model_copy(update={"ok": True, "error": None, **found})
                say("done")
        except UpdraftError as error:
            closing = closing.model_copy(update={"error": str(error)})
        finally:
            self._end_servers(before)
            seconds = round(time.monotonic() - self.started, 1)
            closing = closing.model_copy(update={"steps": self.steps, "drift": self.drift, "seconds": seconds})
            closing.write(report)
        places = {"this table as a file": str(report)}
        if self.page:
            places["drift page (Evidently)"] = str(report_path(self.page))
        show(closing, self.console, places | self.places(), self.use_case.gate.metric, self.command)
        return closing.ok

    def dag(self, part: str) -> str:
        return f"{self.use_case.name}_{part}"

    def lay_raw_files(self, say: Say, **options: float | None) -> None:
        """Lay the sample, unless the rows come from a source of the user's own. ``options``: the sample maker's."""
        source = settings().source(self.use_case.name, self.use_case.data.input)
        if source != settings().path(self.use_case.data.input):
            say(f"your own, in {source}")
        else:
            say(f"{lay_sample(self.use_case.name, **options)} files in {source}")

    def start_servers(self, say: Say) -> servers.Servers:
        """Start what is not running; this process then speaks to it."""
        found = self.servers = servers.start(say, airflow=self.with_airflow)
        os.environ.update(servers.environment(found.airflow if self.with_airflow else "", found.mlflow))
        settings.cache_clear()
        return found

    def _end_servers(self, before: servers.Servers | None) -> None:
        if self.with_airflow:
            servers.stop(but=before.processes if before else ())
        elif not ((now := servers.find()) and now.airflow):
            # MLflow alone is ours, or of a run that was killed. With Airflow beside it, `make up` uses it.
            servers.stop()

    def verdict(self, run_id: str) -> str:
        """What the gate of a training has decided."""
        found = GateReport.read(report_uri(self.dag("training"), run_id, "gate"))
        reasons = "; ".join(found.reasons)
        if not found.promote:
            return f"version {found.challenger} refused: {reasons}"
        promoted = PromoteReport.read(report_uri(self.dag("training"), run_id, "promote"))
        return f"version {promoted.champion} promoted: {reasons}"

    def note_drift(self, run_id: str, say: Say) -> DriftReport:
        """What a monitoring has found."""
        found = DriftReport.read(report_uri(self.dag("monitoring"), run_id, "drift"))
        if found.outcome == "done":
            self.drift.append(drift_entry(found, self.use_case))
            self.page = found.page
            drifted = sum(column.drifted for column in found.columns)
            say(f"{drifted} of {len(found.columns)} columns have drifted")
        else:
            say(found.outcome)
        return found
