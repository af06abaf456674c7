"""A challenger and a champion before the real gate, with evidence that is otherwise in order."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor

from updraft.core.evidence import (
    Audit,
    Baseline,
    Candidate,
    Evidence,
    Gain,
    Holdout,
    Labels,
    sha256,
)
from updraft.core.kinds import Task
from updraft.core.metrics import metric_of
from updraft.core.schema import FEATURES
from updraft.core.sections import Gate
from updraft.core.sections.gate import ROW
from updraft.decisions.gate import Case, decide
from updraft.decisions.looks import confidence_at
from updraft.evaluation.intervals import Units, gain_interval, number_of_units
from updraft.evaluation.metrics import Answers, Statistic, statistics

Floats = npt.NDArray[np.float64]
Kind = Literal["binary", "regression"]

CONFIDENCE = 0.95
TRAINING_ROWS = 4000
NOW = datetime(2024, 1, 8, tzinfo=UTC)
TRAINED_UNTIL = date(2023, 12, 31)
HOLDOUT_DAYS = (date(2024, 1, 1), date(2024, 1, 7))


def policy(metric: str, **keys: float) -> Gate:
    """A policy that asks for nothing but a gain."""
    floor = 0.0 if metric_of(metric).more_is_better else 1e9
    return Gate(metric=metric, rule="better", floors={metric: floor}, min_rows=500, **keys)


def fit(kind: Kind, x: Any, y: Any, seed: int, **parameters: float) -> Any:
    """A small model, on one thread; only ``seed`` makes it different from the next one."""
    estimator = LGBMRegressor if kind == "regression" else LGBMClassifier
    shared = {"n_estimators": 60, "subsample": 0.8, "subsample_freq": 1, "n_jobs": 1, "verbose": -1}
    return estimator(random_state=seed, **shared, **parameters).fit(x, y)


def encoded(frame: pd.DataFrame, train: pd.DataFrame, features: list[str]) -> pd.DataFrame:
    """The features as numbers: texts by their place among those of the training rows."""
    columns = {}
    for name in features:
        if pd.api.types.is_numeric_dtype(train[name]):
            columns[name] = frame[name].to_numpy(float)
            continue
        known = sorted(train[name].dropna().unique())
        codes = pd.Categorical(frame[name], categories=known).codes
        columns[name] = np.where(codes < 0, np.nan, codes)
    return pd.DataFrame(columns, index=frame.index)


def judge(kind: Kind, metric: str, model: Any, x: Any, y: Floats) -> Statistic:
    """The metric of a model on rows with labels ``y``, shape (rows,)."""
    scores = model.predict(x) if kind == "regression" else model.predict_proba(x)[:, 1]
    answers = Answers(y, np.asarray(scores, float)[:, None], threshold=0.5)
    return statistics(Task(kind), answers)[metric]


@dataclass(frozen=True)
class Comparison:
    """A challenger and its champion, judged on one holdout.

    ``units``: the number of each row's unit. ``unit``: what that is, as in ``gate.unit``.
    """

    kind: Kind
    metric: str
    judged: list[Statistic]  # The challenger comes first.
    labels: Floats
    units: Units
    unit: str = ROW

    @property
    def more_is_better(self) -> bool:
        return metric_of(self.metric).more_is_better

    def gain(self, look: int = 1) -> Gain:
        """Return the challenger's gain with its interval."""
        confidence = confidence_at(CONFIDENCE, look)
        interval = gain_interval(
            *self.judged, self.units, more_is_better=self.more_is_better, confidence=confidence
        )
        return Gain(metric=self.metric, **interval._asdict(), confidence=confidence)

    def verdicts(self, policies: list[Gate], look: int = 1) -> list[bool]:
        """Return whether each policy promotes the challenger; last, whether its metric is better.

        The last one is the usual rule, without a gate.
        """
        gain = self.gain(look)
        evidence = self._evidence(gain, look).model_dump(mode="json")
        case = Case(
            use_case="bench",
            kind=self.kind,
            challenger=2,
            champion=1,
            unit=self.unit,
            look=look,
            evidence=sha256(evidence),
            features_version=0,
            days=HOLDOUT_DAYS,
            now=NOW,
            trainable_until=TRAINED_UNTIL,
            newest_mature=HOLDOUT_DAYS[1],
            hold=None,
            barred={},
        )
        promotions = [decide(evidence, policy, case).promote for policy in policies]
        return [*promotions, gain.value > 0]

    def _evidence(self, gain: Gain, look: int) -> Evidence:
        """Return evidence in which everything but the comparison is in order."""
        rows = len(self.labels)
        return Evidence(
            use_case="bench",
            owner="bench",
            made=NOW,
            code="bench",
            look=look,
            holdout=Holdout(
                table=FEATURES,
                version=0,
                sha256="rows",
                split=None,
                first=HOLDOUT_DAYS[0],
                last=HOLDOUT_DAYS[1],
                rows=rows,
                keys=rows,
                labels=len(np.unique(self.labels)),
                positives=int(self.labels.sum()) if self.kind == "binary" else None,
                unit=self.unit,
                units={self.metric: number_of_units(self.units)},
            ),
            audit=Audit(bronze=rows, clean=rows, quarantined=0, unfinished=[], unaudited=0),
            challenger=self._candidate(2, self.judged[0]),
            champion=self._candidate(1, self.judged[1]),
            gain=gain,
            slices=[],
            labels=Labels(
                holdout_rows=rows, training_rows=TRAINING_ROWS, newest_mature=HOLDOUT_DAYS[1]
            ),
            baseline=self._baseline(),
        )

    def _baseline(self) -> Baseline:
        """Return a baseline that the challenger beats: there is a champion, which decides."""
        gain = self.gain()
        difference = 1e-3
        worse = self.judged[0].value - difference * (1 if self.more_is_better else -1)
        interval = {"value": difference, "lower": difference / 2, "upper": difference * 2}
        return Baseline(
            name="a baseline of the benchmark",
            judged_on="rows",
            learnt=TRAINING_ROWS,
            metrics={self.metric: worse},
            gain=gain.model_copy(update={**interval, "error": difference}),
        )

    def _candidate(self, version: int, statistic: Statistic) -> Candidate:
        return Candidate(
            version=version,
            algorithm="lightgbm",
            sha256=str(version),  # The models differ, at least by their seed.
            judged_on="rows",
            trained_until=TRAINED_UNTIL,
            learnt=TRAINING_ROWS,
            overlap=0,
            description="a model of the benchmark",
            card="a model of the benchmark",
            metrics={self.metric: statistic.value},
            latency_ms=1.0,
            size_mb=1.0,
        )
