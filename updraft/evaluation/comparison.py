"""Challenger and champion compared on one holdout: the measured parts of the evidence."""

import hashlib
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyspark.sql import DataFrame

from updraft.core.errors import UpdraftError
from updraft.core.evidence import Candidate, Gain, Holdout, Slice
from updraft.core.interval import Interval
from updraft.core.manifest import MODEL
from updraft.core.metrics import metric_of
from updraft.core.schema import FEATURES, HOLDOUT, LABEL, ROW_ID
from updraft.core.use_case import UseCase
from updraft.decisions.looks import confidence_at
from updraft.evaluation.intervals import Units, gain_interval, number_of_units
from updraft.evaluation.judging import Judged, judge
from updraft.evaluation.kinds import kind_of
from updraft.evaluation.metrics import statistics
from updraft.evaluation.statistic import Statistic
from updraft.models.feature_columns import example
from updraft.models.onnx_runtime import session
from updraft.models.versions import RegisteredVersion

EXAMPLES = 100  # Rows by which latency is measured, one row a call.
WARM_UP = 20  # Calls before those that are measured.
CALLS = 200  # Measured calls.


@dataclass(frozen=True)
class ModelFile:
    """A registered model's file: its hash, its size in millions of bytes, and its latency.

    ``latency_ms``: the 95th percentile over calls with single rows, on one thread.
    """

    sha256: str
    latency_ms: float
    size_mb: float


@dataclass(frozen=True)
class Comparison:
    """The ``versions``, the challenger first, as judged on the rows of ``holdout``.

    ``statistics``: the metrics of each version by name. ``look``: 1 for the first challenger that
    is judged on these rows, see ``updraft.decisions.looks``.
    """

    use_case: UseCase
    holdout: DataFrame
    versions: list[RegisteredVersion]
    judged: Judged
    statistics: list[dict[str, Statistic]]
    look: int

    def holdout_evidence(self, features_version: int, days: Interval | None) -> Holdout:
        """The holdout in the evidence. ``days``: its days, None for a snapshot's."""
        policy = self.use_case.gate
        rows = self.judged.rows
        counts = kind_of(self.use_case.task).label_counts(rows)
        metrics = sorted({policy.metric, *policy.floors})
        return Holdout(
            table=FEATURES,
            version=features_version,
            sha256=rows_sha256(self.holdout.select(ROW_ID, LABEL).toPandas()),
            split=None if days else HOLDOUT,
            first=days.first if days else None,
            last=days.last if days else None,
            rows=len(rows),
            keys=rows[ROW_ID].nunique(),
            labels=counts.labels,
            positives=counts.positives,
            unit=self.use_case.unit_of_gain,
            units={name: number_of_units(self._units(name)) for name in metrics},
        )

    def candidate(self, n: int, training_keys: DataFrame | None) -> Candidate:
        """Version ``n`` in the evidence.

        ``training_keys``: of the rows that it was trained on; None if they can no longer be read.
        """
        version = self.versions[n]
        learnt = None
        overlap = None
        if training_keys is not None:
            learnt = training_keys.count()
            overlap = self.holdout.join(training_keys, ROW_ID, "left_semi").count()
        rows = example(self.holdout, self.judged.columns, EXAMPLES)
        file = model_file(version, rows)
        return Candidate(
            version=version.version,
            algorithm=version.tags.algorithm,
            sha256=file.sha256,
            judged_on=rows_sha256(self.judged.rows),
            trained_until=version.tags.trained_until if self.use_case.unit else None,
            learnt=learnt,
            overlap=overlap,
            description=version.description,
            card=version.card,
            metrics={name: statistic.value for name, statistic in self.statistics[n].items()},
            latency_ms=file.latency_ms,
            size_mb=file.size_mb,
        )

    def gain(self) -> Gain:
        """The gain in the gate's metric on all rows."""
        return self._gain(confidence_at(self.use_case.gate.confidence, self.look))

    def _gain(self, confidence: float, group: npt.NDArray[np.bool_] | None = None) -> Gain:
        """The gain on all rows, or on a ``group``: a mask of shape (rows,)."""
        metric = self.use_case.gate.metric
        challenger, champion = (statistics[metric] for statistics in self.statistics)
        units = self._units(metric)
        interval = gain_interval(
            challenger,
            champion,
            units if group is None else np.where(group, units, -1),
            more_is_better=metric_of(metric).more_is_better,
            confidence=confidence,
        )
        return Gain(metric=metric, confidence=confidence, **interval._asdict())

    def _units(self, metric: str) -> Units:
        """What is independent: each user for a metric of users, else what ``gate.unit`` says."""
        if metric_of(metric).unit == "users":
            return np.arange(self.statistics[0][metric].units)
        return self.judged.units

    def slices(self) -> list[Slice]:
        """The gain in each group that the gate's policy declares and that has enough rows.

        The more groups, the higher the confidence of each interval, so that all hold together.
        """
        policy = self.use_case.gate.slices
        if policy is None:
            return []
        rows = self.judged.rows
        groups = [
            (column, value, int(count))
            for column in policy.columns
            for value, count in rows[column].value_counts().sort_index().items()
            if count >= policy.min_rows
        ]
        confidence = confidence_at(self.use_case.gate.confidence, self.look, len(groups))
        return [
            Slice(
                column=column,
                value=str(value),
                rows=count,
                gain=self._gain(confidence, (rows[column] == value).to_numpy()),
            )
            for column, value, count in groups
        ]


def compare(
    use_case: UseCase,
    holdout: DataFrame,
    before: DataFrame,
    versions: list[RegisteredVersion],
    look: int,
) -> Comparison:
    """Judge all ``versions``, the challenger first, on the same rows; see ``judge``.

    Raises:
        UpdraftError: the holdout does not yield a metric that the gate asks for.
    """
    judged = judge(use_case, holdout, before, versions)
    measured = [statistics(use_case.task, answers) for answers in judged.answers]
    policy = use_case.gate
    missing = sorted({policy.metric, *policy.floors} - set(measured[0]))
    if missing:
        raise UpdraftError(
            f"evaluation: found no {', '.join(missing)} on the holdout, expected every metric that "
            "gate names. Set model.costs for value; for rankings, widen model.holdout until some "
            "users like new, known items."
        )
    return Comparison(use_case, holdout, versions, judged, measured, look)


def rows_sha256(rows: pd.DataFrame) -> str:
    """The hash of rows' ids and labels, independent of their order."""
    labels = rows[LABEL].astype(float)
    lines = [f"{row_id}\t{label!r}" for row_id, label in zip(rows[ROW_ID], labels, strict=True)]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def model_file(version: RegisteredVersion, rows: pd.DataFrame) -> ModelFile:
    """Measure a registered model's file; its latency by calls with single ``rows``."""
    content = (version.folder / MODEL).read_bytes()
    score = session(content, threads=1)
    seconds = []
    for n in range(WARM_UP + CALLS):
        row = rows.iloc[[n % len(rows)]]
        started = time.perf_counter()
        score(row)
        seconds.append(time.perf_counter() - started)
    return ModelFile(
        sha256=hashlib.sha256(content).hexdigest(),
        latency_ms=float(np.quantile(seconds[WARM_UP:], 0.95) * 1000),
        size_mb=len(content) / 1e6,
    )
