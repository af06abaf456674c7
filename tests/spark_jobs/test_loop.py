"""The jobs of training and monitoring, one after the other on real flights: who becomes champion, and who does not."""

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from delta import DeltaTable
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tests.conftest import load_job, run
from updraft.core.errors import UpdraftError
from updraft.core.evidence import sha256
from updraft.core.job import Arguments
from updraft.core.ledger import Entry
from updraft.core.registry import CHAMPION
from updraft.core.reports import (
    DriftReport,
    EvaluateReport,
    GateReport,
    PromoteReport,
    Report,
    RollbackReport,
    ScoreReport,
    SearchAndFitReport,
    report_path,
)
from updraft.core.use_case import UseCase
from updraft.data import tables
from updraft.data.ledger import Ledger
from updraft.models import records

REPORTS = {
    "search_and_fit": SearchAndFitReport,
    "evaluate": EvaluateReport,
    "gate": GateReport,
    "promote": PromoteReport,
    "rollback": RollbackReport,
    "score": ScoreReport,
    "drift": DriftReport,
}


class Run:
    """A DAG run without Airflow: its jobs, and the reports through which they speak with each other."""

    def __init__(self, use_case: UseCase, name: str) -> None:
        self.use_case, self.name = use_case, name

    def uri(self, job: str) -> str:
        return f"reports/flights_training/{self.name}/{job}.json"

    def __call__(self, job: str, start: str | None = None, end: str | None = None, **given: Any) -> Report:
        report: Report = load_job(job).job(Arguments(self.use_case, start, end, self.uri(job), **given))
        report.write(self.uri(job))
        return REPORTS[job].read(self.uri(job))


def champion(use_case: UseCase) -> int | None:
    found = records.champion(records.connect(use_case), use_case)
    return found.version if found else None


def ledger(use_case: UseCase) -> list[Entry]:
    return Ledger(use_case).entries()


@pytest.fixture(scope="module")
def first(training: Path, small: UseCase) -> Run:
    """A training until its challenger is evaluated."""
    run = Run(small, "first")
    run("search_and_fit")
    return run


def test_without_a_champion_there_is_nothing_to_score_or_to_drift_from(spark: SparkSession, first: Run) -> None:
    assert first("score").outcome == "no champion"
    assert first("drift").outcome == "no champion"


def test_without_evidence_the_gate_says_no(spark: SparkSession, first: Run) -> None:
    verdict = first("gate")
    assert isinstance(verdict, GateReport)
    assert (verdict.promote, verdict.reasons) == (False, ["there is no evidence"])
    assert [(one.event, one.version, one.evidence) for one in ledger(first.use_case)] == [("refused", 1, None)]
    with pytest.raises(UpdraftError, match="the gate has refused it"):
        first("promote")
    assert champion(first.use_case) is None


def test_the_first_model_that_reaches_its_floors_becomes_champion(spark: SparkSession, first: Run) -> None:
    evaluated, verdict = first("evaluate"), first("gate")
    assert isinstance(evaluated, EvaluateReport)
    assert isinstance(verdict, GateReport)
    assert verdict.promote, verdict.reasons
    for _ in range(2):  # Done again, nothing changes.
        first("promote")
        assert champion(first.use_case) == verdict.challenger
    assert first("evaluate").model_dump() == evaluated.model_dump(), "what has been shown stays, also after the promotion"
    assert first("gate").model_dump() == verdict.model_dump()
    entries = ledger(first.use_case)
    assert [one.event for one in entries] == ["refused", "approved", "promoted"], "each once, however often the jobs have run"
    promoted = entries[-1]
    assert (promoted.from_version, promoted.to_version, promoted.evidence) == (None, verdict.challenger, verdict.evidence)
    assert promoted.by == "flights_training first"
    assert len(promoted.code) >= 40
    tags = records.connect(first.use_case).get_model_version("flights", str(verdict.challenger)).tags
    assert (tags["updraft.verdict"], tags["updraft.evidence"]) == ("promoted", verdict.evidence)
    kept = records.evidence(records.connect(first.use_case), first.use_case, verdict.challenger)
    assert kept == evaluated.evidence
    assert sha256(kept) == verdict.evidence


