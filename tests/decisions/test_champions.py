"""Alias and ledger: promotions, rollbacks, crashes, and aliases that are moved by hand.

The registry is MLflow's own; the ledger is a list. The ledger in Delta is tested in tests/data,
and with processes that are killed in tests/faults.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from updraft.core.errors import UpdraftError
from updraft.core.ledger import NOBODY, Entry, Event, Origin
from updraft.core.registry import CHAMPION
from updraft.core.reports import GateReport
from updraft.core.use_case import UseCase
from updraft.decisions.champions import Champions
from updraft.decisions.promotion import enter_decision, note_verdict, promote
from updraft.decisions.rollback import roll_back
from updraft.decisions.verdict import VerdictTags

BY = Origin("flights_training one", "0123abc")


class MemoryLedger:
    """A ledger in memory; who holds it has itself."""

    def __init__(self) -> None:
        self.list: list[Entry] = []

    @contextmanager
    def hold(self) -> Iterator["MemoryLedger"]:
        yield self

    def entries(self) -> list[Entry]:
        return list(self.list)

    def add(self, entry: Entry, after: list[Entry]) -> None:
        assert after == self.list
        self.list.append(entry._replace(number=len(self.list)))


class Registry:
    """A use case's models: a real registry, a ledger, and what the jobs do with them."""

    def __init__(self, folder: Path, use_case: UseCase, ledger: MemoryLedger | None = None) -> None:
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        self.client = MlflowClient(uri, uri)
        self.use_case = use_case
        self.ledger = ledger or MemoryLedger()
        self.champions = self.champions_of(BY)
        self.experiment = self.client.create_experiment("flights", artifact_location=str(folder))
        self.client.create_registered_model("flights")

    def champions_of(self, origin: Origin) -> Champions:
        return Champions(self.client, self.ledger, self.use_case, origin)

    def version(self) -> int:
        run = self.client.create_run(self.experiment).info
        version = self.client.create_model_version(
            "flights", source=run.artifact_uri, run_id=run.run_id, description="a model"
        )
        return int(version.version)

    def run_id(self, version: int) -> str | None:
        return self.client.get_model_version("flights", str(version)).run_id

    def tags(self, version: int) -> dict[str, str]:
        return dict(self.client.get_model_version("flights", str(version)).tags)

    def reconcile(self) -> Entry | None:
        return self.champions.current()

    def decide(
        self, version: int, event: Event = "approved", age: timedelta = timedelta()
    ) -> GateReport:
        """A decision of the gate on a version, against the current champion."""
        change = self.reconcile()
        champion = change.to_version if change else None
        evidence = f"evidence {version}"
        entry = self.champions.new_entry(
            f"{event} {version}",
            event,
            version,
            from_version=champion,
            to_version=champion,
            reasons=[event],
        )
        entry = entry._replace(
            evidence=evidence, run_id=self.run_id(version), time=entry.time - age
        )
        enter_decision(self.ledger, entry)
        return GateReport(
            use_case="flights",
            promote=True,
            challenger=version,
            champion=champion,
            reasons=["gain"],
            evidence=evidence,
        )

    def promoted(self) -> int:
        version = self.version()
        promote(self.champions, self.decide(version))
        return version

    def rollback(self, to: int | None = None, by: str = "ada") -> int | None:
        champions = self.champions_of(Origin(by, "0123abc"))
        report = roll_back(champions, to, "complaints", lambda version: None)
        assert report.champion == self.alias
        return report.champion

    @property
    def alias(self) -> int | None:
        return self.champions.alias()

    @property
    def events(self) -> list[tuple[str, int | None, int | None]]:
        return [
            (entry.event, entry.from_version, entry.to_version)
            for entry in self.ledger.list
            if entry.event != "approved"
        ]


@pytest.fixture
def registry(tmp_path: Path, flights: UseCase) -> Registry:
    return Registry(tmp_path, flights)


def test_a_promotion_is_idempotent(registry: Registry) -> None:
    version = registry.version()
    verdict = registry.decide(version)
    for _ in range(2):
        promote(registry.champions, verdict)
        assert registry.alias == version
    assert registry.events == [("promoted", None, 1)]


def test_only_the_last_decision_on_a_version_counts(registry: Registry) -> None:
    """An approval that was withdrawn later, or that is old, promotes nobody."""
    version = registry.version()
    verdict = registry.decide(version)
    registry.decide(version, "refused")
    with pytest.raises(UpdraftError, match="the ledger has no approval of it on this evidence"):
        promote(registry.champions, verdict)
    other = registry.version()
    verdict = registry.decide(other, age=timedelta(days=1, minutes=1))
    with pytest.raises(UpdraftError, match="more than a day old"):
        promote(registry.champions, verdict)
    assert registry.alias is None


def test_an_approval_against_a_champion_of_yesterday_promotes_nobody(registry: Registry) -> None:
    registry.promoted()
    waiting = registry.version()
    verdict = registry.decide(waiting)
    registry.promoted()
    with pytest.raises(UpdraftError, match="since then the champion has changed, to version 3"):
        promote(registry.champions, verdict)


def test_rollbacks_go_back_one_by_one_and_each_run_once(registry: Registry) -> None:
    assert [registry.promoted() for _ in range(3)] == [1, 2, 3]
    assert registry.rollback(by="one") == 2
    assert registry.rollback(by="one") == 2, "the same run, repeated"
    assert registry.rollback(by="two") == 1
    with pytest.raises(UpdraftError, match="version 1 is the first champion"):
        registry.rollback(by="three")
    assert registry.rollback(to=3, by="four") == 3
    assert registry.rollback(by="five") == 1


