"""Links lead from a task to what it has made, and are empty when it has made nothing."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG

from updraft.core.settings import settings
from updraft.core.use_case import UseCase
from updraft.orchestration.data import data_dag
from updraft.orchestration.monitoring import monitoring_dag
from updraft.orchestration.training import training_dag

RUN = "manual__2013-01-15T00:00:00+00:00"
QUOTED_RUN = "manual__2013-01-15T00%3A00%3A00%2B00%3A00"


def link(dag: DAG, task: str, report: dict[str, str] | None = None) -> str:
    """The only link of a task, whose job has made this report."""
    operator = dag.get_task(task)
    instance = SimpleNamespace(dag_id=dag.dag_id, run_id=RUN, xcom_pull=lambda task_ids: report)
    (operator_link,) = operator.operator_extra_links
    return str(operator_link.get_link(operator, ti_key=instance))  # type: ignore[arg-type]


def test_pages_are_below_airflows_own_address(
    root: Path, flights: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for dag, job in ((data_dag(flights), "validate"), (monitoring_dag(flights), "drift")):
        assert link(dag, job) == ""
        page = root / "reports" / dag.dag_id / RUN / f"{job}.html"
        page.parent.mkdir(parents=True)
        page.write_text("<p>")
        address = f"/pages/{dag.dag_id}/{QUOTED_RUN}/{job}.html"
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://127.0.0.1:8080")
        assert link(dag, job) == address
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.org/airflow/")
        assert link(dag, job) == f"/airflow{address}"


def test_training_tasks_lead_to_their_mlflow_run(
    root: Path, flights: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    settings.cache_clear()
    dag = training_dag(flights)
    report = {"run_id": "r", "experiment_id": "e"}
    for job in ("search_and_fit", "evaluate"):
        assert link(dag, job) == ""  # It has failed, for instance.
        assert link(dag, job, report) == "http://127.0.0.1:5000/#/experiments/e/runs/r"


def test_other_tasks_have_no_link(flights: UseCase) -> None:
    dags = [data_dag(flights), training_dag(flights), monitoring_dag(flights)]
    linked = {task.task_id for dag in dags for task in dag.tasks if task.operator_extra_links}
    assert linked - {"retrain"} == {"validate", "drift", "decide", "search_and_fit", "evaluate"}