def test_the_champion_scores_the_newest_partitions(spark: SparkSession, first: Run) -> None:
    for _ in range(2):
        report = first("score")
        assert isinstance(report, ScoreReport)
        predictions = tables.read(spark, "flights", "predictions")
        days = tables.partitions(predictions)
        assert days == tables.partitions(tables.read(spark, "flights", "features"))[-len(days) :]
        assert report.rows == predictions.count() == predictions.select("row_id").distinct().count() > 5000
        assert predictions.where("probability NOT BETWEEN 0 AND 1 OR probability IS NULL").count() == 0
        ((version, entry),) = predictions.select("model_version", "ledger_entry").distinct().collect()
        assert (version, entry) == (champion(first.use_case), ledger(first.use_case)[-1].key)
        assert predictions.where("scored_at IS NULL OR scored_at > now()").count() == 0


def test_drift_is_told_column_by_column_and_as_a_page(spark: SparkSession, first: Run) -> None:
    report = first("drift")
    assert isinstance(report, DriftReport)
    assert report.champion == champion(first.use_case)
    assert len(report.columns) > 10
    assert report.detected == (sum(column.drifted for column in report.columns) >= first.use_case.drift.min_columns)
    assert report.page
    assert "<html" in report_path(report.page).read_text()[:500].lower()


def test_a_challenger_that_is_no_better_is_refused(spark: SparkSession, first: Run) -> None:
    before = champion(first.use_case)
    second = Run(first.use_case, "second")
    second("search_and_fit")
    evaluated = second("evaluate")
    assert isinstance(evaluated, EvaluateReport)
    assert evaluated.evidence["gain"]["value"] == pytest.approx(0, abs=1e-6)  # type: ignore[index]  # The same rows and seed.
    verdict = second("gate")
    assert isinstance(verdict, GateReport)
    assert not verdict.promote
    assert verdict.reasons[0] == "challenger and champion, version 1, are the same model: their files do not differ"
    assert "is not surely above +0" in verdict.reasons[1]
    with pytest.raises(UpdraftError, match="the gate has refused it"):
        second("promote")
    assert champion(first.use_case) == before
    tags = records.connect(first.use_case).get_model_version("flights", str(verdict.challenger)).tags
    assert tags["updraft.verdict"] == "refused"
    assert tags["updraft.reasons"].splitlines() == verdict.reasons


def test_a_verdict_over_another_champion_promotes_nobody(spark: SparkSession, first: Run) -> None:
    before = champion(first.use_case)
    late = Run(first.use_case, "late")
    approved = next(one for one in ledger(first.use_case) if one.event == "approved")
    verdict = GateReport(use_case="flights", promote=True, challenger=2, champion=None, reasons=[])
    for evidence in (None, approved.evidence, "0" * 64):
        verdict.model_copy(update={"evidence": evidence}).write(late.uri("gate"))
        with pytest.raises(UpdraftError, match="the ledger has no approval of it"):
            late("promote")
    assert champion(first.use_case) == before


def test_without_a_champion_before_there_is_nothing_to_go_back_to(spark: SparkSession, first: Run) -> None:
    entries, nothing = ledger(first.use_case), Run(first.use_case, "rollback_too_early")
    with pytest.raises(UpdraftError, match=r"version 1 is the first champion\. Nothing was changed"):
        nothing("rollback", reason="too early")
    with pytest.raises(UpdraftError, match=r"version 2 was never champion, expected one of \[1\]"):
        nothing("rollback", to=2, reason="it was refused")
    again = nothing("rollback", to=1, reason="it is champion already")
    assert isinstance(again, RollbackReport)
    assert (again.champion, again.previous) == (1, 1)
    assert ledger(first.use_case) == entries


@pytest.fixture(scope="module")
def second_champion(spark: SparkSession, first: Run) -> int:
    """Another model, which is hardly worse, under a policy that bears it."""
    use_case = first.use_case
    gate = use_case.gate.model_copy(update={"rule": "not_worse", "margin": 0.5, "slices": None})
    search = use_case.model.search.model_copy(update={"seed": 7})
    run = Run(
        use_case.model_copy(update={"gate": gate, "model": use_case.model.model_copy(update={"search": search})}), "third"
    )
    for job in ("search_and_fit", "evaluate", "gate", "promote"):
        run(job)
    verdict = run("gate")
    assert isinstance(verdict, GateReport)
    assert champion(use_case) == verdict.challenger
    return verdict.challenger


