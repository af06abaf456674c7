"""How often the gate is wrong: on a retrained champion, and on a challenger that is truly better.

Models (LightGBM), metrics, bootstrap and gate are the real ones. The rows are drawn from a known
distribution, because only then is the true gain known: that on very many rows. Each rate is
compared with that of the usual rule: promote whatever has the better metric.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, partial
from typing import Any, Literal

import harness
import numpy as np
import numpy.typing as npt
from harness import Measurement
from lightgbm import LGBMClassifier, LGBMRegressor

from updraft.core.evidence import Audit, Candidate, Evidence, Gain, Holdout, sha256
from updraft.core.kinds import Task
from updraft.core.metrics import metric_of
from updraft.core.schema import FEATURES
from updraft.core.sections import Gate
from updraft.decisions.gate import Case, decide, units_needed
from updraft.evaluation.bootstrap import paired_bootstrap
from updraft.evaluation.metrics import Answers, Statistic, statistics

Floats = npt.NDArray[np.float64]

SEEDS = 200
PILOTS = 10  # Holdouts on which the error of the gain is estimated.
TRAINING_ROWS = 4000
HOLDOUT_ROWS = 2000
MANY_ROWS = 200_000  # Enough to know the true gain.
CONFIDENCE = 0.95
ALL_COLUMNS = list(range(8))  # Those of the better challenger.
KNOWN_COLUMNS = [0, 1, 2, 3, 5, 6, 7]  # Those of all other models.
NOW = datetime(2024, 1, 8, tzinfo=UTC)
TRAINED_UNTIL = date(2023, 12, 31)
HOLDOUT_DAYS = (date(2024, 1, 1), date(2024, 1, 7))


@dataclass(frozen=True)
class Study:
    """A kind of model and the metric that is decided on.

    ``strength``: how strong the signal is that only the better challenger sees.
    """

    kind: Literal["binary", "regression"]
    metric: str
    strength: float

    @property
    def more_is_better(self) -> bool:
        return metric_of(self.metric).more_is_better

    def draw(self, rng: np.random.Generator, rows: int) -> tuple[Floats, Floats]:
        """Draw features of shape (rows, 8), the last three of them noise, and labels (rows,)."""
        x = rng.normal(size=(rows, 8))
        signal = x[:, 0] + 0.5 * x[:, 1] * x[:, 2] + 0.7 * np.sin(2 * x[:, 3])
        signal = signal + self.strength * x[:, 4]
        if self.kind == "regression":
            return x, signal + rng.normal(size=rows)
        return x, (rng.random(rows) < 1 / (1 + np.exp(1 - signal))).astype(float)

    def fit(self, x: Floats, y: Floats, columns: list[int], seed: int) -> Any:
        estimator = LGBMRegressor if self.kind == "regression" else LGBMClassifier
        model = estimator(
            n_estimators=60,
            num_leaves=15,
            learning_rate=0.1,
            subsample=0.8,
            subsample_freq=1,
            random_state=seed,
            n_jobs=1,
            verbose=-1,
        )
        return model.fit(x[:, columns], y)

    def judge(self, model: Any, x: Floats, y: Floats, columns: list[int]) -> Statistic:
        if self.kind == "regression":
            scores = model.predict(x[:, columns])
        else:
            scores = model.predict_proba(x[:, columns])[:, 1]
        answers = Answers(y, np.asarray(scores, float)[:, None], threshold=0.5)
        return statistics(Task(self.kind), answers)[self.metric]

    def policy(self, **keys: float) -> Gate:
        floor = 0.5 if self.more_is_better else 10.0
        floors = {self.metric: floor}
        return Gate(metric=self.metric, rule="better", floors=floors, min_rows=500, **keys)


@dataclass(frozen=True)
class Comparison:
    """A challenger and its champion, judged on one holdout."""

    study: Study
    models: list[Any]  # The challenger comes first.
    judged: list[Statistic]
    labels: Floats
    seed: int

    def gain(self) -> Gain:
        """Return the challenger's gain with its interval."""
        challenger, champion = self.judged
        interval = paired_bootstrap(
            challenger,
            champion,
            more_is_better=self.study.more_is_better,
            confidence=CONFIDENCE,
            seed=self.seed,
        )
        return Gain(metric=self.study.metric, **interval._asdict(), confidence=CONFIDENCE)

    def verdicts(self, policies: list[Gate]) -> list[bool]:
        """Return whether each policy promotes the challenger; last, whether its metric is better.

        The last one is the usual rule, without a gate.
        """
        gain = self.gain()
        evidence = self._evidence(gain).model_dump(mode="json")
        case = Case(
            use_case="bench",
            kind=self.study.kind,
            challenger=2,
            champion=1,
            evidence=sha256(evidence),
            features_version=0,
            days=HOLDOUT_DAYS,
            now=NOW,
            hold=None,
            barred={},
        )
        promotions = [decide(evidence, policy, case).promote for policy in policies]
        return [*promotions, gain.value > 0]

    def _evidence(self, gain: Gain) -> Evidence:
        """Return evidence in which everything but the comparison is in order."""
        rows = len(self.labels)
        return Evidence(
            use_case="bench",
            owner="bench",
            made=NOW,
            code="bench",
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
                positives=int(self.labels.sum()) if self.study.kind == "binary" else None,
                units={self.study.metric: rows},
            ),
            audit=Audit(bronze=rows, clean=rows, quarantined=0, unfinished=[], unaudited=0),
            challenger=self._candidate(2, self.models[0], self.judged[0]),
            champion=self._candidate(1, self.models[1], self.judged[1]),
            gain=gain,
            slices=[],
        )

    def _candidate(self, version: int, model: Any, statistic: Statistic) -> Candidate:
        text = model.booster_.model_to_string()
        return Candidate(
            version=version,
            algorithm="lightgbm",
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            judged_on="rows",
            trained_until=TRAINED_UNTIL,
            learnt=TRAINING_ROWS,
            overlap=0,
            description="a model of the benchmark",
            card="a model of the benchmark",
            metrics={self.study.metric: statistic.value},
            latency_ms=1.0,
            size_mb=1.0,
        )


