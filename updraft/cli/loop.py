"""A use case's loop on the command line: its steps with their progress, and the closing."""

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from updraft.cli import servers
from updraft.cli.closing import (
    Closing,
    MonitoringSummary,
    Step,
    count_rows,
    monitoring_summary,
    registered_models,
    show,
)
from updraft.cli.sample import write_sample
from updraft.core.errors import UpdraftError
from updraft.core.report_files import report_path, report_uri
from updraft.core.reports import DecideReport, DriftReport, GateReport, PromoteReport
from updraft.core.settings import settings
from updraft.core.use_case import UseCase, load_use_case

Say = Callable[[str], None]


class Loop(ABC):
    """One pass through the loop: its steps, as they end, and their results."""

    command: str  # Named in the closing as what has left the results.
    with_airflow: bool  # Whether it drives Airflow's servers, or needs MLflow alone.

    def __init__(self, name: str, console: Console) -> None:
        self.use_case: UseCase = load_use_case(name)
        self.console = console
        self.started = time.monotonic()
        self.steps: list[Step] = []
        self.monitoring: list[MonitoringSummary] = []
        self.drift_page: str | None = None
        self.servers: servers.Servers | None = None

    @abstractmethod
    def run_steps(self) -> None:
        """Take the steps. An UpdraftError ends them."""

    @abstractmethod
    def places(self) -> dict[str, str]:
        """Return what can be looked at afterwards, and where."""

    def run(self, report: Path) -> bool:
        """Take all steps, then write the report and print the closing.

        Returns whether all steps have ended well.
        """
        servers_before = servers.find()
        closing = Closing(
            use_case=self.use_case.name, ok=False, seconds=0, steps=[], error="interrupted"
        )
        try:
            self.run_steps()
            with self.step("Counting rows and models") as say:
                closing.models, closing.champion = registered_models(self.use_case)
                closing.tables = count_rows(self.use_case)
                closing.ok = True
                closing.error = None
                say("done")
        except UpdraftError as error:
            closing.error = str(error)
        finally:
            self._end_servers(servers_before)
            closing.steps = self.steps
            closing.drift = self.monitoring
            closing.seconds = round(time.monotonic() - self.started, 1)
            closing.write(report)
        places = {"this table as a file": str(report)}
        if self.drift_page:
            places["drift page (Evidently)"] = str(report_path(self.drift_page))
        places |= self.places()
        show(closing, self.console, places, self.use_case.gate.metric, self.command)
        return closing.ok

    @contextmanager
    def step(self, name: str) -> Iterator[Say]:
        """Take a step; yield a function that shows its progress.

        One line is printed when the step ends: the elapsed time and the last progress.
        """
        started = time.monotonic()
        state = "failed"
        progress = ""
        with self.console.status(escape(name)) as status:

            def say(text: str) -> None:
                nonlocal progress
                progress = text
                status.update(escape(f"{name}: {text}"))

            try:
                yield say
                state = "success"
            finally:
                seconds = time.monotonic() - started
                self.steps.append(Step(name=name, state=state, seconds=round(seconds, 1)))
                mark = "[green]ok[/]    " if state == "success" else "[red]failed[/]"
                elapsed = time.monotonic() - self.started
                line = escape(f"{name}: {progress} ({seconds:.1f} s)")
                clock = rf"\[{elapsed:6.1f} s]"
                self.console.print(f"{clock} {mark} {line}", soft_wrap=True, highlight=False)

    def dag(self, part: str) -> str:
        """Return the id of one of the use case's DAGs: data, training, monitoring."""
        return f"{self.use_case.name}_{part}"

    def place_raw_files(self, say: Say, **options: float | None) -> None:
        """Write the sample, unless the user has named a source of their own.

        ``options``: the sample maker's.
        """
        source = settings().source(self.use_case.name, self.use_case.data.input)
        if source != settings().path(self.use_case.data.input):
            say(f"your own, in {source}")
            return
        number = write_sample(self.use_case.name, **options)
        say(f"{number} files in {source}")

    def start_servers(self, say: Say) -> servers.Servers:
        """Start the servers that are not running yet, and make this process use them."""
        self.servers = servers.start(say, airflow=self.with_airflow)
        airflow = self.servers.airflow if self.with_airflow else ""
        os.environ.update(servers.environment(airflow, self.servers.mlflow))
        settings.cache_clear()
        return self.servers

    def verdict(self, run_id: str) -> str:
        """Return the decision of a training's gate, and its reasons."""
        gate = GateReport.read(report_uri(self.dag("training"), run_id, "gate"))
        reasons = "; ".join(gate.reasons)
        if not gate.promote:
            return f"version {gate.challenger} refused: {reasons}"
        promotion = PromoteReport.read(report_uri(self.dag("training"), run_id, "promote"))
        return f"version {promotion.champion} promoted: {reasons}"

    def note_monitoring(self, run_id: str, say: Say) -> DecideReport | None:
        """Keep what a monitoring run has found for the closing, and return its decision.

        None if there is no champion to monitor.
        """
        drift = DriftReport.read(report_uri(self.dag("monitoring"), run_id, "drift"))
        if drift.outcome == "no champion":
            say(drift.outcome)
            return None
        decision = DecideReport.read(report_uri(self.dag("monitoring"), run_id, "decide"))
        self.monitoring.append(monitoring_summary(drift, decision, self.use_case))
        self.drift_page = drift.page
        drifted = sum(column.drifted for column in drift.columns)
        say(f"{drifted} of {len(drift.columns)} columns have drifted: {decision.action}")
        return decision

    def _end_servers(self, before: servers.Servers | None) -> None:
        if self.with_airflow:
            servers.stop(keep=before.processes if before else ())
            return
        running = servers.find()
        if running is None or not running.airflow:
            # MLflow alone belongs to this run, or to one that was killed. If Airflow runs too,
            # `make up` has started both.
            servers.stop()