def test_a_rollback_makes_the_champion_before_champion_again(spark: SparkSession, first: Run, second_champion: int) -> None:
    back = Run(first.use_case, "back")
    for _ in range(2):  # Done again by the same run, nothing changes: it does not go back further, or forth.
        report = back("rollback", reason="complaints", by="ada")
        assert isinstance(report, RollbackReport)
        assert (report.champion, report.previous) == (1, second_champion)
        assert champion(first.use_case) == 1
    entry = ledger(first.use_case)[-1]
    assert [one.event for one in ledger(first.use_case)].count("rolled back") == 1
    assert (entry.event, entry.version, entry.from_version, entry.to_version) == ("rolled back", 1, second_champion, 1)
    assert (entry.by, entry.reasons) == ("ada, flights_training back", ["complaints"])
    said = records.connect(first.use_case).get_registered_model("flights").description
    assert f"in place of version {second_champion}" in said
    assert "rolled back: complaints" in said
    with pytest.raises(UpdraftError, match=r"the champion has changed, to version 1\. Nothing was changed"):
        Run(first.use_case, "third")("promote")


def test_a_period_is_scored_again_by_whoever_is_champion_now(spark: SparkSession, first: Run, second_champion: int) -> None:
    before = {row.row_id: row.probability for row in tables.read(spark, "flights", "predictions").collect()}
    days = tables.partitions(tables.read(spark, "flights", "features"))
    report = first("score", start=str(days[0]), end=str(days[1]))
    assert isinstance(report, ScoreReport)
    entry = ledger(first.use_case)[-1].key
    assert (report.champion, report.entry, report.first, report.last) == (1, entry, days[0], days[1])
    scored = tables.read(spark, "flights", "predictions")
    assert scored.where(scored.event_date.isin(days[:2])).select("model_version", "ledger_entry").distinct().collect() == [
        (1, entry)
    ]
    kept = {row.row_id: row.probability for row in scored.where(~scored.event_date.isin(days[:2])).collect()}
    assert kept == before, "other periods stay as they were"


def test_an_alias_that_was_moved_by_hand_is_put_back_and_told(spark: SparkSession, first: Run, second_champion: int) -> None:
    client = records.connect(first.use_case)
    client.set_registered_model_alias("flights", CHAMPION, str(second_champion))
    first("score")
    assert champion(first.use_case) == 1
    client.delete_registered_model_alias("flights", CHAMPION)
    first("score")
    assert champion(first.use_case) == 1
    moved, deleted = ledger(first.use_case)[-2:]
    assert (moved.event, moved.from_version, moved.to_version) == ("restored", second_champion, 1)
    assert (deleted.event, deleted.from_version, deleted.to_version) == ("restored", None, 1)
    assert "moved by hand" in moved.reasons[0]


def test_a_rollback_to_a_version_that_no_longer_scores_is_refused(
    spark: SparkSession, first: Run, second_champion: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The features have changed since: one that the version wants is no longer there."""
    read = tables.read

    def without_carrier(*given: Any, **named: Any) -> DataFrame:
        return read(*given, **named).drop("carrier")

    monkeypatch.setattr(tables, "read", without_carrier)
    entries = ledger(first.use_case)
    with pytest.raises(UpdraftError, match=r"expected the features \['carrier'\], not found in the table"):
        Run(first.use_case, "forth")("rollback", to=second_champion, reason="try again")
    assert ledger(first.use_case) == entries
    assert champion(first.use_case) == 1


def test_the_ledger_only_grows(spark: SparkSession, first: Run, second_champion: int) -> None:
    table, entries = DeltaTable.forPath(spark, tables.table_path("flights", "ledger")), ledger(first.use_case)
    for change in (table.delete, partial(table.update, set={"by": F.lit("nobody")})):
        with pytest.raises(PySparkException, match="DELTA_CANNOT_MODIFY_APPEND_ONLY"):
            change()
    assert ledger(first.use_case) == entries
    assert [one.number for one in entries] == list(range(len(entries)))


def test_the_command_line_tells_the_history_and_rolls_back(training: Path, first: Run, second_champion: int) -> None:
    told = updraft("history", "flights")
    assert told.returncode == 0, told.stderr
    for said in ("approved", "refused", "promoted", "rolled back", "restored", "Now version 1 is champion", "complaints"):
        assert said in told.stdout, told.stdout
    done = updraft("rollback", "flights", "--to", str(second_champion), "--reason", "it was innocent")
    assert done.returncode == 0, done.stdout
    assert f"flights: version {second_champion} is champion again, in place of 1." in done.stdout
    assert champion(first.use_case) == second_champion
    wrong = updraft("rollback", "flights", "--to", "2", "--reason", "it was refused")
    assert wrong.returncode == 1
    assert "version 2 was never champion" in " ".join(wrong.stdout.split())


def updraft(*words: str) -> subprocess.CompletedProcess[str]:
    code = "from updraft.cli.main import main; main()"
    return run(sys.executable, "-c", code, *words, COLUMNS="160")
