"""The branches follow the reports that jobs have written, and fail where a report is missing."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import set_current_context

from updraft.core.errors import UpdraftError
from updraft.core.report_files import report_uri
from updraft.core.reports import DecideReport, GateReport
from updraft.core.triggers import Action
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


@pytest.mark.parametrize(
    ("action", "branch"),
    [("retrain", "retrain"), ("alert", "alert"), ("nothing", "nothing_to_do")],
)
def test_the_decision_of_monitoring_is_followed(
    root: Path, flights: UseCase, action: Action, branch: str
) -> None:
    dag = monitoring_dag(flights)
    with pytest.raises(UpdraftError, match="not found"):
        chosen_branch(dag, "what_follows")
    report = DecideReport(
        use_case="flights", day=date(2013, 6, 30), action=action, reasons=["it is only a test"]
    )
    report.write(report_uri(dag.dag_id, "r", "decide"))
    assert chosen_branch(dag, "what_follows") == branch
    assert branch in dag.get_task("what_follows").downstream_task_ids


def test_an_alert_fails_with_the_reasons(root: Path, flights: UseCase) -> None:
    dag = monitoring_dag(flights)
    report = DecideReport(
        use_case="flights", day=date(2013, 6, 30), action="alert", reasons=["rows are broken"]
    )
    report.write(report_uri(dag.dag_id, "r", "decide"))
    with pytest.raises(AirflowFailException, match="rows are broken"):
        chosen_branch(dag, "alert")
