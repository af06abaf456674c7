"""Promotions without MLflow, or killed between the ledger's entry and the alias.

They are completed later, or change nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from pyspark.sql import SparkSession

from spark_jobs import evaluate, gate, score, search_and_fit
from tests.conftest import Settings, mlflow_server
from tests.faults.drivers import SECONDS, Driver, commits
from updraft.core.arguments import ARGUMENTS
from updraft.core.ledger import Entry
from updraft.core.registry import CHAMPION
from updraft.core.reports import GateReport, ScoreReport
from updraft.core.use_case import UseCase
from updraft.data.ledger import DeltaLedger
from updraft.models.tracking import connect

pytestmark = [pytest.mark.faults, pytest.mark.timeout(2400)]
QUICK = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}  # By default it takes minutes to give up.
NOWHERE = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
Train = Callable[[int], int]


@pytest.fixture(scope="module")
def approved(untrained: Path, spark: SparkSession, small: UseCase) -> Train:
    """Train with a seed, and let a mild gate approve; returns the version.

    The gate's report is written where `promote` expects it.
    """

    def train(seed: int) -> int:
        search = small.model.search.model_copy(update={"seed": seed})
        tolerant = {"rule": "not_worse", "margin": 0.5, "slices": None}
        changed = {
            "model": small.model.model_copy(update={"search": search}),
            "gate": small.gate.model_copy(update=tolerant),
        }
        use_case = small.model_copy(update=changed)
        jobs = {
            "search_and_fit": search_and_fit.job,
            "evaluate": evaluate.job,
            "gate": gate.job,
        }
        for name, job in jobs.items():
            uri = f"reports/faults/{name}.json"
            report = job(ARGUMENTS[name](use_case=use_case, report=uri))
            report.write(uri)
        assert isinstance(report, GateReport)
        assert report.promote, report.reasons
        return report.challenger

    return train


def alias(flights: UseCase) -> int | None:
    aliases = connect(flights).get_registered_model(flights.name).aliases
    return int(aliases[CHAMPION]) if CHAMPION in aliases else None


def events(flights: UseCase) -> list[tuple[str, int]]:
    entries = DeltaLedger(flights).entries()
    return [(entry.event, entry.version) for entry in entries if entry.event != "trained"]


def promotion_error(root: Path) -> str:
    return (root / "reports/faults/promote.error.txt").read_text()


@dataclass(frozen=True)
class State:
    """Who is champion by MLflow, the ledger's events, and what the last promotion has said."""

    alias: int | None
    events: list[tuple[str, int]]
    error: str = ""


@dataclass(frozen=True)
class FirstPromotion:
    version: int
    before: list[tuple[str, int]]
    without_mlflow: State
    mlflow_killed: State
    retried: list[State]


@pytest.fixture(scope="module")
def first_promotion(
    approved: Train, untrained: Path, untrained_root: Settings, flights: UseCase
) -> FirstPromotion:
    """A promotion without MLflow; one whose MLflow is killed after the entry; two good ones."""

    def state(error: str = "") -> State:
        return State(alias(flights), events(flights), error)

    version = approved(11)
    before = events(flights)
    driver = Driver(untrained, "promote", **untrained_root | QUICK | NOWHERE)
    assert driver.process.wait(SECONDS) == 1, driver.log.read_text()[-3000:]
    without_mlflow = state(promotion_error(untrained))

    written = len(commits(untrained, "ledger"))
    with mlflow_server(untrained) as (address, server):
        variables = untrained_root | QUICK | {"MLFLOW_TRACKING_URI": address}
        driver = Driver(untrained, "promote", **variables)
        driver.stop_at(lambda: len(commits(untrained, "ledger")) > written)
        process = psutil.Process(server.pid)
        for member in [*process.children(recursive=True), process]:
            member.kill()
        driver.resume()
        assert driver.process.wait(SECONDS) == 1, driver.log.read_text()[-3000:]
    mlflow_killed = state(promotion_error(untrained))

    retried = []
    for _ in range(2):
        Driver(untrained, "promote", **untrained_root).wait_for_success()
        retried.append(state())
    return FirstPromotion(version, before, without_mlflow, mlflow_killed, retried)


@pytest.mark.fault("F15")
def test_without_mlflow_a_promotion_changes_nothing_and_a_retry_completes_it(
    first_promotion: FirstPromotion,
) -> None:
    version = first_promotion.version
    before = first_promotion.before
    without_mlflow = first_promotion.without_mlflow
    assert "MLflow at http://127.0.0.1:9: no answer" in without_mlflow.error
    assert (without_mlflow.alias, without_mlflow.events) == (None, before)

    mlflow_killed = first_promotion.mlflow_killed
    assert "but the alias in MLflow could not be updated" in mlflow_killed.error
    assert mlflow_killed.alias is None
    assert mlflow_killed.events == [*before, ("promoted", version)]

    assert [state.alias for state in first_promotion.retried] == [version, version]
    last = first_promotion.retried[-1]
    assert last.events == [*before, ("promoted", version), ("restored", version)]


@dataclass(frozen=True)
class KilledPromotion:
    version: int
    champion: int | None
    before: list[tuple[str, int]]
    killed: State
    scored: ScoreReport
    after_score: State
    last_entry: Entry
    repeated: State


@pytest.fixture(scope="module")
def killed_promotion(
    approved: Train,
    first_promotion: FirstPromotion,
    untrained: Path,
    untrained_root: Settings,
    flights: UseCase,
) -> KilledPromotion:
    """A promotion killed after its entry; then `score` runs, then `promote` again."""
    version = approved(12)
    champion = alias(flights)
    before = events(flights)
    written = len(commits(untrained, "ledger"))
    driver = Driver(untrained, "promote", **untrained_root)
    driver.stop_at(lambda: len(commits(untrained, "ledger")) > written)
    driver.kill()
    killed = State(alias(flights), events(flights))

    arguments = ARGUMENTS["score"](use_case=flights, report="reports/faults/score.json")
    scored = score.job(arguments)
    after_score = State(alias(flights), events(flights))
    last_entry = DeltaLedger(flights).entries()[-1]
    Driver(untrained, "promote", **untrained_root).wait_for_success()
    return KilledPromotion(
        version=version,
        champion=champion,
        before=before,
        killed=killed,
        scored=scored,
        after_score=after_score,
        last_entry=last_entry,
        repeated=State(alias(flights), events(flights)),
    )


@pytest.mark.fault("F16")
def test_a_promotion_killed_between_entry_and_alias_is_completed_at_the_next_start(
    killed_promotion: KilledPromotion, flights: UseCase
) -> None:
    version = killed_promotion.version
    champion = killed_promotion.champion
    before = killed_promotion.before
    assert champion not in (None, version)
    assert killed_promotion.killed.alias == champion, "killed before the alias has moved"
    assert killed_promotion.killed.events == [*before, ("promoted", version)]

    assert killed_promotion.scored.champion == version
    assert killed_promotion.after_score.alias == version
    entry = killed_promotion.last_entry
    assert (entry.event, entry.from_version, entry.to_version) == ("restored", champion, version)
    assert killed_promotion.repeated.events == [
        *before,
        ("promoted", version),
        ("restored", version),
    ]
    client = connect(flights)
    tags = client.get_model_version(flights.name, str(version)).tags
    assert tags["updraft.verdict"] == "promoted"
    aliases = client.get_registered_model(flights.name).aliases
    assert aliases[CHAMPION] == str(version)
