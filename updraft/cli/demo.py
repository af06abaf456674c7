"""The demo: a use case's complete loop in a real Airflow, driven through its API as by a person."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Literal

from rich.console import Console

from updraft.cli import servers
from updraft.cli.airflow_api import ENDED, AirflowApi, Json
from updraft.cli.closing import registered_models
from updraft.cli.demo_plan import Days, load_demo_plan
from updraft.cli.loop import Loop, Say
from updraft.core.errors import UpdraftError
from updraft.core.report_files import report_uri
from updraft.core.reports import GateReport, SearchAndFitReport
from updraft.core.waiting import wait_for

RUN_SECONDS = 1800  # The longest that a run or a backfill may take.
START_SECONDS = 120  # The longest that a DAG may take to appear, or a run to start by itself.
POLL_SECONDS = 1.0


class DemoRun(Loop):
    """One pass through the demo."""

    command = "the demo"
    with_airflow = True
    api: AirflowApi

    def __init__(self, name: str, console: Console) -> None:
        super().__init__(name, console)
        self.plan = load_demo_plan(self.use_case)

    def run_steps(self) -> None:
        with self.step("Raw files") as say:
            self.place_raw_files(say)
        with self.step("Airflow and MLflow") as say:
            running = self.start_servers(say)
            self.api = AirflowApi(running)
            self._await_dags()
            say(f"{running.airflow} and {running.mlflow}")
        # A demo that is repeated ends differently: its champion has been trained on all rows.
        _, champion = registered_models(self.use_case)
        is_first = champion is None
        self._first_data()
        self._train_twice(is_first)
        self._drift_and_retrain(is_first)

    def places(self) -> dict[str, str]:
        if not self.servers:
            return {}
        return {
            "graph of a training": f"{self.servers.airflow}/dags/{self.dag('training')}",
            "versions and verdicts": f"{self.servers.mlflow}/#/models/{self.use_case.name}",
            "the ledger": f".venv/bin/updraft history {self.use_case.name}",
            "passwords of user admin": str(servers.home() / "secrets.json"),
        }

    def _first_data(self) -> None:
        days = self.plan.range
        with self.step(f"Data, {days} in one run") as say:
            self.api.pause(self.dag("monitoring"), True)
            self.api.pause(self.dag("data"), False)
            self._run_data(days, say)
        days = self.plan.backfill
        with self.step(f"Data, {days} as a daily backfill") as say:
            self._backfill(days, say)

    def _train_twice(self, is_first: bool) -> None:
        end = self.plan.backfill.end
        with self.step(f"Training on rows until {end}") as say:
            self.api.pause(self.dag("training"), False)
            run_id = self._run("training", {"end": str(end)}, say)
            say(self.verdict(run_id))
        with self.step("Training again on the same rows, another algorithm") as say:
            report_file = report_uri(self.dag("training"), run_id, "search_and_fit")
            trained = SearchAndFitReport.read(report_file).algorithm
            algorithms = [name for name in self.use_case.model.algorithms if name != trained]
            algorithms = algorithms or [trained]
            form = {"end": str(end), "algorithms": algorithms, "trials": 1}
            run_id = self._run("training", form, say)
            say(self.verdict(run_id))
            if is_first and self._is_promoted(run_id):
                raise UpdraftError(
                    f"{self.dag('training')} {run_id}: was promoted, "
                    f"expected a refusal of {algorithms}."
                )

    def _drift_and_retrain(self, is_first: bool) -> None:
        days = self.plan.later
        with self.step(f"Data, {days} in one run") as say:
            self.api.pause(self.dag("monitoring"), False)
            earlier = {run["dag_run_id"] for run in self.api.runs(self.dag("monitoring"))}
            self._run_data(days, say)
        with self.step("Monitoring, started by the new features") as say:
            run_id = self._await_run("monitoring", lambda run: run["dag_run_id"] not in earlier)
            self._await_end("monitoring", run_id, say)
            decision = self.note_monitoring(run_id, say)
            if decision is None:
                raise UpdraftError(
                    f"{self.dag('monitoring')} {run_id}: found no champion, expected one."
                )
            if is_first and decision.action != "retrain":
                raise UpdraftError(
                    f"{self.dag('monitoring')} {run_id}: decided {decision.action!r} after {days} "
                    f"({'; '.join(decision.reasons)}), expected a retraining."
                )
        if decision.action != "retrain":
            return
        with self.step("Retraining, started by monitoring") as say:
            started_id = f"monitoring__{run_id}"
            run_id = self._await_run("training", lambda run: run["dag_run_id"] == started_id)
            self._await_end("training", run_id, say)
            say(self.verdict(run_id))
            if is_first and not self._is_promoted(run_id):
                raise UpdraftError(
                    f"{self.dag('training')} {run_id}: was refused, expected a promotion."
                )

    def _is_promoted(self, run_id: str) -> bool:
        return GateReport.read(report_uri(self.dag("training"), run_id, "gate")).promote

    def _run_data(self, days: Days, say: Say) -> None:
        self._run("data", {"start": str(days.start), "end": str(days.end)}, say)

    def _run(self, part: str, form: Json, say: Say) -> str:
        """Trigger a DAG, wait for the end of the run and return its id."""
        run_id = self.api.trigger(self.dag(part), form)
        self._await_end(part, run_id, say)
        return run_id

    def _backfill(self, days: Days, say: Say) -> None:
        start = datetime.combine(days.start, time.min, UTC)
        end = datetime.combine(days.end, time.min, UTC)
        # All runs of the backfill exist when Airflow has answered.
        backfill = self.api.backfill(self.dag("data"), start, end)
        query = {
            "run_type": "backfill",
            "logical_date_gte": start.isoformat(),
            "logical_date_lte": end.isoformat(),
        }

        def ended_runs() -> list[Json] | None:
            # Not the backfill's own state, which Airflow updates only every 30 s.
            runs = self.api.runs(self.dag("data"), **query)
            ended = [run for run in runs if run["state"] in ENDED]
            say(f"{len(ended)} of {len(runs)} runs have ended")
            is_complete = bool(runs) and len(ended) == len(runs)
            return runs if is_complete else None

        runs = wait_for(ended_runs, seconds=RUN_SECONDS, every=POLL_SECONDS)
        if runs is None:
            raise UpdraftError(
                f"backfill {backfill} has not ended within {RUN_SECONDS} s. Look at it in Airflow."
            )
        for run in runs:
            if run["state"] == "failed":
                raise self._failure(self.dag("data"), run["dag_run_id"])

    def _await_end(self, part: str, run_id: str, say: Say) -> None:
        """Wait for the end of a run and show the states of its tasks.

        Raises:
            UpdraftError: it has failed, or has not ended in time; the text names the task and
                its log.
        """
        dag_id = self.dag(part)

        def success() -> Literal[True] | None:
            say(_task_states(self.api.tasks(dag_id, run_id)))
            state = self.api.run(dag_id, run_id)["state"]
            if state == "failed":
                raise self._failure(dag_id, run_id)
            return True if state == "success" else None

        if wait_for(success, seconds=RUN_SECONDS, every=POLL_SECONDS) is None:
            raise UpdraftError(
                f"{dag_id} {run_id} has not ended within {RUN_SECONDS} s. Look at it in Airflow."
            )

    def _failure(self, dag_id: str, run_id: str) -> UpdraftError:
        tasks = self.api.tasks(dag_id, run_id)
        failed = ", ".join(task["task_id"] for task in tasks if task["state"] == "failed")
        logs = Path(os.environ["AIRFLOW_HOME"]) / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
        place = f"in {failed}" if failed else "before any task started"
        return UpdraftError(f"{dag_id} {run_id}: failed {place}. The reason is in {logs}.")

    def _await_run(self, part: str, is_expected: Callable[[Json], bool]) -> str:
        """Wait for a run that starts by itself, and return its id."""

        def expected_run() -> str | None:
            for run in self.api.runs(self.dag(part)):
                if is_expected(run):
                    return str(run["dag_run_id"])
            return None

        run_id = wait_for(expected_run, seconds=START_SECONDS, every=POLL_SECONDS)
        if run_id is None:
            raise UpdraftError(
                f"{self.dag(part)}: expected a run to start by itself within {START_SECONDS} s, "
                "found none. See the scheduler's log."
            )
        return run_id

    def _await_dags(self) -> None:
        dag_ids = [self.dag(part) for part in ("data", "training", "monitoring")]

        def all_exist() -> Literal[True] | None:
            return True if all(self.api.has_dag(dag_id) for dag_id in dag_ids) else None

        if wait_for(all_exist, seconds=START_SECONDS, every=POLL_SECONDS) is None:
            raise UpdraftError(
                f"the DAGs of {self.use_case.name} did not appear within {START_SECONDS} s. "
                "See the dag-processor's log."
            )


def _task_states(tasks: list[Json]) -> str:
    """Return the seconds of tasks that have succeeded, and the names of those that are running."""
    succeeded = [task for task in tasks if task["state"] == "success"]
    running = [task for task in tasks if task["state"] == "running"]
    states = [f"{task['task_id']} {task['duration'] or 0:.0f} s" for task in succeeded]
    states += [f"{task['task_id']} ..." for task in running]
    return ", ".join(states)


def demo(name: str, console: Console) -> bool:
    """Run the demo of a use case and write ``demo/report.json``.

    Returns whether all steps have ended well.
    """
    run = DemoRun(name, console)
    return run.run(servers.local_root() / "demo" / "report.json")
