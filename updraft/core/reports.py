"""The reports of the Spark jobs: one small JSON file for each job. DAGs branch on them."""

from datetime import date
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict
from upath import UPath

from updraft.core.errors import UpdraftError
from updraft.core.files import write_atomically
from updraft.core.interval import SNAPSHOT
from updraft.core.report_files import report_path
from updraft.core.triggers import Action, Cause


class Report(BaseModel):
    """What all reports contain.

    Attributes:
        use_case: The name of the use case.
        outcome: ``done``, or why there was nothing to do.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    use_case: str
    outcome: Literal["done", "no data", "no champion", "no hold", "no verdict"] = "done"

    def write(self, uri: str) -> None:
        """Write the report to ``uri``, relative to ``UPDRAFT_ROOT``."""
        write_atomically(report_path(uri), self.model_dump_json(indent=2))

    @classmethod
    def read(cls, uri: str) -> Self:
        """Read the report at ``uri``, relative to ``UPDRAFT_ROOT``.

        Raises:
            UpdraftError: There is none.
        """
        path = report_path(uri)
        if not path.exists():
            raise UpdraftError(
                f"report {path}: not found. The job that writes it has not succeeded: see its log."
            )
        return cls.model_validate_json(path.read_text())

    @classmethod
    def read_sibling(cls, uri: str, job: str) -> Self:
        """Read the report of an earlier job of the same DAG run.

        Args:
            uri: The location of any report of this DAG run.
            job: The name of the earlier job.
        """
        return cls.read(str(UPath(uri).with_name(f"{job}.json")))


class IngestReport(Report):
    """What was ingested.

    Attributes:
        first: The first partition of the interval.
        last: The last one.
        files: The number of raw files.
        unread_files: The data files next to them that ``data.files`` does not match.
        kept_days: Days without raw rows that keep earlier rows, whose files are gone.
        emptied_days: Days without raw rows that have lost earlier rows, because their files, which
            have been read, have them no longer.
        missing_days: Days without raw rows that have no rows at all.
        rows_read: The number of raw rows that were read: ``rows`` + ``elsewhere`` + those unplaced.
        rows: Those in the partitions of the interval.
        elsewhere: Those in other partitions.
        late_days: Other partitions that need a run: the files have other numbers of rows in them
            than bronze.
        unplaced: Those that belong to no partition, by reason.
    """

    first: date
    last: date
    files: int = 0
    unread_files: list[str] = []
    kept_days: list[date] = []
    emptied_days: list[date] = []
    missing_days: list[date] = []
    rows_read: int = 0
    rows: int = 0
    elsewhere: int = 0
    late_days: list[date] = []
    unplaced: dict[str, int] = {}


class ExpectationOutcome(BaseModel):
    """The result of one expectation of a Great Expectations suite.

    Attributes:
        expectation: Its type.
        column: The column that it is about, if it is about one.
        success: Whether it was met.
        severity: Its severity.
        failing: The number of failing rows, if it is about rows.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    expectation: str
    column: str | None
    success: bool
    severity: str
    failing: int | None


class ValidateReport(Report):
    """The result of an audit.

    Attributes:
        rows: ``clean`` + ``quarantined`` + ``superseded``.
        clean: The rows that passed.
        quarantined: The rows that failed.
        superseded: The rows of keys that have come again, in a later file or with a larger value of
            ``data.order``. They are in the quarantine table, too.
        reasons: The number of rows by reason; a row that fails for several counts for each.
        expectations: The results of the suite.
    """

    rows: int = 0
    clean: int = 0
    quarantined: int = 0
    superseded: int = 0
    reasons: dict[str, int] = {}
    expectations: list[ExpectationOutcome] = []


class FeaturesReport(Report):
    """The features that were written.

    Attributes:
        rows: The number of rows.
        labelled: Those with a label.
        unused_labels: Labels of clean rows that features.sql makes no row of. Always 0 without
            ``data.history``, where each clean row has its row of features.
        columns: The names of the features.
        version: The version of the features table after the write.
    """

    rows: int = 0
    labelled: int = 0
    unused_labels: int = 0
    columns: list[str] = []
    version: int | None = None


class RebuildReport(Report):
    """The table that was written anew.

    Attributes:
        table: Its name.
        rows: Its rows. Clean has none until the raw rows have been audited again.
    """

    table: str
    rows: int


