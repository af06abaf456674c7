"""The demo: a use case through its whole loop on a real Airflow, driven from outside as a person would drive it."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from rich.console import Console

from updraft.cli import servers
from updraft.cli.airflow_api import ENDED, AirflowApi, Json
from updraft.cli.closing import Closing, Step, drift_entry, models, show, table_rows
from updraft.cli.sample import lay_sample
from updraft.core.errors import UpdraftError
from updraft.core.reports import DriftReport, GateReport, PromoteReport, report_path
from updraft.core.sections import Demo
from updraft.core.settings import settings
from updraft.core.use_case import UseCase, load_use_case
from updraft.orchestration.spark_job import report_uri

RUN_SECONDS = 1800
POLL_SECONDS = 1.0


class DemoRun:
    """One pass through the demo: its steps, as they end, and what they found."""

    def __init__(self, use_case: UseCase, plan: Demo, console: Console) -> None:
        self.use_case, self.plan, self.console = use_case, plan, console
        self.started = time.monotonic()
        self.steps: list[Step] = []
        self.drift: list[Json] = []
        self.page: str | None = None
        self.servers: servers.Servers | None = None
        self.api: AirflowApi

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
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

    def dag(self, part: str) -> str:
        return f"{self.use_case.name}_{part}"

    def run_all(self) -> None:
        plan = self.plan
        with self.step("Raw files") as say:
            source = settings().source(self.use_case.name, self.use_case.data.input)
            if self.use_case.name in settings().sources:
                say(f"your own, in {source}")
            else:
                say(f"{lay_sample(self.use_case.name, None, None, None)} files in {source}")
        with self.step("Airflow and MLflow") as say:
            running = self.servers = servers.start(say)
            os.environ.update(servers.environment(running.airflow, running.mlflow))
            settings.cache_clear()
            self.api = AirflowApi(running)
            self._await_dags()
            say(f"{running.airflow} and {running.mlflow}")
        _, champion = models(self.use_case)
        with self.step(f"Data, {plan.range} in one run") as say:
            self.api.pause(self.dag("monitoring"), True)
            self.api.pause(self.dag("data"), False)
            self._range(plan.range.start, plan.range.end, say)
        with self.step(f"Data, {plan.backfill} as a daily backfill") as say:
            self._backfill(plan.backfill.start, plan.backfill.end, say)
        with self.step(f"Training on rows until {plan.backfill.end}") as say:
            self.api.pause(self.dag("training"), False)
            run_id = self.api.trigger(self.dag("training"), {"end": str(plan.backfill.end)})
            self._wait(self.dag("training"), run_id, say)
            say(self._verdict(run_id))
        with self.step(f"Data, {plan.later} in one run") as say:
            self.api.pause(self.dag("monitoring"), False)
            seen = {run["dag_run_id"] for run in self.api.runs(self.dag("monitoring"))}
            self._range(plan.later.start, plan.later.end, say)
        with self.step("Monitoring, started by the new features") as say:
            run_id = self._await_run(self.dag("monitoring"), lambda run: run["dag_run_id"] not in seen)
            self._wait(self.dag("monitoring"), run_id, say)
            found = DriftReport.read(report_uri(self.dag("monitoring"), run_id, "drift"))
            if found.outcome != "done":
                raise UpdraftError(f"{self.dag('monitoring')} {run_id}: ended with {found.outcome!r}, expected a comparison.")
            self.drift.append(drift_entry(found))
            self.page = found.page
            drifted = [column.column for column in found.columns if column.drifted]
            say(f"{len(drifted)} of {len(found.columns)} columns have drifted")
            if champion is None and not found.detected:
                # Done again, the champion has already learnt from these rows; the first time there is something to see.
                raise UpdraftError(f"{self.dag('monitoring')} {run_id}: found no drift in {plan.later}, expected some.")
        if found.detected:
            with self.step("Retraining, started by the drift") as say:
                wanted = f"drift__{run_id}"
                retraining = self._await_run(self.dag("training"), lambda run: run["dag_run_id"] == wanted)
                self._wait(self.dag("training"), retraining, say)
                say(self._verdict(retraining))

    def _range(self, first: date, last: date, say: Callable[[str], None]) -> None:
        run_id = self.api.trigger(self.dag("data"), {"start": str(first), "end": str(last)})
        self._wait(self.dag("data"), run_id, say)

    def _backfill(self, first: date, last: date, say: Callable[[str], None]) -> None:
        start, end = (datetime.combine(day, datetime.min.time(), UTC) for day in (first, last))
        backfill = self.api.backfill(self.dag("data"), start, end)
        deadline = time.monotonic() + RUN_SECONDS
        query = {"run_type": "backfill", "logical_date_gte": start.isoformat(), "logical_date_lte": end.isoformat()}
        while time.monotonic() < deadline:
            done = self.api.call("GET", f"/backfills/{backfill}")["completed_at"]
            runs = self.api.runs(self.dag("data"), **query)
            ended = [run for run in runs if run["state"] in ENDED]
            say(f"{len(ended)} of {len(runs)} runs have ended")
            if done and len(ended) == len(runs):
                if failed := [run for run in runs if run["state"] == "failed"]:
                    self._explain(self.dag("data"), failed[0]["dag_run_id"])
                return
            time.sleep(POLL_SECONDS)
        raise UpdraftError(f"backfill {backfill} has not ended within {RUN_SECONDS} s.")

    def _wait(self, dag_id: str, run_id: str, say: Callable[[str], None]) -> None:
        """Wait for a run's end, telling of its tasks.

        Raises:
            UpdraftError: it has failed, or has not ended in time; the text names the task and its log.
        """
        deadline = time.monotonic() + RUN_SECONDS
        while time.monotonic() < deadline:
            tasks = self.api.tasks(dag_id, run_id)
            done = [f"{one['task_id']} {one['duration'] or 0:.0f} s" for one in tasks if one["state"] == "success"]
            say(", ".join([*done, *(f"{one['task_id']} ..." for one in tasks if one["state"] == "running")]))
            state = self.api.run(dag_id, run_id)["state"]
            if state == "failed":
                self._explain(dag_id, run_id)
            if state == "success":
                return
            time.sleep(POLL_SECONDS)
        raise UpdraftError(f"{dag_id} {run_id} has not ended within {RUN_SECONDS} s. Look at it in Airflow.")

    def _explain(self, dag_id: str, run_id: str) -> None:
        failed = [one["task_id"] for one in self.api.tasks(dag_id, run_id) if one["state"] == "failed"]
        logs = Path(os.environ["AIRFLOW_HOME"]) / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
        raise UpdraftError(f"{dag_id} {run_id}: failed in {', '.join(failed) or 'no task'}. The reason is in {logs}.")

    def _await_run(self, dag_id: str, wanted: Callable[[Json], bool]) -> str:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            for run in self.api.runs(dag_id):
                if wanted(run):
                    return str(run["dag_run_id"])
            time.sleep(POLL_SECONDS)
        raise UpdraftError(f"{dag_id}: expected a run to start by itself within 120 s, found none. See the scheduler's log.")

    def _await_dags(self) -> None:
        deadline = time.monotonic() + 120
        while not all(self.api.has_dag(self.dag(part)) for part in ("data", "training", "monitoring")):
            if time.monotonic() > deadline:
                raise UpdraftError(
                    f"the DAGs of {self.use_case.name} did not appear within 120 s. See the dag-processor's log."
                )
            time.sleep(POLL_SECONDS)

    def _verdict(self, run_id: str) -> str:
        verdict = GateReport.read(report_uri(self.dag("training"), run_id, "gate"))
        reasons = "; ".join(verdict.reasons)
        if not verdict.promote:
            return f"version {verdict.challenger} refused: {reasons}"
        promoted = PromoteReport.read(report_uri(self.dag("training"), run_id, "promote"))
        return f"version {promoted.champion} promoted: {reasons}"


def demo(name: str, console: Console) -> bool:
    """Run the demo of a use case and write ``demo/report.json``. Returns whether all went well."""
    use_case = load_use_case(name)
    if use_case.demo is None:
        raise UpdraftError(f"{use_case.folder / 'use_case.yaml'}: has no section demo, so there is nothing to show.")
    logging.getLogger("mlflow").setLevel(logging.WARNING)  # It greets a new experiment between our lines.
    were_running = servers.find() is not None
    run = DemoRun(use_case, use_case.demo, console)
    closing = Closing(use_case=name, ok=False, seconds=0, steps=[])
    try:
        run.run_all()
        with run.step("Counting rows and models") as say:
            listed, champion = models(use_case)
            closing = closing.model_copy(
                update={"ok": champion is not None, "tables": table_rows(use_case), "models": listed, "champion": champion}
            )
            say("done")
    except UpdraftError as error:
        closing = closing.model_copy(update={"error": str(error)})
    finally:
        if not were_running:
            servers.stop()
        seconds = round(time.monotonic() - run.started, 1)
        closing = closing.model_copy(update={"steps": run.steps, "drift": run.drift, "seconds": seconds})
        report = Path(str(settings().path("demo", "report.json")))
        closing.write(report)
    show(closing, console, _places(use_case, run, report))
    return closing.ok


def _places(use_case: UseCase, run: DemoRun, report: Path) -> dict[str, str]:
    """What can be looked at after the demo, and where."""
    places = {"this table as a file": str(report)}
    if run.page:
        places["drift page (Evidently)"] = str(report_path(run.page))
    if run.servers:
        places |= {
            "graph of a training": f"{run.servers.airflow}/dags/{run.dag('training')}",
            "versions and verdicts": f"{run.servers.mlflow}/#/models/{use_case.name}",
            "passwords of user admin": str(servers.home() / "secrets.json"),
        }
    return places
