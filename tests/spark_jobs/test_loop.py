"""The jobs of training and monitoring, one after the other on real flights: who becomes champion, and who does not."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.conftest import load_job
from updraft.core.errors import UpdraftError
from updraft.core.job import Arguments
from updraft.core.reports import (
    DriftReport,
    EvaluateReport,
    GateReport,
    PromoteReport,
    Report,
    ScoreReport,
    SearchAndFitReport,
    report_path,
)
from updraft.core.use_case import UseCase
from updraft.data import tables
from updraft.training import records

REPORTS = {
    "search_and_fit": SearchAndFitReport,
    "evaluate": EvaluateReport,
    "gate": GateReport,
    "promote": PromoteReport,
    "score": ScoreReport,
    "drift": DriftReport,
}


class Run:
    """A DAG run without Airflow: its jobs, and the reports through which they speak with each other."""

    def __init__(self, use_case: UseCase, name: str) -> None:
        self.use_case, self.name = use_case, name

    def uri(self, job: str) -> str:
        return f"reports/flights_training/{self.name}/{job}.json"

    def __call__(self, job: str) -> Report:
        report: Report = load_job(job).job(Arguments(self.use_case, None, None, self.uri(job)))
        report.write(self.uri(job))
        return REPORTS[job].read(self.uri(job))


def champion(use_case: UseCase) -> int | None:
    found = records.champion(records.connect(use_case), use_case)
    return found.version if found else None


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
    again = first("evaluate")
    assert again.model_dump() == evaluated.model_dump(), "evaluated after its promotion, it is not compared with itself"
    tags = records.connect(first.use_case).get_model_version("flights", str(verdict.challenger)).tags
    assert tags["updraft.verdict"] == "promoted"


def test_the_champion_scores_the_newest_partitions(spark: SparkSession, first: Run) -> None:
    for _ in range(2):
        report = first("score")
        assert isinstance(report, ScoreReport)
        predictions = tables.read(spark, "flights", "predictions")
        days = tables.partitions(predictions)
        assert days == tables.partitions(tables.read(spark, "flights", "features"))[-len(days) :]
        assert report.rows == predictions.count() == predictions.select("row_id").distinct().count() > 5000
        assert predictions.where("probability NOT BETWEEN 0 AND 1 OR probability IS NULL").count() == 0
        assert [row[0] for row in predictions.select("model_version").distinct().collect()] == [champion(first.use_case)]


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
    assert "not surely above" in verdict.reasons[0]
    with pytest.raises(UpdraftError, match="the gate has refused it"):
        second("promote")
    assert champion(first.use_case) == before
    tags = records.connect(first.use_case).get_model_version("flights", str(verdict.challenger)).tags
    assert tags["updraft.verdict"] == "refused"
    assert tags["updraft.reasons"] == verdict.reasons[0]


def test_a_verdict_over_another_champion_promotes_nobody(spark: SparkSession, first: Run) -> None:
    before = champion(first.use_case)
    late = Run(first.use_case, "late")
    GateReport(use_case="flights", promote=True, challenger=2, champion=None, reasons=[]).write(late.uri("gate"))
    with pytest.raises(UpdraftError, match="Run the training DAG again"):
        late("promote")
    assert champion(first.use_case) == before
