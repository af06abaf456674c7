"""The branches follow the reports that jobs have written, and fail where a report is missing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.execution_time.context import set_current_context

from updraft.core.errors import UpdraftError
from updraft.core.report_files import report_uri
from updraft.core.reports import DriftReport, GateReport
from updraft.core.use_case import UseCase
from updraft.orchestration.monitoring import monitoring_dag
from updraft.orchestration.training import training_dag


def chosen_branch(dag: Any, task: str) -> str:
    context = {"dag_run": SimpleNamespace(dag_id=dag.dag_id, run_id="r")}
    with set_current_context(context):  # type: ignore[arg-type]
        return str(dag.get_task(task).python_callable())


@pytest.mark.parametrize(("promote", "branch"), [(True, "promote"), (False, "keep_champion")])
def test_only_a_yes_of_the_gate_promotes(
    root: Path, flights: UseCase, promote: bool, branch: str
) -> None:
    dag = training_dag(flights)
    with pytest.raises(UpdraftError, match="not found"):
        chosen_branch(dag, "follow_verdict")
    verdict = GateReport(
        use_case="flights", promote=promote, challenger=2, champion=1, reasons=["a reason"]
    )
    verdict.write(report_uri(dag.dag_id, "r", "gate"))
    assert chosen_branch(dag, "follow_verdict") == branch
    assert branch in dag.get_task("follow_verdict").downstream_task_ids


@pytest.mark.parametrize(("detected", "branch"), [(True, "retrain"), (False, "nothing_to_do")])
def test_only_drift_starts_a_training(
    root: Path, flights: UseCase, detected: bool, branch: str
) -> None:
    dag = monitoring_dag(flights)
    with pytest.raises(UpdraftError, match="not found"):
        chosen_branch(dag, "has_drifted")
    report = DriftReport(use_case="flights", detected=detected)
    report.write(report_uri(dag.dag_id, "r", "drift"))
    assert chosen_branch(dag, "has_drifted") == branch
    assert branch in dag.get_task("has_drifted").downstream_task_ids
