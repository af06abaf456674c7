"""Alias and ledger: promotions, rollbacks, crashes and hands that move the alias, on a registry of MLflow's own.

The ledger is a list here; that of Delta is tried in tests/spark_jobs, and killed in tests/faults.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from updraft.core.errors import UpdraftError
from updraft.core.ledger import NOBODY, Entry
from updraft.core.registry import CHAMPION
from updraft.core.reports import GateReport
from updraft.core.use_case import UseCase
from updraft.decisions.champions import Origin, alias_of, new_entry, settle
from updraft.decisions.promotion import enter_decision, promote
from updraft.decisions.rollback import roll_back

BY = Origin("flights_training one", "0123abc")


class Entries:
    """A ledger in memory."""

    def __init__(self) -> None:
        self.kept: list[Entry] = []

    @contextmanager
    def held(self) -> Iterator[None]:
        yield

    def entries(self) -> list[Entry]:
        return list(self.kept)

    def add(self, entry: Entry, after: list[Entry]) -> None:
        assert after == self.kept
        self.kept.append(entry._replace(number=len(self.kept)))


class Registry:
    """A use case's models: a real registry, a ledger, and what the jobs do with them."""

    def __init__(self, folder: Path, use_case: UseCase) -> None:
        self.use_case, self.ledger = use_case, Entries()
        self.client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}", f"sqlite:///{folder / 'mlflow.db'}")
        self.experiment = self.client.create_experiment("flights", artifact_location=str(folder))
        self.client.create_registered_model("flights")

    def version(self) -> int:
        run = self.client.create_run(self.experiment).info
        made = self.client.create_model_version("flights", source=run.artifact_uri, run_id=run.run_id, description="a model")
        return int(made.version)

    def run_id(self, version: int) -> str | None:
        return self.client.get_model_version("flights", str(version)).run_id

    def decide(self, version: int, event: str = "approved", age: timedelta = timedelta()) -> GateReport:
        """A decision of the gate on a version, against the present champion."""
        now = settle(self.client, self.ledger, self.use_case, BY)
        champion, evidence = now.to_version if now else None, f"evidence {version}"
        entry = new_entry(f"{event} {version}", "adopted", version, champion, champion, BY, [event])
        entry = entry._replace(event=event, evidence=evidence, run_id=self.run_id(version), time=entry.time - age)
        enter_decision(self.ledger, entry)
        return GateReport(
            use_case="flights", promote=True, challenger=version, champion=champion, reasons=["gain"], evidence=evidence
        )

    def promoted(self) -> int:
        version = self.version()
        promote(self.client, self.ledger, self.use_case, self.decide(version), BY)
        return version

    def rollback(self, to: int | None = None, by: str = "ada") -> int | None:
        done = roll_back(self.client, self.ledger, self.use_case, to, "complaints", Origin(by, "0123abc"), lambda version: None)
        assert done.champion == self.alias
        return done.champion

    @property
    def alias(self) -> int | None:
        return alias_of(self.client, self.use_case)

    @property
    def events(self) -> list[tuple[str, int | None, int | None]]:
        return [(one.event, one.from_version, one.to_version) for one in self.ledger.kept if one.event != "approved"]


@pytest.fixture
def registry(tmp_path: Path, flights: UseCase) -> Registry:
    return Registry(tmp_path, flights)


def test_a_promotion_again_changes_nothing(registry: Registry) -> None:
    version = registry.version()
    verdict = registry.decide(version)
    for _ in range(2):
        promote(registry.client, registry.ledger, registry.use_case, verdict, BY)
        assert registry.alias == version
    assert registry.events == [("promoted", None, 1)]


def test_only_the_last_decision_on_a_version_counts(registry: Registry) -> None:
    """An approval that a later look has taken back, or that is old, promotes nobody."""
    version = registry.version()
    verdict = registry.decide(version)
    registry.decide(version, "refused")
    with pytest.raises(UpdraftError, match="the ledger has no approval of it on this evidence"):
        promote(registry.client, registry.ledger, registry.use_case, verdict, BY)
    other = registry.version()
    verdict = registry.decide(other, age=timedelta(days=1, minutes=1))
    with pytest.raises(UpdraftError, match="more than a day old"):
        promote(registry.client, registry.ledger, registry.use_case, verdict, BY)
    assert registry.alias is None


def test_an_approval_against_a_champion_of_yesterday_promotes_nobody(registry: Registry) -> None:
    registry.promoted()
    waiting = registry.version()
    verdict = registry.decide(waiting)
    registry.promoted()
    with pytest.raises(UpdraftError, match="since then the champion has changed, to version 3"):
        promote(registry.client, registry.ledger, registry.use_case, verdict, BY)


def test_rollbacks_go_back_one_by_one_and_each_run_once(registry: Registry) -> None:
    assert [registry.promoted() for _ in range(3)] == [1, 2, 3]
    assert registry.rollback(by="one") == 2
    assert registry.rollback(by="one") == 2, "the same run again"
    assert registry.rollback(by="two") == 1
    with pytest.raises(UpdraftError, match="version 1 is the first champion"):
        registry.rollback(by="three")
    assert registry.rollback(to=3, by="four") == 3
    assert registry.rollback(by="five") == 1