class SearchAndFitReport(Report):
    """The challenger that was registered.

    Attributes:
        version: Its number in the model registry.
        algorithm: The algorithm that won the search.
        run_id: The MLflow run.
        experiment_id: The MLflow experiment.
        features_version: The version of the features table.
        train_first: The first day of the rows that it was tuned and trained on.
        train_last: Their last day.
        holdout_first: The first day of the holdout, which neither search nor fit has read.
        holdout_last: Its last day.
        metrics: The metrics of the winning trial, on the validation folds.
        trials: The trials that were run.
        planned: The trials that were planned.
        pruned: The trials that were stopped early.
        cut: Whether the time limit ended the search.
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

    @property
    def holdout_days(self) -> tuple[date, date] | None:
        """The first and last day of the holdout; None for a snapshot, which has no time."""
        return None if self.holdout_last == SNAPSHOT else (self.holdout_first, self.holdout_last)


class EvaluateReport(Report):
    """The evidence that the gate decides on.

    Attributes:
        run_id: The MLflow run of the challenger.
        experiment_id: Its MLflow experiment.
        evidence: An ``updraft.core.evidence.Evidence`` as JSON.
    """

    run_id: str
    experiment_id: str
    evidence: dict[str, object]


class GateReport(Report):
    """The gate's verdict.

    Attributes:
        promote: Whether the challenger becomes champion.
        challenger: The version that was judged.
        champion: The version that it was compared with, if there was a champion.
        reasons: Why, one sentence each.
        evidence: The hash of the evidence.
    """

    promote: bool
    challenger: int
    champion: int | None
    reasons: list[str]
    evidence: str | None = None


class PromoteReport(Report):
    """The version that is champion now, and the previous one."""

    champion: int
    previous: int | None


class RollbackReport(Report):
    """The result of a rollback.

    Attributes:
        champion: The version that is champion now; None if there is none.
        previous: The version that was champion before.
        barred: The SHA-256 of the previous version's model file, if it may not return.
        holds: Whether promotions are held now.
    """

    champion: int | None
    previous: int | None
    barred: str | None = None
    holds: bool = False


class ReleaseReport(Report):
    """The result of a release.

    Attributes:
        champion: The version that is champion, as before.
        readmitted: The version whose file was barred, and is admitted again; None if it was the
            promotions that were released.
    """

    champion: int | None
    readmitted: int | None = None


class ScoreReport(Report):
    """What was scored.

    Attributes:
        champion: The version that scored.
        entry: The key of the ledger entry that made it champion.
        first: The first partition.
        last: The last partition.
        rows: The number of predictions.
        missing_days: The days to score that have no features.
    """

    champion: int | None = None
    entry: str | None = None
    first: date | None = None
    last: date | None = None
    rows: int = 0
    missing_days: list[date] = []


class ColumnDrift(BaseModel):
    """One column of the newest rows against the champion's training rows.

    Attributes:
        column: A feature, ``label``, or an output of the champion such as ``__probability``.
        psi: The population stability index (PSI), without what chance alone adds to it.
        bound: The PSI from which the column has drifted whatever its mean and missing values are.
            Blocks of the training rows that are as long as the window reach less.
        p_value: The chance of a difference as large as this among rows like the training rows; 1
            if it is too small to matter. None if the column could not be judged.
        drifted: Whether it has drifted.
        reason: What has changed; or why the column could not be judged.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    psi: float
    bound: float | None = None
    p_value: float | None = None
    drifted: bool = False
    reason: str | None = None


class WindowDrift(BaseModel):
    """Whether the rows had drifted by one day.

    Attributes:
        day: The newest partition of the window.
        detected: Whether enough columns had drifted; None if too few could be judged.
        judged: The number of columns that could be judged.
        columns: Those that had drifted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    day: date
    detected: bool | None
    judged: int
    columns: list[str] = []


class DriftReport(Report):
    """The result of a drift check.

    Attributes:
        champion: The version whose training rows are the reference.
        first: The first partition that was compared.
        last: The last one.
        detected: Whether enough columns have drifted. With the outcome ``no verdict`` it says
            nothing: too few columns could be judged, for the reasons in ``columns``.
        rows: The number of rows that were compared.
        judged: The number of columns that could be judged.
        columns: Every monitored column: the drifted ones first, then those with the largest PSI.
        windows: The verdict by day, the one of ``last`` at the end.
        page: The location of the page for people.
    """

    champion: int | None = None
    first: date | None = None
    last: date | None = None
    detected: bool = False
    rows: int = 0
    judged: int = 0
    columns: list[ColumnDrift] = []
    windows: list[WindowDrift] = []
    page: str | None = None


class PartitionMetric(BaseModel):
    """The champion's metric on the labelled rows of one partition; None if it has no value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    day: date
    rows: int
    value: float | None


class DecayLook(BaseModel):
    """Whether the champion had become worse by one day, as its labels were known then.

    Attributes:
        day: The newest partition of the features table at that time.
        partitions: The mature partitions after the holdout that have a value.
        loss: By how much the metric has been worse in them than on the holdout, on average.
        lower: The lower end of its confidence interval, which holds at all looks together. None as
            long as there are too few partitions for an interval.
        upper: The upper end.
        evidence: How much likelier the values are if the champion has become worse, at some
            partition, than if it has not: a bet that is fair as long as it has not.
        decayed: Whether it has; None without a verdict.
        reason: Why there is no verdict.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    day: date
    partitions: int
    loss: float | None = None
    lower: float | None = None
    upper: float | None = None
    evidence: float | None = None
    decayed: bool | None = None
    reason: str | None = None


class DecayReport(Report):
    """The champion's metric over time.

    Attributes:
        champion: The version.
        metric: The name of the metric, that of the gate.
        more_is_better: Of two values of it, the larger one is better.
        holdout: Its mean over the partitions of the holdout.
        partitions: The partitions of the holdout and those after it whose labels are complete.
        looks: The result by day.
    """

    champion: int | None = None
    metric: str | None = None
    more_is_better: bool = True
    holdout: float | None = None
    partitions: list[PartitionMetric] = []
    looks: list[DecayLook] = []


class DayDiagnosis(BaseModel):
    """Why the rows had drifted, or the champion had become worse, by one day.

    Attributes:
        day: The newest partition of the window.
        cause: None if nothing explains it.
        columns: The columns that explain it, the most important first.
        reasons: What was found, one sentence each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    day: date
    cause: Cause | None
    columns: list[str] = []
    reasons: list[str] = []


class DiagnoseReport(Report):
    """The diagnoses of the days with drift or decay, in order."""

    diagnoses: list[DayDiagnosis] = []


class DecideReport(Report):
    """What follows from monitoring.

    Attributes:
        day: The newest partition that was looked at.
        action: What follows for it.
        reasons: Why, one sentence each.
        cause: Why the rows or the champion have changed, if that is known.
        columns: The columns that explain it.
        decisions: How many days were decided.
        replayed: Whether they are past days, for which nothing is started or sent; then the
            ``action`` is to do nothing.
    """

    day: date
    action: Action
    reasons: list[str]
    cause: Cause | None = None
    columns: list[str] = []
    decisions: int = 1
    replayed: bool = False
