"""The jobs of training and monitoring, one after the other on real flights.

Each fixture is a stage: it does what comes next, after the stages that it depends on, and records
what can be seen then. Tests only look at records, so that each passes alone and in any order.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from delta import DeltaTable
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_jobs import (
    decay,
    decide,
    diagnose,
    drift,
    evaluate,
    gate,
    promote,
    rollback,
    score,
    search_and_fit,
)
from tests.conftest import run as run_program
from updraft.core.arguments import ARGUMENTS
from updraft.core.errors import UpdraftError
from updraft.core.evidence import sha256
from updraft.core.ledger import Entry
from updraft.core.registry import CHAMPION
from updraft.core.report_files import report_path
from updraft.core.reports import (
    DecayReport,
    DecideReport,
    DriftReport,
    EvaluateReport,
    GateReport,
    Report,
    RollbackReport,
    ScoreReport,
    SearchAndFitReport,
)
from updraft.core.schema import FEATURES, LEDGER, PREDICTIONS
from updraft.core.triggers import Trigger
from updraft.core.use_case import UseCase
from updraft.data.ledger import DeltaLedger
from updraft.data.tables import Table, partitions_of
from updraft.data.triggers import Triggers
from updraft.models.tracking import connect
from updraft.models.versions import decided_evidence

# Whichever test comes first waits for the trainings of all stages before it.
pytestmark = pytest.mark.timeout(1800)


@dataclass(frozen=True)
class Run:
    """A DAG run without Airflow: its jobs, and the reports through which they communicate."""

    use_case: UseCase
    name: str

    def uri(self, job: str) -> str:
        return f"reports/flights_training/{self.name}/{job}.json"

    def __call__(self, job: ModuleType, **arguments: Any) -> Report:
        name = job.__name__.removeprefix("spark_jobs.")
        uri = self.uri(name)
        report = job.job(ARGUMENTS[name](use_case=self.use_case, report=uri, **arguments))
        report.write(uri)
        return type(report).read(uri)


def champion(use_case: UseCase) -> int | None:
    """The version that has the alias."""
    aliases = connect(use_case).get_registered_model(use_case.name).aliases
    return int(aliases[CHAMPION]) if CHAMPION in aliases else None


def ledger(use_case: UseCase) -> list[Entry]:
    """The decisions: all entries but those of models that training has registered."""
    return [entry for entry in DeltaLedger(use_case).entries() if entry.event != "trained"]


def tags(use_case: UseCase, version: int) -> dict[str, str]:
    model_version = connect(use_case).get_model_version(use_case.name, str(version))
    return dict(model_version.tags)


def error_of(action: Callable[[], object]) -> str:
    """What a refused action says."""
    with pytest.raises(UpdraftError) as refused:
        action()
    return str(refused.value)


@pytest.fixture(scope="module")
def first(untrained: Path, spark: SparkSession, small: UseCase) -> Run:
    """A run whose challenger is trained; there is no champion."""
    run = Run(small, "first")
    run(search_and_fit)
    return run


@dataclass(frozen=True)
class WithoutChampion:
    scored: Report
    drift: Report


@pytest.fixture(scope="module")
def without_champion(first: Run) -> WithoutChampion:
    return WithoutChampion(scored=first(score), drift=first(drift))


def test_without_a_champion_there_is_nothing_to_score_or_to_drift_from(
    without_champion: WithoutChampion,
) -> None:
    assert without_champion.scored.outcome == "no champion"
    assert without_champion.drift.outcome == "no champion"


@dataclass(frozen=True)
class WithoutEvidence:
    verdict: Report
    entries: list[Entry]
    promotion_error: str
    champion: int | None


@pytest.fixture(scope="module")
def without_evidence(first: Run, without_champion: WithoutChampion) -> WithoutEvidence:
    verdict = first(gate)
    entries = ledger(first.use_case)
    promotion_error = error_of(lambda: first(promote))
    return WithoutEvidence(verdict, entries, promotion_error, champion(first.use_case))


def test_without_evidence_the_gate_refuses(without_evidence: WithoutEvidence) -> None:
    verdict = without_evidence.verdict
    assert isinstance(verdict, GateReport)
    assert (verdict.promote, verdict.reasons) == (False, ["there is no evidence"])
    entries = without_evidence.entries
    assert [(entry.event, entry.version, entry.evidence) for entry in entries] == [
        ("refused", 1, None)
    ]
    assert re.search("the gate has refused it", without_evidence.promotion_error)
    assert without_evidence.champion is None


@dataclass(frozen=True)
class Promoted:
    evaluated: Report
    verdict: Report
    champions: list[int | None]
    evaluated_after_promotion: Report
    verdict_after_promotion: Report
    entries: list[Entry]
    tags: dict[str, str]
    evidence: dict[str, Any] | None


@pytest.fixture(scope="module")
def promoted(first: Run, without_evidence: WithoutEvidence) -> Promoted:
    """The first challenger is evaluated, approved and promoted, twice."""
    use_case = first.use_case
    evaluated = first(evaluate)
    verdict = first(gate)
    assert isinstance(verdict, GateReport)
    assert verdict.promote, verdict.reasons
    champions = []
    for _ in range(2):
        first(promote)
        champions.append(champion(use_case))
    return Promoted(
        evaluated=evaluated,
        verdict=verdict,
        champions=champions,
        evaluated_after_promotion=first(evaluate),
        verdict_after_promotion=first(gate),
        entries=ledger(use_case),
        tags=tags(use_case, verdict.challenger),
        evidence=decided_evidence(
            connect(use_case), use_case, verdict.challenger, ledger(use_case)
        ),
    )


def test_the_first_model_that_reaches_its_floors_becomes_champion(promoted: Promoted) -> None:
    evaluated = promoted.evaluated
    verdict = promoted.verdict
    assert isinstance(evaluated, EvaluateReport)
    assert isinstance(verdict, GateReport)
    assert verdict.promote, verdict.reasons
    assert promoted.champions == [verdict.challenger] * 2, "promotion is idempotent"
    assert promoted.evaluated_after_promotion.model_dump() == evaluated.model_dump(), (
        "evidence stays as it is, also after the promotion"
    )
    assert promoted.verdict_after_promotion.model_dump() == verdict.model_dump()
    assert [entry.event for entry in promoted.entries] == ["refused", "approved", "promoted"], (
        "each once, however often the jobs have run"
    )
    entry = promoted.entries[-1]
    assert (entry.from_version, entry.to_version, entry.evidence) == (
        None,
        verdict.challenger,
        verdict.evidence,
    )
    assert entry.by == "flights_training first"
    assert len(entry.code) >= 40
    assert (promoted.tags["updraft.verdict"], promoted.tags["updraft.evidence"]) == (
        "promoted",
        verdict.evidence,
    )
    assert promoted.evidence == evaluated.evidence
    assert sha256(promoted.evidence) == verdict.evidence


@dataclass(frozen=True)
class Scored:
    report: Report
    predictions: DataFrame
    feature_days: list[date]
    champion: int | None
    last_entry: Entry


@pytest.fixture(scope="module")
def scored_twice(spark: SparkSession, first: Run, promoted: Promoted) -> list[Scored]:
    """The newest partitions are scored, twice; predictions as of then."""
    predictions = Table(first.use_case, PREDICTIONS)
    features = Table(first.use_case, FEATURES)
    records = []
    for _ in range(2):
        records.append(
            Scored(
                report=first(score),
                predictions=predictions.read(spark, version=predictions.version),
                feature_days=partitions_of(features.read(spark)),
                champion=champion(first.use_case),
                last_entry=ledger(first.use_case)[-1],
            )
        )
    return records


def test_the_champion_scores_the_newest_partitions(scored_twice: list[Scored]) -> None:
    assert len(scored_twice) == 2
    for scored in scored_twice:
        report = scored.report
        predictions = scored.predictions
        assert isinstance(report, ScoreReport)
        days = partitions_of(predictions)
        assert days == scored.feature_days[-len(days) :]
        distinct = predictions.select("row_id").distinct()
        assert report.rows == predictions.count() == distinct.count() > 5000
        outside = "probability NOT BETWEEN 0 AND 1 OR probability IS NULL"
        assert predictions.where(outside).count() == 0
        origins = predictions.select("model_version", "ledger_entry").distinct().collect()
        ((version, entry),) = origins
        assert (version, entry) == (scored.champion, scored.last_entry.key)
        assert predictions.where("scored_at IS NULL OR scored_at > now()").count() == 0


@dataclass(frozen=True)
class Drifted:
    report: Report
    champion: int | None


@pytest.fixture(scope="module")
def drifted(first: Run, scored_twice: list[Scored]) -> Drifted:
    return Drifted(first(drift), champion(first.use_case))


def test_drift_is_reported_for_each_column_and_as_a_page(first: Run, drifted: Drifted) -> None:
    report = drifted.report
    assert isinstance(report, DriftReport)
    assert report.champion == drifted.champion
    assert len(report.columns) > 10
    assert {"label", "__probability"} <= {column.column for column in report.columns}
    assert report.judged == len(report.columns), "five blocks are enough"
    number = sum(column.drifted for column in report.columns)
    assert report.detected == (number >= first.use_case.drift.min_columns)
    assert report.page
    assert "<html" in report_path(report.page).read_text()[:500].lower()


@dataclass(frozen=True)
class Monitored:
    decayed: Report
    decided: Report
    history: dict[str, Report]
    days: list[date]  # Those of the history.
    triggers: list[Trigger]


@pytest.fixture(scope="module")
def monitored(first: Run, drifted: Drifted) -> Monitored:
    """The jobs after ``drift``; then all of them again, for each day that was not learnt from."""
    use_case = first.use_case
    decayed = first(decay)
    first(diagnose)
    decided = first(decide, trainings="0")
    learnt_until = SearchAndFitReport.read(first.uri("search_and_fit")).train_last
    days = [day for day in Table(use_case, FEATURES).partitions() if day > learnt_until]
    again = Run(use_case, "history")
    interval = {"start": str(days[0]), "end": str(days[-1])}
    history = {job.__name__: again(job, **interval) for job in (drift, decay, diagnose)}
    history[decide.__name__] = again(decide, **interval, trainings="0")
    return Monitored(decayed, decided, history, days, Triggers(use_case).all())


def test_right_after_a_training_there_is_nothing_to_judge_decay_by_nor_to_train_on(
    monitored: Monitored,
) -> None:
    report = monitored.decayed
    assert isinstance(report, DecayReport)
    assert report.outcome == "no verdict"
    assert report.holdout is not None
    assert all(each.value is not None for each in report.partitions)
    assert "no partition after the holdout" in str(report.looks[-1].reason)
    decided = monitored.decided
    assert isinstance(decided, DecideReport)
    assert decided.action != "retrain"
    assert any(str(report.looks[-1].reason) in reason for reason in decided.reasons)


def test_a_history_judges_and_decides_each_day_and_starts_nothing(monitored: Monitored) -> None:
    windows = monitored.history["spark_jobs.drift"]
    assert isinstance(windows, DriftReport)
    assert [window.day for window in windows.windows] == monitored.days
    decided = monitored.history["spark_jobs.decide"]
    assert isinstance(decided, DecideReport)
    assert (decided.action, decided.replayed) == ("nothing", True)
    assert decided.decisions == len(monitored.days)
    live, *replayed = monitored.triggers
    assert not live.replayed
    assert [trigger.day for trigger in replayed if trigger.replayed] == monitored.days
    page = report_path("reports/flights_training/history/decide.json")
    assert "image/png" in page.with_suffix(".html").read_text()


@dataclass(frozen=True)
class Refused:
    evaluated: Report
    verdict: Report
    promotion_error: str
    champions: tuple[int | None, int | None]  # Before and after.
    tags: dict[str, str]


@pytest.fixture(scope="module")
def refused(first: Run, monitored: Monitored) -> Refused:
    """A second challenger, trained on the same rows with the same seed."""
    use_case = first.use_case
    before = champion(use_case)
    second = Run(use_case, "second")
    second(search_and_fit)
    evaluated = second(evaluate)
    verdict = second(gate)
    assert isinstance(verdict, GateReport)
    assert not verdict.promote
    promotion_error = error_of(lambda: second(promote))
    return Refused(
        evaluated=evaluated,
        verdict=verdict,
        promotion_error=promotion_error,
        champions=(before, champion(use_case)),
        tags=tags(use_case, verdict.challenger),
    )


def test_a_challenger_that_is_no_better_is_refused(refused: Refused) -> None:
    evaluated = refused.evaluated
    assert isinstance(evaluated, EvaluateReport)
    gain: Any = evaluated.evidence["gain"]
    assert gain["value"] == pytest.approx(0, abs=1e-6)  # The same rows and seed.
    verdict = refused.verdict
    assert isinstance(verdict, GateReport)
    assert not verdict.promote
    assert (
        verdict.reasons[0]
        == "challenger and champion, version 1, are the same model: their files are identical"
    )
    assert "is not significantly above +0" in verdict.reasons[1]
    assert re.search("the gate has refused it", refused.promotion_error)
    before, after = refused.champions
    assert after == before
    assert refused.tags["updraft.verdict"] == "refused"
    assert refused.tags["updraft.reasons"].splitlines() == verdict.reasons


@dataclass(frozen=True)
class Outdated:
    errors: list[str]
    champions: tuple[int | None, int | None]  # Before and after.


@pytest.fixture(scope="module")
def outdated(first: Run, refused: Refused) -> Outdated:
    """Promotions on verdicts that compare version 2 with no champion, where there is one."""
    use_case = first.use_case
    before = champion(use_case)
    late = Run(use_case, "late")
    approved = next(entry for entry in ledger(use_case) if entry.event == "approved")
    verdict = GateReport(use_case="flights", promote=True, challenger=2, champion=None, reasons=[])
    errors = []
    for evidence in (None, approved.evidence, "0" * 64):
        verdict.model_copy(update={"evidence": evidence}).write(late.uri("gate"))
        errors.append(error_of(lambda: late(promote)))
    return Outdated(errors, (before, champion(use_case)))


def test_a_verdict_over_another_champion_promotes_nobody(outdated: Outdated) -> None:
    assert len(outdated.errors) == 3
    for error in outdated.errors:
        assert re.search("the ledger has no approval of it", error)
    before, after = outdated.champions
    assert after == before


@dataclass(frozen=True)
class EarlyRollbacks:
    to_one_that_was_never_champion: str
    to_the_champion: Report
    entries: tuple[list[Entry], list[Entry]]  # Before and after.


@pytest.fixture(scope="module")
def early_rollbacks(first: Run, outdated: Outdated) -> EarlyRollbacks:
    """Rollbacks while there has been one champion only."""
    before = ledger(first.use_case)
    early = Run(first.use_case, "rollback_too_early")
    return EarlyRollbacks(
        to_one_that_was_never_champion=error_of(
            lambda: early(rollback, to=2, reason="it was refused")
        ),
        to_the_champion=early(rollback, to=1, reason="it is champion already"),
        entries=(before, ledger(first.use_case)),
    )


def test_without_an_earlier_champion_there_is_nothing_to_roll_back_to(
    early_rollbacks: EarlyRollbacks,
) -> None:
    assert re.search(
        r"version 2 was never champion, expected one of \[1\]",
        early_rollbacks.to_one_that_was_never_champion,
    )
    report = early_rollbacks.to_the_champion
    assert isinstance(report, RollbackReport)
    assert (report.champion, report.previous) == (1, 1)
    before, after = early_rollbacks.entries
    assert after == before


@pytest.fixture(scope="module")
def second_champion(first: Run, early_rollbacks: EarlyRollbacks) -> int:
    """Another model, which is hardly worse, under a policy that tolerates it; its version."""
    use_case = first.use_case
    run = Run(tolerant(use_case), "third")
    for job in (search_and_fit, evaluate, gate, promote):
        run(job)
    verdict = run(gate)
    assert isinstance(verdict, GateReport)
    assert champion(use_case) == verdict.challenger
    return verdict.challenger


def tolerant(use_case: UseCase) -> UseCase:
    """The use case with another seed, and a policy that lets any model in."""
    policy = {"rule": "not_worse", "margin": 0.5, "slices": None}
    search = use_case.model.search.model_copy(update={"seed": 7})
    changed = {
        "gate": use_case.gate.model_copy(update=policy),
        "model": use_case.model.model_copy(update={"search": search}),
    }
    return use_case.model_copy(update=changed)


@dataclass(frozen=True)
class RolledBack:
    reports: list[Report]
    champions: list[int | None]
    entries: list[Entry]
    description: str
    late_promotion_error: str


@pytest.fixture(scope="module")
def rolled_back(first: Run, second_champion: int) -> RolledBack:
    """The same run rolls back twice; then the promotion of the second champion is repeated."""
    use_case = first.use_case
    back = Run(use_case, "back")
    reports = []
    champions = []
    for _ in range(2):
        reports.append(back(rollback, to=1, reason="complaints", by="ada"))
        champions.append(champion(use_case))
    return RolledBack(
        reports=reports,
        champions=champions,
        entries=ledger(use_case),
        description=connect(use_case).get_registered_model("flights").description,
        late_promotion_error=error_of(lambda: Run(use_case, "third")(promote)),
    )


def test_a_rollback_makes_the_previous_champion_champion_again(
    rolled_back: RolledBack, second_champion: int
) -> None:
    """A repeated rollback of the same run goes neither further back nor forward."""
    assert len(rolled_back.reports) == 2
    for report in rolled_back.reports:
        assert isinstance(report, RollbackReport)
        assert (report.champion, report.previous) == (1, second_champion)
        assert report.barred
        assert report.holds
    assert rolled_back.champions == [1, 1]
    assert [entry.event for entry in rolled_back.entries].count("rolled back") == 1
    entry = rolled_back.entries[-1]
    assert (entry.event, entry.version) == ("rolled back", 1)
    assert (entry.from_version, entry.to_version) == (second_champion, 1)
    assert (entry.by, entry.reasons) == ("ada, flights_training back", ["complaints"])
    assert f"in place of version {second_champion}" in rolled_back.description
    assert "rolled back: complaints" in rolled_back.description
    assert re.search(
        r"the champion has changed, to version 1\. Nothing was changed",
        rolled_back.late_promotion_error,
    )


@dataclass(frozen=True)
class Rescored:
    before: dict[str, float]
    days: list[date]
    report: Report
    last_entry: Entry
    predictions: DataFrame


@pytest.fixture(scope="module")
def rescored(spark: SparkSession, first: Run, rolled_back: RolledBack) -> Rescored:
    """The first two days are scored too; predictions as of then."""
    predictions = Table(first.use_case, PREDICTIONS)
    before = probabilities(predictions.read(spark))
    days = partitions_of(Table(first.use_case, FEATURES).read(spark))
    report = first(score, start=str(days[0]), end=str(days[1]))
    last_entry = ledger(first.use_case)[-1]
    after = predictions.read(spark, version=predictions.version)
    return Rescored(before, days, report, last_entry, after)


def probabilities(predictions: DataFrame) -> dict[str, float]:
    return {row.row_id: row.probability for row in predictions.collect()}


def test_a_period_is_scored_again_by_the_current_champion(rescored: Rescored) -> None:
    days = rescored.days
    report = rescored.report
    assert isinstance(report, ScoreReport)
    entry = rescored.last_entry.key
    assert (report.champion, report.entry) == (1, entry)
    assert (report.first, report.last) == (days[0], days[1])
    predictions = rescored.predictions
    is_rescored = predictions.event_date.isin(days[:2])
    origins = predictions.where(is_rescored).select("model_version", "ledger_entry").distinct()
    assert origins.collect() == [(1, entry)]
    assert probabilities(predictions.where(~is_rescored)) == rescored.before, (
        "other periods stay as they were"
    )


@dataclass(frozen=True)
class Restored:
    champions: list[int | None]
    entries: list[Entry]


@pytest.fixture(scope="module")
def restored(first: Run, rescored: Rescored, second_champion: int) -> Restored:
    """The alias is moved by hand, then deleted by hand; a job follows each time."""
    client = connect(first.use_case)
    champions = []
    client.set_registered_model_alias("flights", CHAMPION, str(second_champion))
    first(score)
    champions.append(champion(first.use_case))
    client.delete_registered_model_alias("flights", CHAMPION)
    first(score)
    champions.append(champion(first.use_case))
    return Restored(champions, ledger(first.use_case))


def test_an_alias_that_was_moved_by_hand_is_restored_and_reported(
    restored: Restored, second_champion: int
) -> None:
    assert restored.champions == [1, 1]
    moved, deleted = restored.entries[-2:]
    assert (moved.event, moved.from_version, moved.to_version) == ("restored", second_champion, 1)
    assert (deleted.event, deleted.from_version, deleted.to_version) == ("restored", None, 1)
    assert "moved by hand" in moved.reasons[0]


@dataclass(frozen=True)
class WithoutCarrier:
    error: str
    entries: tuple[list[Entry], list[Entry]]  # Before and after.
    champion: int | None


@pytest.fixture(scope="module")
def without_carrier(first: Run, restored: Restored, second_champion: int) -> WithoutCarrier:
    """A rollback after the features have lost a column that the version needs."""
    read = Table.read

    def read_without_carrier(table: Table, *arguments: Any, **options: Any) -> DataFrame:
        return read(table, *arguments, **options).drop("carrier")

    before = ledger(first.use_case)
    forth = Run(first.use_case, "forth")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Table, "read", read_without_carrier)
        error = error_of(lambda: forth(rollback, to=second_champion, reason="try again"))
    return WithoutCarrier(error, (before, ledger(first.use_case)), champion(first.use_case))


def test_a_rollback_to_a_version_that_no_longer_scores_is_refused(
    without_carrier: WithoutCarrier,
) -> None:
    assert re.search(
        r"expects the features \['carrier'\], not found in the table", without_carrier.error
    )
    before, after = without_carrier.entries
    assert after == before
    assert without_carrier.champion == 1


@pytest.fixture(scope="module")
def trained_again(first: Run, without_carrier: WithoutCarrier) -> Report:
    """The verdict on a training that repeats the one whose model was rolled back."""
    run = Run(tolerant(first.use_case), "fourth")
    for job in (search_and_fit, evaluate):
        run(job)
    return run(gate)


def test_what_was_rolled_back_is_refused_when_it_is_trained_again(
    trained_again: Report, second_champion: int
) -> None:
    """The gate has let in the same file before; besides, it is a further look at the holdout."""
    assert isinstance(trained_again, GateReport)
    assert trained_again.challenger > second_champion
    hold, bar, *others = trained_again.reasons
    assert hold.startswith(f"promotions are held by the rollback from version {second_champion} ")
    assert bar.startswith(f"its model file is that of version {second_champion}, which is barred")
    assert "(complaints)" in bar
    assert all("is not significantly above" in reason for reason in others), others


def test_entries_of_the_ledger_cannot_be_changed_or_deleted(
    spark: SparkSession, first: Run, second_champion: int
) -> None:
    location = Table(first.use_case, LEDGER).location
    table = DeltaTable.forPath(spark, location.spark)
    entries = DeltaLedger(first.use_case).entries()
    for change in (table.delete, partial(table.update, set={"by": F.lit("nobody")})):
        with pytest.raises(PySparkException, match="DELTA_CANNOT_MODIFY_APPEND_ONLY"):
            change()
    assert DeltaLedger(first.use_case).entries() == entries
    assert [entry.number for entry in entries] == list(range(len(entries)))


@dataclass(frozen=True)
class CommandLine:
    history: subprocess.CompletedProcess[str]
    rollback: subprocess.CompletedProcess[str]
    champion: int | None
    wrong_rollback: subprocess.CompletedProcess[str]
    rollback_to_the_one_before: subprocess.CompletedProcess[str]
    release: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def command_line(first: Run, trained_again: Report, second_champion: int) -> CommandLine:
    """The last stage: it rolls back to the second champion, and back again."""
    return CommandLine(
        history=updraft("history", "flights"),
        rollback=updraft(
            "rollback", "flights", "--to", str(second_champion), "--reason", "it was innocent"
        ),
        champion=champion(first.use_case),
        wrong_rollback=updraft("rollback", "flights", "--to", "2", "--reason", "it was refused"),
        rollback_to_the_one_before=updraft("rollback", "flights", "--reason", "it was not"),
        release=updraft("release", "flights", "--reason", "the cause is fixed"),
    )


def updraft(*words: str) -> subprocess.CompletedProcess[str]:
    code = "from updraft.cli.main import main; main()"
    return run_program(sys.executable, "-c", code, *words, COLUMNS="160")


def test_the_command_line_shows_the_history(
    command_line: CommandLine, second_champion: int
) -> None:
    history = command_line.history
    assert history.returncode == 0, history.stderr
    events = ("approved", "refused", "promoted", "rolled back", "restored")
    held = f"Promotions are held by the rollback from version {second_champion} to version 1"
    for text in (*events, "Now version 1 is champion", "complaints", held, "changed: gate"):
        assert text in history.stdout, history.stdout


def test_the_command_line_rolls_back(command_line: CommandLine, second_champion: int) -> None:
    done = command_line.rollback
    assert done.returncode == 0, done.stdout
    assert f"flights: version {second_champion} is champion again, in place of 1." in done.stdout
    assert command_line.champion == second_champion
    wrong = command_line.wrong_rollback
    assert wrong.returncode == 1
    assert "version 2 was never champion" in " ".join(wrong.stdout.split())


def test_the_command_line_names_the_version_before_and_releases(
    command_line: CommandLine, second_champion: int
) -> None:
    done = command_line.rollback_to_the_one_before
    assert done.returncode == 0, done.stdout
    assert f"flights: from version {second_champion} to version 1, the champion" in done.stdout
    assert f"version 1 is champion again, in place of {second_champion}." in done.stdout
    assert "Promotions are held" in done.stdout
    released = command_line.release
    assert released.returncode == 0, released.stdout
    assert "flights: promotions are released; the gate judges again." in released.stdout
