"""F3 and, for trainings, F2: real jobs submitted twice, or killed and submitted again, leave the same rows and one version."""

import shutil
from pathlib import Path

import pytest
import yaml
from pyspark.sql import SparkSession

from tests.conftest import lay
from tests.faults.drivers import Driver, files, rows
from updraft.core.reports import SearchAndFitReport
from updraft.core.settings import REPO
from updraft.core.use_case import UseCase
from updraft.models import records

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]
DAYS = ("--start", "2013-01-15", "--end", "2013-01-16")
WRITES = {"ingest": ["bronze"], "validate": ["clean", "quarantine"], "features": ["features"]}


def test_f3_jobs_submitted_twice_leave_the_same_rows_and_files(spark: SparkSession, tmp_path: Path) -> None:
    lay(tmp_path, "2013-01-15", "2013-01-16")
    for job, written in WRITES.items():
        Driver(tmp_path, job, *DAYS).ended()
        first = {table: rows(spark, tmp_path, table) for table in written}
        assert first[written[0]][0] > 1500
        report = (tmp_path / f"reports/faults/{job}.json").read_text()
        Driver(tmp_path, job, *DAYS).ended()
        assert {table: rows(spark, tmp_path, table) for table in written} == first
        again = (tmp_path / f"reports/faults/{job}.json").read_text()
        assert again.split('"version"')[0] == report.split('"version"')[0], "the commit's number alone is another"
    assert len(files(tmp_path, "bronze")) == 4, "one file a day and commit"


@pytest.fixture(scope="module")
def environment(trained_root: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings of a driver that trains: one algorithm, one trial."""
    folder = tmp_path_factory.mktemp("use_cases")
    shutil.copytree(REPO / "use_cases/flights", folder / "flights")
    file = folder / "flights/use_case.yaml"
    content = yaml.safe_load(file.read_text())
    content["model"]["algorithms"] = {"lightgbm": {"fixed": {"n_estimators": 20}}}
    content["model"]["search"] = {"trials": 1, "folds": 1}
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return {**trained_root, "UPDRAFT_USE_CASES": str(folder)}


def versions(flights: UseCase) -> set[int]:
    found = records.connect(flights).search_model_versions(f"name = '{flights.name}'")
    return {int(one.version) for one in found}


def train(environment: dict[str, str]) -> Driver:
    return Driver(Path(environment["UPDRAFT_ROOT"]), "search_and_fit", **environment)


def test_f2_a_training_killed_after_its_version_and_before_its_report_leaves_one_version(
    environment: dict[str, str], training: Path, flights: UseCase
) -> None:
    """And F3: submitted once more after its good end, it finds that version."""
    assert versions(flights) == set()
    driver = train(environment)
    driver.await_(lambda: bool(versions(flights)), every=0.05)
    assert not driver.report.exists()
    driver.kill()
    assert len(versions(flights)) == 1
    reports = []
    for _ in range(2):
        again = train(environment)
        again.ended()
        reports.append(SearchAndFitReport.model_validate_json(again.report.read_text()))
    assert reports[0] == reports[1]
    assert versions(flights) == {reports[0].version}
    client = records.connect(flights)
    runs = client.search_runs([reports[0].experiment_id])
    parents = [run.info.run_id for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert parents == [reports[0].run_id], "of the killed training nothing is left"
