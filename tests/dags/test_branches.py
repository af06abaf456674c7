"""The branches follow the reports that jobs have written, and fail where there is none."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk.execution_time.context import set_current_context

from updraft.core.errors import UpdraftError
from updraft.core.reports import DriftReport, GateReport, report_uri
from updraft.core.use_case import UseCase
from updraft.orchestration.monitoring import monitoring_dag
from updraft.orchestration.training import training_dag


def chosen(dag, task: str) -> str:  # type: ignore[no-untyped-def]
    with set_current_context({"dag_run": SimpleNamespace(dag_id=dag.dag_id, run_id="r")}):  # type: ignore[typeddict-item]
        return str(dag.get_task(task).python_callable())


@pytest.mark.parametrize(("promote", "branch"), [(True, "promote"), (False, "keep_champion")])
def test_only_a_yes_of_the_gate_promotes(root: Path, flights: UseCase, promote: bool, branch: str) -> None:
    dag = training_dag(flights)
    with pytest.raises(UpdraftError, match="not found"):
        chosen(dag, "follow_verdict")
    verdict = GateReport(use_case="flights", promote=promote, challenger=2, champion=1, reasons=["a reason"])
    verdict.write(report_uri(dag.dag_id, "r", "gate"))
    assert chosen(dag, "follow_verdict") == branch
    assert branch in dag.get_task("follow_verdict").downstream_task_ids


@pytest.mark.parametrize(("detected", "branch"), [(True, "retrain"), (False, "nothing_to_do")])
def test_only_drift_starts_a_training(root: Path, flights: UseCase, detected: bool, branch: str) -> None:
    dag = monitoring_dag(flights)
    with pytest.raises(UpdraftError, match="not found"):
        chosen(dag, "has_drifted")
    DriftReport(use_case="flights", detected=detected).write(report_uri(dag.dag_id, "r", "drift"))
    assert chosen(dag, "has_drifted") == branch
    assert branch in dag.get_task("has_drifted").downstream_task_ids