def retrained(study: Study, policies: list[Gate], other_rows: bool, seed: int) -> list[bool]:
    """Return the verdicts on a champion that was only trained again, with another seed.

    ``other_rows``: on other rows of the same distribution, instead of the same rows.
    """
    rng = np.random.default_rng([seed, 1])
    x, y = study.draw(rng, TRAINING_ROWS)
    champion = study.fit(x, y, KNOWN_COLUMNS, seed)
    if other_rows:
        x, y = study.draw(rng, TRAINING_ROWS)
    challenger = study.fit(x, y, KNOWN_COLUMNS, seed + 100_000)
    x, y = study.draw(rng, HOLDOUT_ROWS)
    models = [challenger, champion]
    judged = [study.judge(model, x, y, KNOWN_COLUMNS) for model in models]
    return Comparison(study, models, judged, y, seed).verdicts(policies)


@dataclass(frozen=True)
class Pair:
    """A challenger that sees more, and its champion: both trained on the same rows."""

    study: Study
    challenger: Any
    champion: Any

    @classmethod
    def train(cls, study: Study, seed: int) -> "Pair":
        x, y = study.draw(np.random.default_rng([seed, 2]), TRAINING_ROWS)
        challenger = study.fit(x, y, ALL_COLUMNS, seed)
        champion = study.fit(x, y, KNOWN_COLUMNS, seed)
        return cls(study, challenger, champion)

    def compare(self, rows: int, seed: int) -> Comparison:
        """Judge both on a new holdout."""
        x, y = self.study.draw(np.random.default_rng([seed, 3]), rows)
        judged = [
            self.study.judge(self.challenger, x, y, ALL_COLUMNS),
            self.study.judge(self.champion, x, y, KNOWN_COLUMNS),
        ]
        return Comparison(self.study, [self.challenger, self.champion], judged, y, seed)


@cache
def trained_pair(study: Study, seed: int) -> Pair:
    return Pair.train(study, seed)


def true_gain(study: Study, seed: int) -> float:
    """Return the gain of a pair on very many rows."""
    challenger, champion = trained_pair(study, seed).compare(MANY_ROWS, seed).judged
    sign = 1 if study.more_is_better else -1
    return (challenger.value - champion.value) * sign


def estimated_gain(study: Study, pair_seed: int, seed: int) -> Gain:
    """Return the gain of a pair on one holdout, with its error."""
    return trained_pair(study, pair_seed).compare(HOLDOUT_ROWS, seed).gain()


def truly_better(study: Study, policy: Gate, rows: int, train_anew: bool, seed: int) -> bool:
    """Return whether the better challenger is promoted on a holdout of ``rows``.

    ``train_anew``: train a pair for each seed, instead of one for all.
    """
    pair = trained_pair(study, seed if train_anew else SEEDS)
    return pair.compare(rows, seed).verdicts([policy])[0]


def measure(study: Study, pool: ProcessPoolExecutor) -> Iterator[tuple[str, Measurement]]:
    """Yield the measurements of a study, each with its title."""
    name = study.metric
    design_gain = true_gain(study, SEEDS)
    policy = study.policy(design_gain=design_gain)
    without_min_gain = study.policy()
    pilots = pool.map(partial(estimated_gain, study, SEEDS), range(SEEDS, SEEDS + PILOTS))
    needed = [units_needed(gain, HOLDOUT_ROWS, policy) or 0 for gain in pilots]
    rows = int(np.mean(needed))
    yield (
        f"{name}: design_gain, the true gain of the better model",
        Measurement(design_gain, study.metric),
    )
    yield f"{name}: rows that it needs, by the gate's arithmetic", Measurement(rows, "rows")

    for condition, other_rows in (("another seed", False), ("other rows", True)):
        title = f"{name}: itself with {condition}"
        verdicts = pool.map(
            partial(retrained, study, [policy, without_min_gain], other_rows), range(SEEDS)
        )
        gate, bare_gate, metric_alone = np.mean(_with_progress(title, verdicts), axis=0)
        yield f"{title}, promoted", Measurement(100 * float(gate), "%", 5)
        yield f"{title}, promoted with min_gain 0", Measurement(100 * float(bare_gate), "%")
        yield f"{title}, promoted by the better metric", Measurement(100 * float(metric_alone), "%")

    for condition, train_anew in (("on other holdouts", False), ("trained anew, too", True)):
        title = f"{name}: truly better, {condition}"
        promoted = pool.map(partial(truly_better, study, policy, rows, train_anew), range(SEEDS))
        missed = 100 * float(1 - np.mean(_with_progress(title, promoted)))
        yield f"{title}, missed", Measurement(missed, "%", 10)


def _with_progress(title: str, results: Iterable[Any]) -> list[Any]:
    """Collect the results of all seeds and show how many are complete."""
    collected = []
    with harness.console.status(title) as status:
        for number, result in enumerate(results, 1):
            collected.append(result)
            status.update(f"{title}: {number} of {SEEDS}")
    harness.console.print(f"{title}: {len(collected)} seeds")
    return collected


def main() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"  # Two processes of many threads would block each other.
    studies = [Study("binary", "auc", 0.45), Study("regression", "rmse", 0.25)]
    measurements: dict[str, Measurement] = {}
    with ProcessPoolExecutor() as pool:
        for study in studies:
            measurements.update(measure(study, pool))
    harness.report("gate", measurements)


if __name__ == "__main__":
    main()
