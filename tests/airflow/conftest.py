"""One real Airflow for all tests of this folder, on its own root: scheduler, API and pages."""

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.conftest import environment, write_flights
from updraft.cli import servers
from updraft.cli.airflow_api import ENDED, AirflowApi, Json
from updraft.core.settings import REPO
from updraft.core.waiting import wait_for

DAG = "flights_data"
DAGS = (
    DAG,
    "flights_monitoring",
    "flights_training",
    "flights_rollback",
    "flights_release",
    "flights_scoring",
)
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
HERE = Path(__file__).parent
# test_ways_to_run has its own servers; test_scheduler counts the first runs on the common ones; the
# last test stops those.
ORDER = {"test_ways_to_run": -1, "test_scheduler": 0, "test_shutdown": 2}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests of this folder by ``ORDER``, and leave all others where they are."""
    positions = [n for n, item in enumerate(items) if item.path.parent == HERE]
    tests = [items[position] for position in positions]
    tests.sort(key=lambda item: ORDER.get(item.path.stem, 1))
    for position, test in zip(positions, tests, strict=True):
        items[position] = test


@pytest.fixture(scope="package")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("airflow")
    variables = {
        "UPDRAFT_ROOT": str(folder),
        "UPDRAFT_USE_CASES": str(small_use_case(folder / "use_cases")),
    }
    with environment(variables):
        landing = write_flights(folder, "2013-01-15", "2013-01-15")
        redate(landing / "flights_2013-01-15.csv", YESTERDAY)
        redate(landing / "flights_2013-01-15.csv", date(2013, 1, 15))
        yield folder


def small_use_case(folder: Path) -> Path:
    """The flights, but trained on three days, so that a training in Airflow takes a minute.

    Returns the folder.
    """
    shutil.copytree(REPO / "use_cases" / "flights", folder / "flights")
    file = folder / "flights" / "use_case.yaml"
    content = yaml.safe_load(file.read_text())
    search = {"method": "random", "trials": 1, "folds": 1, "seed": 1}
    content["model"] |= {"window": 3, "holdout": 1, "search": search}
    content["gate"] |= {"min_rows": 100, "floors": {"auc": 0.01}, "unit": "row"}
    del content["gate"]["slices"]  # A day has too few flights for groups.
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return folder


def redate(file: Path, day: date) -> None:
    """Write the same flights as if they had flown on another day."""
    header, *lines = file.read_text().splitlines()
    dated = []
    for line in lines:
        *fields, hour = line.split(",")
        day_fields = [str(day.year), str(day.month), str(day.day)]
        dated.append(",".join([*day_fields, *fields[3:], f"{day}T{hour[11:]}"]))
    (file.parent / f"flights_{day}.csv").write_text("\n".join([header, *dated]) + "\n")


@pytest.fixture(scope="package")
def running(root: Path) -> Iterator[servers.Servers]:
    try:
        yield servers.start(print)
    finally:
        servers.stop()


@pytest.fixture(scope="package")
def api(running: servers.Servers) -> AirflowApi:
    airflow = AirflowApi(running)

    def has_all_dags() -> bool | None:
        return all(airflow.has_dag(dag_id) for dag_id in DAGS) or None

    assert wait_for(has_all_dags, seconds=120, every=1), "the DAGs did not appear"
    return airflow


def ended_runs(
    api: AirflowApi,
    dag_id: str,
    number: int,
    *,
    seconds: float = 400,
    every: float = 1,
    **query: str,
) -> list[Json]:
    """Wait until a DAG has ``number`` runs at least and all have ended; return them."""

    def all_ended() -> list[Json] | None:
        runs = api.runs(dag_id, **query)
        is_complete = len(runs) >= number and all(run["state"] in ENDED for run in runs)
        return runs if is_complete else None

    runs = wait_for(all_ended, seconds=seconds, every=every)
    if runs is None:
        states = {run["dag_run_id"]: run["state"] for run in api.runs(dag_id, **query)}
        pytest.fail(f"{dag_id}: these runs have not ended in {seconds} s: {states}")
    return runs


def task_states(api: AirflowApi, run: Json) -> dict[str, str]:
    tasks = api.tasks(run["dag_id"], run["dag_run_id"])
    return {task["task_id"]: task["state"] for task in tasks}
