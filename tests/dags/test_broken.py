"""A broken use case is one DAG that lists its mistakes and fails; other DAGs keep working."""

import shutil
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from tests.dags.test_integrity import PARSE_SECONDS, PARTS, parse
from updraft.core.settings import REPO
from updraft.core.use_case import UseCase
from updraft.orchestration.broken import TAG, broken_dag, dag_or_broken


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The DAGs of three use cases.

    A valid one that alerts two people, one with three mistakes, and one whose folder's name is no
    name for a DAG.
    """
    folder = tmp_path_factory.mktemp("use_cases")
    for name in ("flights", "landings", "my flights"):
        shutil.copytree(REPO / "use_cases" / "flights", folder / name)
    valid = folder / "flights" / "use_case.yaml"
    valid.write_text(valid.read_text() + "\nalerts: {email: [b@example.org, a@example.org]}\n")
    broken = folder / "landings" / "use_case.yaml"
    text = broken.read_text().replace("title: ", "tittle: <img src=x> ")
    broken.write_text(text.replace("lightgbm:", "lightgmb:"))
    return parse(tmp_path_factory.mktemp("airflow"), UPDRAFT_USE_CASES=str(folder))


@pytest.mark.bad_input("B22")
def test_a_broken_use_case_is_one_dag_and_the_others_keep_working(
    parsed: dict[str, Any],
) -> None:
    assert parsed["errors"] == {}
    broken = {"landings_broken", "my_flights_broken"}
    assert set(parsed["dags"]) == {f"flights_{part}" for part in PARTS} | broken
    assert {dag_id for dag_id, dag in parsed["dags"].items() if "broken" in dag["tags"]} == broken


@pytest.mark.bad_input("B22")
def test_the_page_of_a_broken_use_case_lists_all_mistakes_with_lines_as_text(
    parsed: dict[str, Any],
) -> None:
    text = parsed["dags"]["landings_broken"]["doc_md"]
    for mistake in (
        "line 1: tittle: not a key of this section. Did you mean 'title'?",
        "title: missing",
        "Did you mean 'lightgbm'?",
    ):
        assert mistake in text
    listed = [line for line in text.splitlines() if "line " in line]
    assert len(listed) == 3
    assert all(line.startswith("    ") for line in listed), (
        "indented, Markdown shows it and runs nothing"
    )
    assert "String should match pattern" in parsed["dags"]["my_flights_broken"]["doc_md"]


@pytest.mark.bad_input("B22")
def test_a_broken_use_case_fails_when_it_is_run_with_its_mistakes() -> None:
    dag = broken_dag("landings", "use_case.yaml: 1 mistake.\n  line 1: tittle")
    (task,) = dag.tasks
    assert task.retries == 0
    with pytest.raises(AirflowFailException, match="line 1: tittle"):
        task.python_callable()  # type: ignore[attr-defined]


@pytest.mark.bad_input("B22")
def test_mistakes_cost_no_time(parsed: dict[str, Any]) -> None:
    assert parsed["seconds"]
    slow = {file: s for file, s in parsed["seconds"].items() if s >= PARSE_SECONDS}
    assert slow == {}


def test_where_alerts_are_configured_every_task_sends_them(parsed: dict[str, Any]) -> None:
    alerts = {task: to for task, to in parsed["alerts"].items() if task.startswith("flights_")}
    assert len(alerts) > 10
    assert [task for task, to in alerts.items() if to != ["a@example.org", "b@example.org"]] == []


@pytest.mark.bad_input("B22")
def test_a_dag_that_cannot_be_made_becomes_a_broken_one(flights: UseCase) -> None:
    """So that the other DAGs of its file are made, whatever the error is."""

    def data_dag(use_case: UseCase) -> DAG:
        raise ZeroDivisionError(use_case.name)

    broken = dag_or_broken(data_dag, flights)
    assert (broken.dag_id, TAG in broken.tags) == ("flights_data_dag_broken", True)
    assert "ZeroDivisionError: flights" in (broken.doc_md or "")
