"""How often the gate is wrong: on a champion against itself retrained, and on a challenger that is truly better.

Models (LightGBM), metrics, bootstrap and gate are the real ones. The rows are drawn from a law that is known here, because
only then is the true gain: that on very many rows. Beside each rate stands that of the rule that most people use: promote
whatever has the better figure.
"""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, partial
from typing import Any, Literal

import harness
import numpy as np
from harness import Figure
from lightgbm import LGBMClassifier, LGBMRegressor

from updraft.core.evidence import Gain, sha256
from updraft.core.kinds import Task, more_is_better
from updraft.core.sections import Gate
from updraft.decisions.gate import Case, decide, units_needed
from updraft.evaluation.bootstrap import paired_bootstrap
from updraft.evaluation.metrics import Answers, Statistic, statistics

SEEDS = 200
LEARNT, HOLDOUT, MANY = 4000, 2000, 200_000  # Rows to learn from, to judge by, and to know the true gain from.
PILOTS = 10
CONFIDENCE = 0.95
ALL, KNOWN = list(range(8)), [0, 1, 2, 3, 5, 6, 7]  # What the better challenger sees, and what all others see.
NOW = datetime(2024, 1, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Study:
    """A kind of model, the metric that is decided on, and how strong the signal is that only the better challenger sees."""

    kind: Literal["binary", "regression"]
    metric: str
    strength: float

    def draw(self, rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Features of shape (rows, 8), of which the last three are noise, and labels of shape (rows,)."""
        x = rng.normal(size=(rows, 8))
        signal = x[:, 0] + 0.5 * x[:, 1] * x[:, 2] + 0.7 * np.sin(2 * x[:, 3]) + self.strength * x[:, 4]
        if self.kind == "regression":
            return x, signal + rng.normal(size=rows)
        return x, (rng.random(rows) < 1 / (1 + np.exp(1 - signal))).astype(float)

    def fit(self, x: np.ndarray, y: np.ndarray, columns: list[int], seed: int) -> Any:
        make = LGBMRegressor if self.kind == "regression" else LGBMClassifier
        model = make(
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

    def judge(self, model: Any, x: np.ndarray, y: np.ndarray, columns: list[int]) -> Statistic:
        raw = model.predict(x[:, columns]) if self.kind == "regression" else model.predict_proba(x[:, columns])[:, 1]
        return statistics(Task(self.kind), Answers(y, np.asarray(raw, float)[:, None], threshold=0.5))[self.metric]

    def policy(self, **keys: float) -> Gate:
        floor = 0.5 if more_is_better(self.metric) else 10.0
        return Gate(metric=self.metric, rule="better", floors={self.metric: floor}, min_rows=500, **keys)


def gain(study: Study, challenger: Statistic, champion: Statistic, seed: int) -> Gain:
    better = more_is_better(study.metric)
    found = paired_bootstrap(challenger, champion, more_is_better=better, confidence=CONFIDENCE, seed=seed)
    return Gain(metric=study.metric, **found._asdict(), confidence=CONFIDENCE)


def verdicts(
    study: Study, policies: list[Gate], models: list[Any], judged: list[Statistic], y: np.ndarray, seed: int
) -> list[bool]:
    """The gate's verdicts on evidence of this comparison, one a policy; and that of the better figure alone."""
    found = gain(study, *judged, seed=seed)
    candidates = [
        {
            "version": 2 - n,
            "algorithm": "lightgbm",
            "sha256": hashlib.sha256(model.booster_.model_to_string().encode()).hexdigest(),
            "judged_on": "rows",
            "trained_until": "2023-12-31",
            "learnt": LEARNT,
            "overlap": 0,
            "description": "a model of the benchmark",
            "card": "a model of the benchmark",
            "metrics": {study.metric: statistic.value},
            "latency_ms": 1.0,
            "size_mb": 1.0,
        }
        for n, (model, statistic) in enumerate(zip(models, judged, strict=True))
    ]
    document = {
        "use_case": "bench",
        "owner": "bench",
        "made": NOW.isoformat(),
        "code": "bench",
        "holdout": {
            "table": "features",
            "version": 0,
            "sha256": "rows",
            "split": None,
            "first": "2024-01-01",
            "last": "2024-01-07",
            "rows": len(y),
            "keys": len(y),
            "labels": len(np.unique(y)),
            "positives": int(y.sum()) if study.kind == "binary" else None,
            "units": {study.metric: len(y)},
        },
        "audit": {"bronze": len(y), "clean": len(y), "quarantined": 0, "unfinished": [], "unaudited": 0},
        "challenger": candidates[0],
        "champion": candidates[1],
        "gain": found.model_dump(),
        "slices": [],
    }
    case = Case("bench", study.kind, 2, 1, sha256(document), 0, (date(2024, 1, 1), date(2024, 1, 7)), NOW)
    return [*(decide(document, policy, case).promote for policy in policies), found.value > 0]


def retrained(study: Study, policies: list[Gate], fresh: bool, seed: int) -> list[bool]:
    """A champion against itself, retrained with another seed on the same rows or, ``fresh``, on others of the same law."""
    rng = np.random.default_rng([seed, 1])
    x, y = study.draw(rng, LEARNT)
    champion = study.fit(x, y, KNOWN, seed)
    if fresh:
        x, y = study.draw(rng, LEARNT)
    challenger = study.fit(x, y, KNOWN, seed + 100_000)
    x, y = study.draw(rng, HOLDOUT)
    judged = [study.judge(model, x, y, KNOWN) for model in (challenger, champion)]
    return verdicts(study, policies, [challenger, champion], judged, y, seed)


@dataclass(frozen=True)
class Pair:
    """A challenger that sees more, and its champion: both trained on the same rows."""

    study: Study
    models: list[Any]

    @classmethod
    def trained(cls, study: Study, seed: int) -> "Pair":
        x, y = study.draw(np.random.default_rng([seed, 2]), LEARNT)
        return cls(study, [study.fit(x, y, columns, seed) for columns in (ALL, KNOWN)])

    def judged(self, rows: int, seed: int) -> tuple[list[Statistic], np.ndarray]:
        x, y = self.study.draw(np.random.default_rng([seed, 3]), rows)
        columns = zip(self.models, (ALL, KNOWN), strict=True)
        return [self.study.judge(model, x, y, seen) for model, seen in columns], y


@cache
def pair(study: Study, seed: int) -> Pair:
    return Pair.trained(study, seed)


def true_gain(study: Study, seed: int) -> float:
    """That of a pair, on very many rows."""
    challenger, champion = (one.value for one in pair(study, seed).judged(MANY, seed)[0])
    return (challenger - champion) * (1 if more_is_better(study.metric) else -1)


def seen_gain(study: Study, trained: int, seed: int) -> Gain:
    """That of a pair on one holdout, with its error."""
    return gain(study, *pair(study, trained).judged(HOLDOUT, seed)[0], seed=seed)


def better(study: Study, policy: Gate, rows: int, anew: bool, seed: int) -> list[bool]:
    """The better challenger against its champion on another holdout of ``rows``; ``anew``: both trained anew, too."""
    two = pair(study, seed if anew else SEEDS)
    judged, y = two.judged(rows, seed)
    return verdicts(study, [policy], two.models, judged, y, seed)


def studied(study: Study, pool: ProcessPoolExecutor) -> Iterator[tuple[str, Figure]]:
    name = study.metric
    design = true_gain(study, SEEDS)
    policy, without = study.policy(design_gain=design), study.policy()
    errors = pool.map(partial(seen_gain, study, SEEDS), range(SEEDS, SEEDS + PILOTS))
    rows = int(np.mean([units_needed(seen, HOLDOUT, policy) or 0 for seen in errors]))
    yield f"{name}: design_gain, the true gain of the better model", Figure(design, study.metric)
    yield f"{name}: rows that it takes, by the gate's arithmetic", Figure(rows, "rows")
    for what, fresh in (("another seed", False), ("other rows", True)):
        work = pool.map(partial(retrained, study, [policy, without], fresh), range(SEEDS))
        ours, bare, figure = np.mean(_told(f"{name}: itself with {what}", work), axis=0)
        yield f"{name}: itself with {what}, let in", Figure(100 * float(ours), "%", 5)
        yield f"{name}: itself with {what}, let in by min_gain 0", Figure(100 * float(bare), "%")
        yield f"{name}: itself with {what}, let in by the better figure", Figure(100 * float(figure), "%")
    for what, anew in (("on other holdouts", False), ("trained anew, too", True)):
        found = _told(f"{name}: truly better, {what}", pool.map(partial(better, study, policy, rows, anew), range(SEEDS)))
        missed = 100 * float(1 - np.mean(found, axis=0)[0])
        yield f"{name}: truly better, {what}, missed", Figure(missed, "%", 10)


def _told(what: str, found: Iterator[Any]) -> list[Any]:
    """All that comes, with a line on how far it is."""
    kept = []
    with harness.console.status(what) as status:
        for n, one in enumerate(found, 1):
            kept.append(one)
            status.update(f"{what}: {n} of {SEEDS}")
    harness.console.print(f"{what}: {len(kept)} seeds")
    return kept


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"  # Two processes of many threads each would wait for one another.
    with ProcessPoolExecutor() as pool:
        studies = [Study("binary", "auc", 0.45), Study("regression", "rmse", 0.25)]
        harness.report("gate", dict(figure for study in studies for figure in studied(study, pool)))
