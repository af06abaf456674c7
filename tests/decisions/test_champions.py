"""Alias and ledger: promotions, rollbacks, crashes, and aliases that are moved by hand.

The registry is MLflow's own; the ledger is a list. The ledger in Delta is tested in tests/data,
and with processes that are killed in tests/faults.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from updraft.core.errors import UpdraftError
from updraft.core.ledger import NOBODY, Entry, Event, Origin, barred_files, current_hold
from updraft.core.manifest import MODEL, Manifest
from updraft.core.registry import CHAMPION
from updraft.core.reports import GateReport
from updraft.core.use_case import UseCase
from updraft.decisions.champions import Champions
from updraft.decisions.promotion import enter_decision, note_verdict, promote
from updraft.decisions.rollback import previous_champion, readmit, release, roll_back
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

    def __init__(
        self, database: Path, folder: Path, use_case: UseCase, ledger: MemoryLedger | None = None
    ) -> None:
        uri = f"sqlite:///{shutil.copy(database, folder)}"
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
        self.register(version)
        enter_decision(self.ledger, entry)
        return GateReport(
            use_case="flights",
            promote=True,
            challenger=version,
            champion=champion,
            reasons=["gain"],
            evidence=evidence,
        )

    def register(self, version: int, file: str | None = None) -> None:
        """Enter what training has registered; by default each version has a file of its own."""
        run_id = self.run_id(version)
        if any((entry.event, entry.run_id) == ("trained", run_id) for entry in self.ledger.list):
            return
        manifest = Manifest(files={MODEL: file or f"file {version}"}, facts={})
        entry = self.champions.new_entry(
            f"trained {version}",
            "trained",
            version,
            from_version=None,
            to_version=None,
            reasons=[],
        )
        entry = entry._replace(run_id=run_id, model=manifest.model_dump_json())
        self.ledger.add(entry, self.ledger.entries())

    def promoted(self) -> int:
        version = self.version()
        promote(self.champions, self.decide(version))
        return version

    def rollback(self, to: int, by: str = "ada") -> int | None:
        champions = self.champions_of(Origin(by, "0123abc"))
        report = roll_back(champions, to, "complaints", lambda version: None)
        assert report.champion == self.alias
        return report.champion

    def release(self, by: str = "bob") -> str:
        return release(self.champions_of(Origin(by, "0123abc")), "fixed").outcome

    def page(self) -> str:
        return str(self.client.get_registered_model("flights").description)

    @property
    def alias(self) -> int | None:
        return self.champions.alias()

    @property
    def events(self) -> list[tuple[str, int | None, int | None]]:
        return [
            (entry.event, entry.from_version, entry.to_version)
            for entry in self.ledger.list
            if entry.event not in ("approved", "trained")
        ]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of MLflow. To make one takes seconds, so each test gets a copy."""
    file = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowClient(f"sqlite:///{file}", f"sqlite:///{file}").search_registered_models()
    return file


@pytest.fixture
def registry(database: Path, tmp_path: Path, flights: UseCase) -> Registry:
    return Registry(database, tmp_path, flights)


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
    def before() -> int:
        return previous_champion(registry.use_case, registry.ledger.list)

    assert [registry.promoted() for _ in range(3)] == [1, 2, 3]
    assert before() == registry.rollback(before(), by="one") == 2 != before()
    assert registry.rollback(2, by="one") == 2, "the same run, repeated"
    assert before() == registry.rollback(before(), by="two") == 1
    with pytest.raises(UpdraftError, match="version 1 is the first champion"):
        before()
    assert registry.rollback(3, by="four") == 3
    assert before() == registry.rollback(before(), by="five") == 1


def test_an_interrupted_rollback_is_completed_and_no_other_is_done(registry: Registry) -> None:
    for _ in range(3):
        registry.promoted()
    for asked_for in (2, 1):
        registry.rollback(2, by=f"before {asked_for}")
        # As if the task had died before the alias moved.
        registry.client.set_registered_model_alias("flights", CHAMPION, "3")
        if asked_for == 2:
            assert registry.rollback(asked_for, by="asked for again") == 2
        else:
            message = "an earlier rollback to version 2 was interrupted. That one has now been"
            with pytest.raises(UpdraftError, match=message):
                registry.rollback(asked_for, by="asked for another")
            assert registry.alias == 2
        registry.rollback(3, by=f"after {asked_for}")
    assert [event for event, *_ in registry.events].count("rolled back") == 4


def test_a_retired_use_case_can_return_to_a_former_champion(registry: Registry) -> None:
    registry.promoted()
    assert registry.rollback(NOBODY, by="one") is None
    with pytest.raises(UpdraftError, match="there is no champion to roll back from"):
        registry.rollback(NOBODY, by="two")
    assert registry.rollback(1, by="three") == 1
    assert barred_files(registry.ledger.list) == {}


