"""The demo: a use case through its whole loop on a real Airflow, driven from outside as a person would drive it."""

import os
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from rich.console import Console

from updraft.cli import servers
from updraft.cli.airflow_api import ENDED, AirflowApi, Json
from updraft.cli.closing import models
from updraft.cli.loop import Loop, Say
from updraft.core.errors import UpdraftError
from updraft.core.reports import GateReport, SearchAndFitReport, report_uri
from updraft.core.settings import settings

RUN_SECONDS = 1800
POLL_SECONDS = 1.0


class DemoRun(Loop):
    """One pass through the demo."""

    command = "the demo"
    with_airflow = True
    api: AirflowApi

    def __init__(self, name: str, console: Console) -> None:
        super().__init__(name, console)
        if self.use_case.demo is None:
            raise UpdraftError(f"{self.use_case.folder / 'use_case.yaml'}: has no section demo, so there is nothing to show.")
        self.plan = self.use_case.demo

    def go(self) -> None:
        plan = self.plan
        with self.step("Raw files") as say:
            self.lay_raw_files(say)
        with self.step("Airflow and MLflow") as say:
            running = self.start_servers(say)
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
            say(self.verdict(run_id))
        with self.step("Training again on the same rows, a simpler model") as say:
            trained = SearchAndFitReport.read(report_uri(self.dag("training"), run_id, "search_and_fit"))
            others = [name for name in self.use_case.model.algorithms if name != trained.algorithm]
            form = {"end": str(plan.backfill.end), "algorithms": others or [trained.algorithm], "trials": 1}
            run_id = self.api.trigger(self.dag("training"), form)
            self._wait(self.dag("training"), run_id, say)
            say(self.verdict(run_id))
            if champion is None and GateReport.read(report_uri(self.dag("training"), run_id, "gate")).promote:
                raise UpdraftError(
                    f"{self.dag('training')} {run_id}: was promoted, expected a refusal of {form['algorithms']}."
                )
        with self.step(f"Data, {plan.later} in one run") as say:
            self.api.pause(self.dag("monitoring"), False)
            seen = {run["dag_run_id"] for run in self.api.runs(self.dag("monitoring"))}
            self._range(plan.later.start, plan.later.end, say)
        with self.step("Monitoring, started by the new features") as say:
            run_id = self._await_run(self.dag("monitoring"), lambda run: run["dag_run_id"] not in seen)
            self._wait(self.dag("monitoring"), run_id, say)
            found = self.note_drift(run_id, say)
            if found.outcome != "done":
                raise UpdraftError(f"{self.dag('monitoring')} {run_id}: ended with {found.outcome!r}, expected a comparison.")
            if champion is None and not found.detected:
                # Done again, the champion has already learnt from these rows; the first time there is something to see.
                raise UpdraftError(f"{self.dag('monitoring')} {run_id}: found no drift in {plan.later}, expected some.")
        if found.detected:
            with self.step("Retraining, started by the drift") as say:
                wanted = f"drift__{run_id}"
                retraining = self._await_run(self.dag("training"), lambda run: run["dag_run_id"] == wanted)
                self._wait(self.dag("training"), retraining, say)
                say(self.verdict(retraining))
                if champion is None and not GateReport.read(report_uri(self.dag("training"), retraining, "gate")).promote:
                    raise UpdraftError(f"{self.dag('training')} {retraining}: was refused, expected a promotion.")

    def _range(self, first: date, last: date, say: Say) -> None:
        run_id = self.api.trigger(self.dag("data"), {"start": str(first), "end": str(last)})
        self._wait(self.dag("data"), run_id, say)

    def _backfill(self, first: date, last: date, say: Say) -> None:
        start, end = (datetime.combine(day, datetime.min.time(), UTC) for day in (first, last))
        backfill = self.api.backfill(self.dag("data"), start, end)  # All its runs are there when Airflow answers.
        deadline = time.monotonic() + RUN_SECONDS
        query = {"run_type": "backfill", "logical_date_gte": start.isoformat(), "logical_date_lte": end.isoformat()}
        while time.monotonic() < deadline:
            # Airflow looks every 30 s only whether the backfill itself has ended.
            runs = self.api.runs(self.dag("data"), **query)
            ended = [run for run in runs if run["state"] in ENDED]
            say(f"{len(ended)} of {len(runs)} runs have ended")
            if runs and len(ended) == len(runs):
                if failed := [run for run in runs if run["state"] == "failed"]:
                    self._explain(self.dag("data"), failed[0]["dag_run_id"])
                return
            time.sleep(POLL_SECONDS)
        raise UpdraftError(f"backfill {backfill} has not ended within {RUN_SECONDS} s.")

    def _wait(self, dag_id: str, run_id: str, say: Say) -> None:
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

    def places(self) -> dict[str, str]:
        if not self.servers:
            return {}
        return {
            "graph of a training": f"{self.servers.airflow}/dags/{self.dag('training')}",
            "versions and verdicts": f"{self.servers.mlflow}/#/models/{self.use_case.name}",
            "the ledger": f".venv/bin/updraft history {self.use_case.name}",
            "passwords of user admin": str(servers.home() / "secrets.json"),
        }


def demo(name: str, console: Console) -> bool:
    """Run the demo of a use case and write ``demo/report.json``. Returns whether all went well."""
    return DemoRun(name, console).run(Path(str(settings().path("demo", "report.json"))))
