"""Real jobs submitted twice, or killed and submitted again: the same rows, and one version."""

import shutil
from pathlib import Path

import pytest
import yaml
from pyspark.sql import SparkSession

from tests.conftest import Settings, write_flights
from tests.faults.drivers import Driver, files, rows
from updraft.core.reports import SearchAndFitReport
from updraft.core.settings import REPO
from updraft.core.use_case import UseCase
from updraft.models.tracking import connect

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]
DAYS = ("--start", "2013-01-15", "--end", "2013-01-16")
WRITES = {
    "ingest": ["bronze"],
    "validate": ["clean", "quarantine"],
    "features": ["features"],
}


@pytest.mark.fault("F3")
def test_jobs_submitted_twice_leave_the_same_rows_and_files(
    spark: SparkSession, tmp_path: Path
) -> None:
    write_flights(tmp_path, "2013-01-15", "2013-01-16")
    for job, tables in WRITES.items():
        report = tmp_path / f"reports/faults/{job}.json"
        Driver(tmp_path, job, *DAYS).wait_for_success()
        first_rows = {table: rows(spark, tmp_path, table) for table in tables}
        first_report = report.read_text()
        number, _ = first_rows[tables[0]]
        assert number > 1500
        Driver(tmp_path, job, *DAYS).wait_for_success()
        assert {table: rows(spark, tmp_path, table) for table in tables} == first_rows
        second_report = report.read_text()
        assert second_report.split('"version"')[0] == first_report.split('"version"')[0], (
            "only the number of the commit may differ"
        )
    assert len(files(tmp_path, "bronze")) == 4, "one file for each day and commit"


@pytest.fixture(scope="module")
def driver_settings(untrained_root: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of a driver that trains: one algorithm, one trial."""
    folder = tmp_path_factory.mktemp("use_cases")
    shutil.copytree(REPO / "use_cases/flights", folder / "flights")
    file = folder / "flights/use_case.yaml"
    content = yaml.safe_load(file.read_text())
    content["model"]["algorithms"] = {"lightgbm": {"fixed": {"n_estimators": 20}}}
    content["model"]["search"] = {"trials": 1, "folds": 1}
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return {**untrained_root, "UPDRAFT_USE_CASES": str(folder)}


def version_numbers(flights: UseCase) -> set[int]:
    versions = connect(flights).search_model_versions(f"name = '{flights.name}'")
    return {int(version.version) for version in versions}


def train(driver_settings: Settings) -> Driver:
    return Driver(Path(driver_settings["UPDRAFT_ROOT"]), "search_and_fit", **driver_settings)


@pytest.mark.fault("F2")
@pytest.mark.fault("F3")
def test_a_training_killed_after_its_version_and_before_its_report_leaves_one_version(
    driver_settings: Settings, untrained: Path, flights: UseCase
) -> None:
    """Submitted once more after its good end, it finds that version."""
    assert version_numbers(flights) == set()
    driver = train(driver_settings)
    driver.stop_at(lambda: bool(version_numbers(flights)), every=0.05)
    assert not driver.report.exists()
    driver.kill()
    assert len(version_numbers(flights)) == 1
    reports = []
    for _ in range(2):
        rerun = train(driver_settings)
        rerun.wait_for_success()
        reports.append(SearchAndFitReport.model_validate_json(rerun.report.read_text()))
    assert reports[0] == reports[1]
    assert version_numbers(flights) == {reports[0].version}
    client = connect(flights)
    runs = client.search_runs([reports[0].experiment_id])
    parents = [run.info.run_id for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert parents == [reports[0].run_id], "nothing is left of the killed training"
