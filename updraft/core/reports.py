"""What a Spark job tells the DAG: one small JSON file a job, written whole or not at all. Branches read these, never logs."""

import uuid
from datetime import date
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict
from upath import UPath

from updraft.core.errors import UpdraftError
from updraft.core.settings import settings

ERROR_LENGTH = 2000  # Spark's messages hold whole plans.


class Report(BaseModel):
    """Common to all jobs. ``outcome`` is ``done``, or why there was nothing to do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    use_case: str
    outcome: Literal["done", "no data", "no champion"] = "done"

    def write(self, uri: str) -> None:
        """Write the report at ``uri``, relative to ``UPDRAFT_ROOT``."""
        write_whole(report_path(uri), self.model_dump_json(indent=2))

    @classmethod
    def read(cls, uri: str) -> Self:
        path = report_path(uri)
        if not path.exists():
            raise UpdraftError(f"report {path}: not found. The job that writes it has not ended well: see its log.")
        return cls.model_validate_json(path.read_text())

    @classmethod
    def read_sibling(cls, uri: str, job: str) -> Self:
        """The report of an earlier job of the same DAG run."""
        return cls.read(str(UPath(uri).with_name(f"{job}.json")))


def report_uri(dag_id: str, run_id: str, job: str) -> str:
    """Where a job of a DAG run reports, relative to ``UPDRAFT_ROOT``."""
    return f"reports/{dag_id}/{run_id}/{job}.json"


def report_path(uri: str) -> UPath:
    """Where a report lies: a relative ``uri`` is taken from ``UPDRAFT_ROOT``."""
    return UPath(uri) if "://" in uri or uri.startswith("/") else settings().path(uri)


def error_path(uri: str) -> UPath:
    """Where a job that fails says why, beside the report that it does not write."""
    return report_path(uri).with_suffix(".error.txt")


def write_error(uri: str, text: str) -> None:
    """Tell the DAG in a few sentences why there is no report."""
    write_whole(error_path(uri), text[:ERROR_LENGTH])


def page_path(uri: str) -> UPath:
    """Where a job's page for people lies: beside its report."""
    return report_path(uri).with_suffix(".html")


def write_whole(path: UPath, text: str) -> None:
    """Write ``text`` so that a reader sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.protocol in ("", "file"):
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        part.write_text(text)
        part.replace(path)
    else:
        path.write_text(text)  # Object stores put a whole object or none.


class IngestReport(Report):
    """``files`` hold ``rows``. Of the days without raw rows, ``kept_days`` have earlier ones, ``missing_days`` none."""

    first: date
    last: date
    files: int = 0
    kept_days: list[date] = []
    missing_days: list[date] = []
    rows: int = 0


class ExpectationOutcome(BaseModel):
    """One expectation of the suite. ``failing`` counts rows, where it is about rows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    expectation: str
    column: str | None
    success: bool
    severity: str
    failing: int | None


class ValidateReport(Report):
    """``rows`` = ``clean`` + ``quarantined``; a row with several ``reasons`` counts for each."""

    rows: int = 0
    clean: int = 0
    quarantined: int = 0
    reasons: dict[str, int] = {}
    expectations: list[ExpectationOutcome] = []


class FeaturesReport(Report):
    """``version`` is the features table's, after the write."""

    rows: int = 0
    labelled: int = 0
    columns: list[str] = []
    version: int | None = None


class SearchAndFitReport(Report):
    """Model ``version`` was fitted on ``train``, its search included; ``holdout`` was looked at by nobody.

    Of ``planned`` trials ``trials`` were run, ``pruned`` of them not to their end; ``cut`` says that minutes ended the search.
    """

    version: int
    algorithm: str
    run_id: str
    experiment_id: str
    features_version: int
    train_first: date
    train_last: date
    holdout_first: date
    holdout_last: date
    metrics: dict[str, float]
    trials: int
    planned: int
    pruned: int
    cut: bool


class EvaluateReport(Report):
    """``evidence`` is the document on which the gate decides, as ``updraft.core.evidence`` reads it."""

    run_id: str
    experiment_id: str
    evidence: dict[str, object]


class GateReport(Report):
    """The verdict on version ``challenger``, compared with version ``champion``, its reasons, and the evidence's hash."""

    promote: bool
    challenger: int
    champion: int | None
    reasons: list[str]
    evidence: str | None = None


class PromoteReport(Report):
    """The version that now is champion, and the one that was."""

    champion: int
    previous: int | None


class RollbackReport(Report):
    """The version that now is champion, and the one that was."""

    champion: int | None
    previous: int | None


class ScoreReport(Report):
    """Which days were scored, by which version, which has become champion by the ledger's ``entry``."""

    champion: int | None = None
    entry: str | None = None
    first: date | None = None
    last: date | None = None
    rows: int = 0


class ColumnDrift(BaseModel):
    """One feature's population stability index against the reference."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    psi: float
    drifted: bool


class DriftReport(Report):
    """``columns`` holds every feature, the most drifted first."""

    champion: int | None = None
    first: date | None = None
    last: date | None = None
    detected: bool = False
    rows: int = 0
    columns: list[ColumnDrift] = []
    page: str | None = None
