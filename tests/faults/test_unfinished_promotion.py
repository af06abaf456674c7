"""F15, F16: promotions without MLflow, or killed between the ledger's entry and the alias, end well or change nothing."""

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from pyspark.sql import SparkSession

from tests.conftest import load_job, mlflow_server
from tests.faults.drivers import SECONDS, Driver, commits
from updraft.core.job import Arguments
from updraft.core.registry import CHAMPION
from updraft.core.reports import GateReport
from updraft.core.use_case import UseCase
from updraft.data.ledger import Ledger
from updraft.models import records

pytestmark = [pytest.mark.faults, pytest.mark.timeout(2400)]
QUICK = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}  # By default it takes minutes to give up.


@pytest.fixture
def approved(training: Path, spark: SparkSession, small: UseCase) -> Callable[[int], int]:
    """Train with a seed, and let a mild gate approve; its report lies where that of `promote` will. Returns the version."""

    def train(seed: int) -> int:
        search = small.model.search.model_copy(update={"seed": seed})
        model = small.model.model_copy(update={"search": search})
        gate = small.gate.model_copy(update={"rule": "not_worse", "margin": 0.5, "slices": None})
        use_case = small.model_copy(update={"model": model, "gate": gate})
        for job in ("search_and_fit", "evaluate", "gate"):
            uri = f"reports/faults/{job}.json"
            report = load_job(job).job(Arguments(use_case, None, None, uri))
            report.write(uri)
        assert isinstance(report, GateReport)
        assert report.promote, report.reasons
        return report.challenger

    return train


def alias(flights: UseCase) -> int | None:
    found = records.champion(records.connect(flights), flights)
    return found.version if found else None


def events(flights: UseCase) -> list[tuple[str, int]]:
    return [(one.event, one.version) for one in Ledger(flights).entries()]


def error(root: Path) -> str:
    return (root / "reports/faults/promote.error.txt").read_text()


def test_f15_without_mlflow_a_promotion_changes_nothing_and_a_retry_completes_it(
    approved: Callable[[int], int], training: Path, trained_root: dict[str, str], flights: UseCase
) -> None:
    version = approved(11)
    before = events(flights)
    driver = Driver(training, "promote", **trained_root | QUICK | {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"})
    assert driver.process.wait(SECONDS) == 1, driver.log.read_text()[-3000:]
    assert "MLflow at http://127.0.0.1:9: no answer" in error(training)
    assert (alias(flights), events(flights)) == (None, before)

    written = len(commits(training, "ledger"))
    with mlflow_server(training) as (address, server):
        driver = Driver(training, "promote", **trained_root | QUICK | {"MLFLOW_TRACKING_URI": address})
        driver.await_(lambda: len(commits(training, "ledger")) > written)
        family = [*psutil.Process(server.pid).children(recursive=True), psutil.Process(server.pid)]
        for process in family:
            process.kill()
        driver.go_on()
        assert driver.process.wait(SECONDS) == 1, driver.log.read_text()[-3000:]
    assert "but the alias cannot follow" in error(training)
    assert alias(flights) is None
    assert events(flights) == [*before, ("promoted", version)]

    for _ in range(2):
        Driver(training, "promote", **trained_root).ended()
        assert alias(flights) == version
    assert events(flights) == [*before, ("promoted", version), ("restored", version)]


def test_f16_a_promotion_killed_between_entry_and_alias_is_made_up_for_at_the_next_start(
    approved: Callable[[int], int], training: Path, trained_root: dict[str, str], flights: UseCase
) -> None:
    version, champion = approved(12), alias(flights)
    assert champion not in (None, version)
    before, written = events(flights), len(commits(training, "ledger"))
    driver = Driver(training, "promote", **trained_root)
    driver.await_(lambda: len(commits(training, "ledger")) > written)
    driver.kill()
    assert alias(flights) == champion, "killed before the alias has moved"
    assert events(flights) == [*before, ("promoted", version)]

    scored = load_job("score").job(Arguments(flights, None, None, "reports/faults/score.json"))
    assert (scored.champion, alias(flights)) == (version, version)
    entry = Ledger(flights).entries()[-1]
    assert (entry.event, entry.from_version, entry.to_version) == ("restored", champion, version)
    Driver(training, "promote", **trained_root).ended()
    assert events(flights) == [*before, ("promoted", version), ("restored", version)]
    tags = records.connect(flights).get_model_version(flights.name, str(version)).tags
    assert tags["updraft.verdict"] == "promoted"
    assert records.connect(flights).get_registered_model(flights.name).aliases[CHAMPION] == str(version)