def test_a_rollback_that_was_not_finished_is_finished_and_no_other_is_done(registry: Registry) -> None:
    for _ in range(3):
        registry.promoted()
    registry.rollback(by="one")
    registry.client.set_registered_model_alias("flights", CHAMPION, "3")  # As if it had died before the alias moved.
    assert registry.rollback(by="asked for again") == 2
    assert [event for event, *_ in registry.events].count("rolled back") == 1


def test_an_alias_that_was_moved_by_hand_is_put_back(registry: Registry) -> None:
    registry.promoted()
    unjudged = registry.version()
    for moved in (str(unjudged), None):
        if moved:
            registry.client.set_registered_model_alias("flights", CHAMPION, moved)
        else:
            registry.client.delete_registered_model_alias("flights", CHAMPION)
        found = settle(registry.client, registry.ledger, registry.use_case, BY)
        assert found is not None
        assert found.to_version == registry.alias == 1
    assert registry.events[1:] == [("restored", unjudged, 1), ("restored", None, 1)]


def test_an_alias_from_before_there_was_a_ledger_is_adopted_and_a_later_one_is_not(registry: Registry) -> None:
    version = registry.version()
    registry.client.set_registered_model_alias("flights", CHAMPION, str(version))
    found = settle(registry.client, registry.ledger, registry.use_case, BY)
    assert found is not None
    assert (found.event, found.to_version, found.run_id) == ("adopted", 1, registry.run_id(1))


def test_an_alias_that_was_given_by_hand_after_a_refusal_is_taken_away(registry: Registry) -> None:
    version = registry.version()
    registry.decide(version, "refused")
    registry.client.set_registered_model_alias("flights", CHAMPION, str(version))
    assert settle(registry.client, registry.ledger, registry.use_case, BY) is None
    assert registry.alias is None
    assert registry.events == [("refused", None, None), ("restored", 1, None)]


def test_another_model_with_the_champions_number_does_not_become_champion(
    registry: Registry, tmp_path: Path, flights: UseCase
) -> None:
    """MLflow was lost, or is another server: its numbers begin anew."""
    registry.promoted()
    (tmp_path / "other").mkdir()
    other = Registry(tmp_path / "other", flights)
    other.ledger = registry.ledger
    assert other.version() == 1
    with pytest.raises(UpdraftError, match="or not the server of this ledger"):
        settle(other.client, other.ledger, flights, BY)
    assert other.alias is None


def test_a_champion_that_is_gone_for_ever_is_retired_and_the_next_model_begins_anew(registry: Registry) -> None:
    registry.promoted()
    registry.client.delete_registered_model_alias("flights", CHAMPION)
    registry.client.delete_model_version("flights", "1")
    with pytest.raises(UpdraftError, match="with --to 0 to none"):
        settle(registry.client, registry.ledger, registry.use_case, BY)
    assert registry.rollback(to=NOBODY) is None
    assert registry.rollback(to=NOBODY) is None, "the same run again"
    assert registry.promoted() == registry.alias
    assert [event for event, *_ in registry.events] == ["promoted", "rolled back", "promoted"]


def test_the_models_page_says_who_is_champion_and_why(registry: Registry) -> None:
    def page() -> str:
        return str(registry.client.get_registered_model("flights").description)

    registry.promoted()
    assert "## Champion: [version 1](#/models/flights/versions/1)\n\n- approved\n\na model" in page()
    registry.promoted()
    assert "## Champion: [version 2](#/models/flights/versions/2) in place of version 1\n\n- approved" in page()
    registry.rollback()
    told = page()
    assert "versions/1) in place of version 2\n\n- rolled back: complaints" in told
    registry.client.update_registered_model("flights", "As if a task had died before it wrote this.")
    settle(registry.client, registry.ledger, registry.use_case, BY)
    assert page() == told
    registry.rollback(to=NOBODY)
    assert "## Champion: none in place of version 1\n\n- rolled back: complaints" in page()


def test_a_version_that_was_never_champion_or_no_longer_scores_is_refused(registry: Registry) -> None:
    registry.promoted()
    registry.promoted()
    refused = registry.version()

    def fails(version: int) -> None:
        raise UpdraftError(f"version {version} no longer scores")

    with pytest.raises(UpdraftError, match=r"version 3 was never champion, expected one of \[1, 2\]"):
        registry.rollback(to=refused)
    with pytest.raises(UpdraftError, match="version 1 no longer scores"):
        roll_back(registry.client, registry.ledger, registry.use_case, None, "complaints", BY, fails)
    assert registry.alias == 2
    assert [event for event, *_ in registry.events] == ["promoted", "promoted"]
    with pytest.raises(MlflowException):
        registry.client.get_model_version("flights", "4")