def test_after_a_rollback_nobody_is_promoted_until_a_release(registry: Registry) -> None:
    """Also not on an approval, if the hold came after it."""
    registry.promoted()
    registry.promoted()
    registry.rollback(1)
    version = registry.version()
    verdict = registry.decide(version)
    with pytest.raises(UpdraftError, match=r"promotions are held by the rollback from version 2"):
        promote(registry.champions, verdict)
    assert registry.alias == 1
    assert "All promotions are held by the rollback from version 2 to version 1" in registry.page()
    assert registry.release(by="bob") == "done"
    assert "All promotions are held" not in registry.page()
    assert registry.release(by="eve") == "no hold"
    promote(registry.champions, verdict)
    assert registry.alias == version
    events = [event for event, *_ in registry.events]
    assert events == ["promoted", "promoted", "rolled back", "released", "promoted"]
    registry.rollback(1, by="eve")
    assert registry.release(by="bob") == "done", "the same run, repeated: it releases nothing more"
    assert current_hold(registry.ledger.list) is not None


def test_the_policy_decides_whether_a_rollback_holds_promotions(registry: Registry) -> None:
    """The entry keeps it: a later change of the policy changes no rollback."""
    gate = registry.use_case.gate.model_copy(update={"hold_after_rollback": False})
    registry.use_case = registry.use_case.model_copy(update={"gate": gate})
    registry.champions = registry.champions_of(BY)
    registry.promoted()
    registry.promoted()
    assert registry.rollback(1) == 1
    assert [entry.holds for entry in registry.ledger.list if entry.to_version == 1][-1] is False
    assert registry.promoted() == registry.alias == 3


def test_a_file_that_a_rollback_has_taken_away_is_not_promoted_again(registry: Registry) -> None:
    """Whatever its version number, until a person returns to it or readmits it."""
    registry.promoted()
    registry.promoted()
    report = roll_back(registry.champions, 1, "complaints", lambda version: None)
    assert (report.champion, report.previous) == (1, 2)
    assert (report.barred, report.holds) == ("file 2", True)
    registry.release()
    again = registry.version()
    registry.register(again, "file 2")
    verdict = registry.decide(again)
    message = "version 3: its model file is barred by the rollback from version 2 to version 1 at"
    with pytest.raises(UpdraftError, match=message):
        promote(registry.champions, verdict)
    assert "The model file file 2 is barred by the rollback from version 2" in registry.page()
    with pytest.raises(UpdraftError, match=r"version 1 is not barred\. Barred .* versions \[2\]"):
        readmit(registry.champions, 1, "a mistake")
    assert readmit(registry.champions, again, "it was another's mistake").readmitted == again
    assert "is barred" not in registry.page()
    promote(registry.champions, verdict)
    assert registry.alias == again


def test_a_return_to_a_barred_version_lifts_its_bar(registry: Registry) -> None:
    registry.promoted()
    registry.promoted()
    registry.rollback(1, by="ada")
    registry.rollback(2, by="bob")
    assert {file: bar.by for file, bar in barred_files(registry.ledger.list).items()} == {
        "file 1": "bob"
    }


def test_every_entry_has_the_hashes_of_its_time(registry: Registry) -> None:
    registry.promoted()
    before = Origin("ada", "code", policy="p", use_case="u", suites="s")
    registry.champions = registry.champions_of(before)
    verdict = registry.decide(registry.version())
    registry.champions = registry.champions_of(before._replace(policy="q"))
    promote(registry.champions, verdict)
    roll_back(registry.champions, 1, "complaints", lambda version: None)
    release(registry.champions, "fixed")
    hashes = [(entry.event, entry.policy, entry.suites) for entry in registry.ledger.list]
    assert hashes[-4:] == [
        ("approved", "p", "s"),
        ("promoted", "q", "s"),
        ("rolled back", "q", "s"),
        ("released", "q", "s"),
    ]
    assert {policy for _, policy, _ in hashes[:3]} == {None}


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
    registry: Registry, database: Path, tmp_path: Path, flights: UseCase
) -> None:
    """MLflow was lost, or is another server: its version numbers start again."""
    registry.promoted()
    (tmp_path / "other").mkdir()
    other = Registry(database, tmp_path / "other", flights, registry.ledger)
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
    registry.release()
    assert registry.promoted() == registry.alias
    events = [event for event, *_ in registry.events]
    assert events == ["promoted", "rolled back", "released", "promoted"]


def test_the_models_page_says_who_is_champion_and_why(registry: Registry) -> None:
    first = "## Champion: [version 1](#/models/flights/versions/1)"
    second = "## Champion: [version 2](#/models/flights/versions/2)"
    registry.promoted()
    assert f"{first}\n\n- approved\n\na model" in registry.page()
    registry.promoted()
    assert f"{second} in place of version 1\n\n- approved" in registry.page()
    registry.rollback(1)
    after_rollback = registry.page()
    assert "versions/1) in place of version 2\n\n- rolled back: complaints" in after_rollback
    text = "As if a task had died before it wrote this."
    registry.client.update_registered_model("flights", text)
    registry.reconcile()
    assert registry.page() == after_rollback
    registry.rollback(to=NOBODY)
    assert "## Champion: none in place of version 1\n\n- rolled back: complaints" in registry.page()


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
        roll_back(registry.champions, 1, "complaints", fails)
    assert registry.alias == 2
    assert [event for event, *_ in registry.events] == ["promoted", "promoted"]
    with pytest.raises(MlflowException):
        registry.client.get_model_version("flights", "4")
