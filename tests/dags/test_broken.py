"""B22: a broken use case is one DAG that lists its mistakes and fails; the DAGs of the others are there, and quick."""

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
    """A sound use case that tells two people, one with three mistakes, and one whose folder has no name for a DAG."""
    folder = tmp_path_factory.mktemp("use_cases")
    for name in ("flights", "landings", "my flights"):
        shutil.copytree(REPO / "use_cases" / "flights", folder / name)
    sound = folder / "flights" / "use_case.yaml"
    sound.write_text(sound.read_text() + "\nalerts: {email: [b@example.org, a@example.org]}\n")
    broken = folder / "landings" / "use_case.yaml"
    broken.write_text(broken.read_text().replace("title: ", "tittle: <img src=x> ").replace("lightgbm:", "lightgmb:"))
    return parse(tmp_path_factory.mktemp("airflow"), UPDRAFT_USE_CASES=str(folder))


def test_b22_a_broken_use_case_is_one_dag_and_the_others_keep_working(parsed: dict[str, Any]) -> None:
    assert parsed["errors"] == {}
    broken = {"landings_broken", "my_flights_broken"}
    assert set(parsed["dags"]) == {f"flights_{part}" for part in PARTS} | broken
    assert {dag_id for dag_id, dag in parsed["dags"].items() if "broken" in dag["tags"]} == broken


def test_b22_its_page_lists_all_mistakes_with_lines_as_text(parsed: dict[str, Any]) -> None:
    text = parsed["dags"]["landings_broken"]["doc_md"]
    for said in (
        "line 1: tittle: not a key of this section. Did you mean 'title'?",
        "title: missing",
        "Did you mean 'lightgbm'?",
    ):
        assert said in text
    listed = [line for line in text.splitlines() if "line " in line]
    assert len(listed) == 3
    assert all(line.startswith("    ") for line in listed), "indented, Markdown shows it and runs nothing"
    assert "String should match pattern" in parsed["dags"]["my_flights_broken"]["doc_md"]


def test_b22_it_fails_when_it_is_run_with_its_mistakes() -> None:
    dag = broken_dag("landings", "use_case.yaml: 1 mistake.\n  line 1: tittle")
    (task,) = dag.tasks
    assert task.retries == 0
    with pytest.raises(AirflowFailException, match="line 1: tittle"):
        task.python_callable()  # type: ignore[attr-defined]


def test_b22_mistakes_cost_no_time(parsed: dict[str, Any]) -> None:
    assert parsed["seconds"]
    assert {file: s for file, s in parsed["seconds"].items() if s >= PARSE_SECONDS} == {}


def test_where_alerts_are_configured_every_task_tells_them(parsed: dict[str, Any]) -> None:
    told = {task: to for task, to in parsed["told"].items() if task.startswith("flights_")}
    assert len(told) > 10
    assert [task for task, to in told.items() if to != ["a@example.org", "b@example.org"]] == []


def test_b22_a_dag_that_cannot_be_made_becomes_a_broken_one(flights: UseCase) -> None:
    """So that the others of its file are there, whatever nobody has thought of."""

    def data_dag(use_case: UseCase) -> DAG:
        raise ZeroDivisionError(use_case.name)

    broken = dag_or_broken(data_dag, flights)
    assert (broken.dag_id, TAG in broken.tags) == ("flights_data_dag_broken", True)
    assert "ZeroDivisionError: flights" in (broken.doc_md or "")