def test_an_interrupted_rollback_is_completed_and_no_other_is_done(registry: Registry) -> None:
    for _ in range(3):
        registry.promoted()
    registry.rollback(by="one")
    # As if the task had died before the alias moved.
    registry.client.set_registered_model_alias("flights", CHAMPION, "3")
    assert registry.rollback(by="asked for again") == 2
    assert [event for event, *_ in registry.events].count("rolled back") == 1


def test_an_alias_that_was_moved_by_hand_is_put_back(registry: Registry) -> None:
    registry.promoted()
    unjudged = registry.version()
    for version in (str(unjudged), None):
        if version:
            registry.client.set_registered_model_alias("flights", CHAMPION, version)
        else:
            registry.client.delete_registered_model_alias("flights", CHAMPION)
        entry = registry.reconcile()
        assert entry is not None
        assert entry.to_version == registry.alias == 1
    assert registry.events[1:] == [("restored", unjudged, 1), ("restored", None, 1)]


def test_an_alias_that_is_older_than_the_ledger_is_adopted(registry: Registry) -> None:
    version = registry.version()
    registry.client.set_registered_model_alias("flights", CHAMPION, str(version))
    entry = registry.reconcile()
    assert entry is not None
    assert (entry.event, entry.to_version, entry.run_id) == ("adopted", 1, registry.run_id(1))


def test_an_alias_that_was_set_by_hand_after_a_refusal_is_deleted(registry: Registry) -> None:
    version = registry.version()
    registry.decide(version, "refused")
    registry.client.set_registered_model_alias("flights", CHAMPION, str(version))
    assert registry.reconcile() is None
    assert registry.alias is None
    assert registry.events == [("refused", None, None), ("restored", 1, None)]


def test_another_model_with_the_champions_number_does_not_become_champion(
    registry: Registry, tmp_path: Path, flights: UseCase
) -> None:
    """MLflow was lost, or is another server: its version numbers start again."""
    registry.promoted()
    (tmp_path / "other").mkdir()
    other = Registry(tmp_path / "other", flights, registry.ledger)
    assert other.version() == 1
    with pytest.raises(UpdraftError, match="or is not the server of this ledger"):
        other.reconcile()
    assert other.alias is None


def test_a_lost_champion_is_retired_and_the_next_model_starts_again(registry: Registry) -> None:
    registry.promoted()
    registry.client.delete_registered_model_alias("flights", CHAMPION)
    registry.client.delete_model_version("flights", "1")
    with pytest.raises(UpdraftError, match="with --to 0 for no champion"):
        registry.reconcile()
    assert registry.rollback(to=NOBODY) is None
    assert registry.rollback(to=NOBODY) is None, "the same run, repeated"
    assert registry.promoted() == registry.alias
    assert [event for event, *_ in registry.events] == ["promoted", "rolled back", "promoted"]


def test_the_models_page_says_who_is_champion_and_why(registry: Registry) -> None:
    def page() -> str:
        return str(registry.client.get_registered_model("flights").description)

    first = "## Champion: [version 1](#/models/flights/versions/1)"
    second = "## Champion: [version 2](#/models/flights/versions/2)"
    registry.promoted()
    assert f"{first}\n\n- approved\n\na model" in page()
    registry.promoted()
    assert f"{second} in place of version 1\n\n- approved" in page()
    registry.rollback()
    after_rollback = page()
    assert "versions/1) in place of version 2\n\n- rolled back: complaints" in after_rollback
    text = "As if a task had died before it wrote this."
    registry.client.update_registered_model("flights", text)
    registry.reconcile()
    assert page() == after_rollback
    registry.rollback(to=NOBODY)
    assert "## Champion: none in place of version 1\n\n- rolled back: complaints" in page()


def test_a_versions_tags_say_what_the_gate_decided(registry: Registry) -> None:
    registry.promoted()
    version = registry.version()
    assert VerdictTags.read(registry.tags(version)) == VerdictTags("none", [], None)
    verdict = registry.decide(version)
    note_verdict(registry.champions, verdict, {})
    assert registry.tags(version) == {
        "updraft.verdict": "approved",
        "updraft.reasons": "gain",
        "updraft.compared_with": "1",
    }
    assert VerdictTags.read(registry.tags(version)) == VerdictTags("approved", ["gain"], 1)
    promote(registry.champions, verdict)
    assert VerdictTags.read(registry.tags(version)) == VerdictTags("promoted", ["gain"], 1)


def test_a_version_that_was_never_champion_or_no_longer_scores_is_refused(
    registry: Registry,
) -> None:
    registry.promoted()
    registry.promoted()
    refused = registry.version()

    def fails(version: int) -> None:
        raise UpdraftError(f"version {version} no longer scores")

    never_champion = r"version 3 was never champion, expected one of \[1, 2\]"
    with pytest.raises(UpdraftError, match=never_champion):
        registry.rollback(to=refused)
    with pytest.raises(UpdraftError, match="version 1 no longer scores"):
        roll_back(registry.champions, None, "complaints", fails)
    assert registry.alias == 2
    assert [event for event, *_ in registry.events] == ["promoted", "promoted"]
    with pytest.raises(MlflowException):
        registry.client.get_model_version("flights", "4")
