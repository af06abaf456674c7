"""One real Airflow for all tests of this folder, on a root of its own: its scheduler, its API, its pages."""

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.conftest import lay
from updraft.cli import servers
from updraft.cli.airflow_api import ENDED, AirflowApi, Json
from updraft.core.settings import REPO, settings

DAG = "flights_data"
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
HERE = Path(__file__).parent
# test_ways_to_run has servers of its own; test_scheduler counts the first runs of ours; the last test ends ours.
ORDER = {"test_ways_to_run": -1, "test_scheduler": 0, "test_shutdown": 2}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = [place for place, item in enumerate(items) if item.path.parent == HERE]
    ordered = sorted((items[place] for place in places), key=lambda item: ORDER.get(item.path.stem, 1))
    for place, item in zip(places, ordered, strict=True):
        items[place] = item


@pytest.fixture(scope="package")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("airflow")
    patch = pytest.MonkeyPatch()
    patch.setenv("UPDRAFT_ROOT", str(folder))
    patch.setenv("UPDRAFT_USE_CASES", str(small_use_case(folder / "use_cases")))
    settings.cache_clear()
    landing = lay(folder, "2013-01-15", "2013-01-15")
    redate(landing / "flights_2013-01-15.csv", YESTERDAY)
    redate(landing / "flights_2013-01-15.csv", date(2013, 1, 15))
    yield folder
    patch.undo()
    settings.cache_clear()


def small_use_case(folder: Path) -> Path:
    """The flights, but trained on three days, so that a training in Airflow takes a minute. Returns the folder."""
    shutil.copytree(REPO / "use_cases" / "flights", folder / "flights")
    file = folder / "flights" / "use_case.yaml"
    content = yaml.safe_load(file.read_text())
    content["model"] |= {"window": 3, "holdout": 1, "search": {"method": "random", "trials": 1, "folds": 1, "seed": 1}}
    content["gate"] |= {"min_rows": 100, "floors": {"auc": 0.01}}
    del content["gate"]["slices"]  # A day has too few flights for groups.
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return folder


def redate(file: Path, day: date) -> None:
    """The same flights, as if they had flown on another day."""
    header, *lines = file.read_text().splitlines()
    dated = []
    for line in lines:
        *fields, hour = line.split(",")
        dated.append(",".join([str(day.year), str(day.month), str(day.day), *fields[3:], f"{day}T{hour[11:]}"]))
    (file.parent / f"flights_{day}.csv").write_text("\n".join([header, *dated]) + "\n")


@pytest.fixture(scope="package")
def running(root: Path) -> Iterator[servers.Servers]:
    try:
        yield servers.start(print)
    finally:
        servers.stop()


@pytest.fixture(scope="package")
def api(running: servers.Servers) -> AirflowApi:
    found = AirflowApi(running)
    deadline = time.monotonic() + 120
    while not (found.has_dag(DAG) and found.has_dag("flights_monitoring") and found.has_dag("flights_training")):
        assert time.monotonic() < deadline, "the DAGs did not appear"
        time.sleep(1)
    return found


def ended(api: AirflowApi, dag_id: str, number: int, **query: str) -> list[Json]:
    deadline = time.monotonic() + 400
    while True:
        runs = api.runs(dag_id, **query)
        if len(runs) >= number and all(run["state"] in ENDED for run in runs):
            return runs
        assert time.monotonic() < deadline, f"{dag_id}: {[(run['dag_run_id'], run['state']) for run in runs]}"
        time.sleep(1)


def states(api: AirflowApi, run: Json) -> dict[str, str]:
    return {one["task_id"]: one["state"] for one in api.tasks(run["dag_id"], run["dag_run_id"])}
