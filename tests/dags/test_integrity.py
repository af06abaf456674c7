"""What a team runs on every commit: the DAGs are complete, quick to parse, and as reviewed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from updraft.core.settings import REPO
from updraft.core.use_case import load_use_case, use_case_names

GOLDEN = REPO / "tests" / "golden"
HEAVY = (
    "pyspark",
    "mlflow",
    "great_expectations",
    "pandas",
    "evidently",
    "optuna",
    "lightgbm",
    "onnx",
)
PARSE_SECONDS = 0.5
PARTS = ("data", "training", "monitoring", "rollback", "release", "scoring")
BY_HAND = ("_rollback", "_release", "_scoring")
DAG_IDS = [f"{name}_{part}" for name in use_case_names() for part in PARTS]
CONNECTION = "AIRFLOW_CONN_"


def parse(home: Path, **settings: str) -> dict[str, Any]:
    """The DAGs as a fresh process parses them, with its timings and imports."""
    env = {
        **os.environ,
        **settings,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPO / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPO / "plugins"),
    }
    command = [sys.executable, str(Path(__file__).with_name("parse.py"))]
    process = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr[-3000:]
    output: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return output


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return parse(tmp_path_factory.mktemp("airflow"))


@pytest.fixture(scope="module")
def dags(parsed: dict[str, Any]) -> Iterator[dict[str, Any]]:
    assert parsed["dags"], "no DAG was found, so nothing was checked"
    yield parsed["dags"]


def test_every_use_case_has_its_dags_and_none_fails_to_import(
    parsed: dict[str, Any], dags: dict[str, Any]
) -> None:
    assert parsed["errors"] == {}
    assert set(dags) == set(DAG_IDS)


def test_parsing_is_quick_and_imports_nothing_heavy(parsed: dict[str, Any]) -> None:
    assert set(parsed["seconds"]) == {f"{part}.py" for part in (*PARTS, "broken")}
    slow = {file: s for file, s in parsed["seconds"].items() if s >= PARSE_SECONDS}
    assert slow == {}
    assert [name for name in parsed["modules"] if name in HEAVY] == []


def test_there_is_no_cycle_and_no_broken_task(parsed: dict[str, Any]) -> None:
    assert parsed["cycles"] == []


def test_every_task_has_owner_docs_retries_and_timeout(dags: dict[str, Any]) -> None:
    tasks = [(dag_id, task) for dag_id, dag in dags.items() for task in dag["tasks"]]
    assert tasks
    incomplete = []
    for dag_id, task in tasks:
        has_owner = task["owner"] and task["owner"] != "airflow"
        if not (has_owner and task["doc_md"] and task["retries"] and task["timeout"]):
            incomplete.append(f"{dag_id}.{task['task_id']}")
    assert incomplete == []


def test_tasks_and_fields_are_named_for_people(dags: dict[str, Any]) -> None:
    names = [(task["name"], task["task_id"]) for dag in dags.values() for task in dag["tasks"]]
    assert names
    assert [name for name, task_id in names if name == task_id or " " not in name] == []
    fields = [field for dag in dags.values() for field in dag["form"].values()]
    assert fields
    assert [field for field in fields if not field.get("title")] == []


def test_what_a_form_asks_for_is_never_guessed(dags: dict[str, Any]) -> None:
    """What changes the champion or earlier predictions has no field that may stay empty."""
    by_hand = {dag_id: dag for dag_id, dag in dags.items() if dag_id.endswith(BY_HAND)}
    assert len(by_hand) == len(BY_HAND) * len(use_case_names())
    optional = {
        f"{dag_id}.{name}"
        for dag_id, dag in by_hand.items()
        for name, field in dag["form"].items()
        if "default" in field or "null" in field["type"]
    }
    assert optional == set()


def test_every_dag_has_tags_docs_and_a_limit(dags: dict[str, Any]) -> None:
    for dag_id, dag in dags.items():
        assert {"updraft", dag_id.rsplit("_", 1)[1]} <= set(dag["tags"]), dag_id
        assert dag["doc_md"].strip(), dag_id
        assert dag["description"], dag_id
        assert dag["catchup"] is False, dag_id
        assert dag["max_active_runs"] <= 4, dag_id


def test_no_use_case_is_broken(dags: dict[str, Any]) -> None:
    """The documentation of a broken DAG says what is wrong with its use case."""
    broken = {dag_id: dag["doc_md"] for dag_id, dag in dags.items() if "broken" in dag["tags"]}
    assert broken == {}


def test_a_failed_task_alerts_exactly_those_whom_its_use_case_names(
    parsed: dict[str, Any], dags: dict[str, Any]
) -> None:
    expected = {}
    for dag_id, dag in dags.items():
        addresses = sorted(load_use_case(dag_id.rsplit("_", 1)[0]).alerts.email)
        for task in dag["tasks"]:
            expected[f"{dag_id}.{task['task_id']}"] = addresses
    assert parsed["alerts"] == expected


def test_every_connection_that_is_named_exists(
    dags: dict[str, Any], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the local servers, and in the containers."""
    from updraft.cli.servers import environment

    tasks = [task for dag in dags.values() for task in dag["tasks"]]
    named = {task["connection"] for task in tasks if task["connection"]}
    assert named
    for key in [key for key in os.environ if key.startswith(CONNECTION)]:
        monkeypatch.delenv(key)
    compose = (REPO / "docker-compose.yaml").read_text()
    assert [name for name in named if f"{CONNECTION}{name.upper()}:" not in compose] == []
    keys = [key for key in environment("", "") if key.startswith(CONNECTION)]
    known = {key.removeprefix(CONNECTION).lower() for key in keys}
    assert named - known == set()


def test_all_spark_work_is_spark_submit_on_one_connection(dags: dict[str, Any]) -> None:
    tasks = [task for dag in dags.values() for task in dag["tasks"]]
    jobs = {task["task_id"] for task in tasks if "SparkSubmitOperator" in task["kinds"]}
    by_hand = {"rebuild"}  # `updraft rebuild` runs it.
    assert jobs | by_hand == {path.stem for path in (REPO / "spark_jobs").glob("*.py")}


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_the_structure_is_as_reviewed(dags: dict[str, Any], dag_id: str) -> None:
    """`make golden` writes the files anew; the change is then seen in the review."""
    file = GOLDEN / f"{dag_id}.json"
    structure = json.dumps(dags[dag_id], indent=2, sort_keys=True) + "\n"
    if os.environ.get("UPDRAFT_WRITE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(structure)
    assert file.exists(), f"{file} is missing: run `make golden` and commit it"
    assert file.read_text() == structure


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(DAG_IDS)
