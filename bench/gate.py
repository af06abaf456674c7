"""How often the gate is wrong: on a retrained champion, and on a challenger that is truly better.

Models (LightGBM), metrics, intervals and gate are the real ones. The rows are those of use cases,
which depend on each other, and others from a known distribution, of which the true gain is known:
that on very many rows. Each rate is compared with that of the usual rule: promote whatever has the
better metric.
"""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import harness
import numpy as np
import pandas as pd
import real_rows
from compared import TRAINING_ROWS, Comparison, Floats, Kind, fit, judge, policy
from harness import Measurement

from updraft.core.evidence import Gain
from updraft.core.metrics import metric_of
from updraft.core.schema import EVENT_DATE, LABEL, ROW_ID, feature_names
from updraft.core.sections import Gate
from updraft.core.sections.gate import PARTITION
from updraft.decisions.gate import units_needed
from updraft.evaluation.metrics import Statistic

SEEDS = 200
TWINS = 5  # Challengers on each holdout of a series.
LOOKS = 20
PILOT_DAYS = 30
DAY_NUMBER = "__day"  # Days since the first.
PILOTS = 10  # Holdouts on which the error of the gain is estimated.
HOLDOUT_ROWS = 2000
MANY_ROWS = 200_000  # Enough to know the true gain.
ALL_COLUMNS = list(range(8))  # Those of the better challenger.
KNOWN_COLUMNS = [0, 1, 2, 3, 5, 6, 7]  # Those of all other models.


@dataclass(frozen=True)
class Study:
    """A kind of model and the metric that is decided on.

    ``strength``: how strong the signal is that only the better challenger sees.
    """

    kind: Kind
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
        return fit(self.kind, x[:, columns], y, seed, num_leaves=15, learning_rate=0.1)

    def judge(self, model: Any, x: Floats, y: Floats, columns: list[int]) -> Statistic:
        return judge(self.kind, self.metric, model, x[:, columns], y)

    def compare(self, judged: list[Statistic], y: Floats) -> "Comparison":
        """Compare two models; each row of a distribution is independent."""
        return Comparison(self.kind, self.metric, judged, y, np.arange(len(y)))

    def policy(self, **keys: float) -> Gate:
        return policy(self.metric, **keys)


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
    judged = [study.judge(model, x, y, KNOWN_COLUMNS) for model in (challenger, champion)]
    return study.compare(judged, y).verdicts(policies)


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
        return self.study.compare(judged, y)


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
        gate, bare_gate, metric_alone = np.mean(with_progress(title, verdicts, SEEDS), axis=0)
        yield f"{title}, promoted", Measurement(100 * float(gate), "%", 5)
        yield f"{title}, promoted with min_gain 0", Measurement(100 * float(bare_gate), "%")
        yield f"{title}, promoted by the better metric", Measurement(100 * float(metric_alone), "%")

    for condition, train_anew in (("on other holdouts", False), ("trained anew, too", True)):
        title = f"{name}: truly better, {condition}"
        promoted = pool.map(partial(truly_better, study, policy, rows, train_anew), range(SEEDS))
        missed = 100 * float(1 - np.mean(with_progress(title, promoted, SEEDS)))
        yield f"{title}, missed", Measurement(missed, "%", 10)


@dataclass(frozen=True)
class Series:
    """Real rows that depend on each other: those of a day share its weather, for instance.

    ``train`` and ``holdout``: days. A champion is trained on the days before each holdout; holdouts
    begin every ``holdout`` days and do not overlap. ``richer``: the features that the truly better
    challenger has, and the champion has not.
    """

    name: str
    days: tuple[str, str]
    sample_rows: int | None
    kind: Kind
    metric: str
    train: int
    holdout: int
    richer: tuple[str, ...]
    design_gain: float

    @property
    def rows(self) -> pd.DataFrame:
        return rows_of(self)

    @property
    def starts(self) -> range:
        """The first days of the holdouts."""
        number = self.rows[DAY_NUMBER].max() + 1
        return range(self.train, number - self.holdout + 1, self.holdout)

    def between(self, first: int, last: int) -> pd.DataFrame:
        """The rows of days from ``first`` to before ``last``."""
        return self.rows[self.rows[DAY_NUMBER].between(first, last, inclusive="left")]

    def columns(self, without: tuple[str, ...] = ()) -> list[str]:
        names = feature_names(list(self.rows.columns))
        return [name for name in names if name not in (DAY_NUMBER, *without)]

    def fit(self, start: int, seed: int, columns: list[str], days: int | None = None) -> Any:
        train = self.between(start - (days or self.train), start)
        return fit(
            self.kind,
            train[columns],
            train[LABEL],
            seed,
            num_leaves=31,
            min_child_samples=80,
            colsample_bytree=0.8,
        )

    def compare(self, holdout: pd.DataFrame, models: list[tuple[Any, list[str]]]) -> Comparison:
        """Compare the first of two models with the second, each with its columns."""
        labels = holdout[LABEL].to_numpy(float)
        judged = [
            judge(self.kind, self.metric, model, holdout[columns], labels)
            for model, columns in models
        ]
        units = holdout[DAY_NUMBER].to_numpy()
        return Comparison(self.kind, self.metric, judged, labels, units, PARTITION)


@cache
def rows_of(series: Series) -> pd.DataFrame:
    """The labelled rows in order of time, with the number of their day, and texts as codes."""
    options = {"rows": series.sample_rows} if series.sample_rows else {}
    frame = real_rows.features(series.name, *series.days, **options)
    frame = frame.dropna(subset=[LABEL]).sort_values([EVENT_DATE, ROW_ID], ignore_index=True)
    for name in feature_names(list(frame.columns)):
        if not pd.api.types.is_numeric_dtype(frame[name]):
            frame[name] = frame[name].astype("category").cat.codes
    days = pd.to_datetime(frame[EVENT_DATE])
    return frame.assign(**{DAY_NUMBER: (days - days.min()).dt.days})


SERIES = [
    Series(
        name="flights",
        days=("2013-01-01", "2013-12-31"),
        sample_rows=None,
        kind="binary",
        metric="auc",
        train=60,
        holdout=7,
        richer=("departure_minute", "arrival_minute"),
        design_gain=0.05,
    ),
    Series(
        name="rentals",
        days=("2011-01-01", "2012-12-31"),
        sample_rows=17500,
        kind="regression",
        metric="rmse",
        train=180,
        holdout=14,
        richer=("hum", "windspeed"),
        design_gain=10.0,
    ),
]


def twins(series: Series, start: int) -> list[list[bool]]:
    """The verdicts on challengers that differ from the champion by their seed alone.

    As policies: no least gain, and the default for the design gain; last, the better metric.
    """
    policies = [policy(series.metric), policy(series.metric, design_gain=series.design_gain)]
    columns = series.columns()
    holdout = series.between(start, start + series.holdout)
    champion = (series.fit(start, 0, columns), columns)
    verdicts = []
    for seed in range(1, TWINS + 1):
        challenger = (series.fit(start, seed, columns), columns)
        verdicts.append(series.compare(holdout, [challenger, champion]).verdicts(policies))
    return verdicts


def any_of_many(series: Series, start: int) -> list[bool]:
    """Whether any of many equal challengers is promoted, with and without counting the looks."""
    columns = series.columns()
    holdout = series.between(start, start + series.holdout)
    champion = (series.fit(start, 0, columns), columns)
    promoted = [False, False]
    for look in range(1, LOOKS + 1):
        challenger = (series.fit(start, look, columns), columns)
        comparison = series.compare(holdout, [challenger, champion])
        for n, counted in enumerate((look, 1)):
            promoted[n] |= comparison.verdicts([policy(series.metric)], counted)[0]
    return promoted


def worse(series: Series, start: int) -> tuple[bool, float]:
    """Whether a challenger that is trained on a third of the days is promoted, and its gain."""
    columns = series.columns()
    holdout = series.between(start, start + series.holdout)
    champion = (series.fit(start, 0, columns), columns)
    challenger = (series.fit(start, 1, columns, series.train // 3), columns)
    comparison = series.compare(holdout, [challenger, champion])
    return comparison.verdicts([policy(series.metric)])[0], comparison.gain().value


@cache
def richer_pair(series_number: int) -> tuple[Series, list[tuple[Any, list[str]]]]:
    """A challenger that sees more, and its champion, trained on the first days of a series."""
    series = SERIES[series_number]
    sets = [series.columns(), series.columns(without=series.richer)]
    return series, [(series.fit(series.train, 0, columns), columns) for columns in sets]


def drawn(series_number: int, days: int, seed: int) -> Comparison:
    """The pair on a holdout of days that are drawn from all that follow its training."""
    series, models = richer_pair(series_number)
    later = series.between(series.train, series.rows[DAY_NUMBER].max() + 1)
    numbers = later[DAY_NUMBER].unique()
    if days < len(numbers):
        rng = np.random.default_rng(seed)
        later = later[later[DAY_NUMBER].isin(rng.choice(numbers, days, replace=False))]
    return series.compare(later, models)


def richer_is_promoted(series_number: int, design_gain: float, days: int, seed: int) -> bool:
    comparison = drawn(series_number, days, seed)
    return comparison.verdicts([policy(comparison.metric, design_gain=design_gain)])[0]


def measure_series(number: int, pool: ProcessPoolExecutor) -> Iterator[tuple[str, Measurement]]:
    """Yield the measurements on real rows, each with its title."""
    series = SERIES[number]
    starts = list(series.starts)
    title = f"{series.name}, {series.metric}: itself with another seed"
    verdicts = np.concatenate(
        with_progress(title, pool.map(partial(twins, series), starts), len(starts))
    )
    bare_gate, gate, metric_alone = 100 * verdicts.mean(axis=0)
    yield f"{title}, promoted with min_gain 0", Measurement(float(bare_gate), "%", 5)
    yield f"{title}, promoted", Measurement(float(gate), "%", 5)
    yield f"{title}, promoted by the better metric", Measurement(float(metric_alone), "%")

    title = f"{series.name}: any of {LOOKS} equal challengers on one holdout"
    every_third = starts[::3]
    looks = with_progress(
        title, pool.map(partial(any_of_many, series), every_third), len(every_third)
    )
    counted, uncounted = 100 * np.mean(looks, axis=0)
    yield f"{title}, promoted", Measurement(float(counted), "%", 5)
    yield f"{title}, promoted if looks are not counted", Measurement(float(uncounted), "%")

    title = f"{series.name}: trained on a third of the days"
    found = with_progress(title, pool.map(partial(worse, series), starts), len(starts))
    promoted, gains = np.array(found, float).T
    yield f"{title}, its mean gain", Measurement(float(gains.mean()), series.metric)
    yield f"{title}, promoted", Measurement(100 * float(promoted.mean()), "%", 5)

    title = f"{series.name}: truly better by {', '.join(series.richer)}"
    gain = drawn(number, 10**6, 0).gain()
    yield f"{title}, its gain on all later days", Measurement(gain.value, series.metric)
    pilots = [drawn(number, PILOT_DAYS, seed) for seed in range(PILOTS)]
    design = policy(series.metric, design_gain=gain.value)
    needed = [units_needed(pilot.gain(), PILOT_DAYS, design) or 0 for pilot in pilots]
    days = int(np.mean(needed))
    yield f"{title}, days that it needs by the gate's arithmetic", Measurement(days, "days")
    missed = with_progress(
        title,
        pool.map(partial(richer_is_promoted, number, gain.value, days), range(SEEDS)),
        SEEDS,
    )
    yield f"{title}, missed", Measurement(100 * float(1 - np.mean(missed)), "%", 10)


def with_progress(title: str, results: Iterable[Any], number: int) -> list[Any]:
    """Collect all results and show how many are complete."""
    collected = []
    with harness.console.status(title) as status:
        for place, result in enumerate(results, 1):
            collected.append(result)
            status.update(f"{title}: {place} of {number}")
    harness.console.print(f"{title}: {len(collected)}")
    return collected


def main() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"  # Two processes of many threads would block each other.
    studies = [Study("binary", "auc", 0.45), Study("regression", "rmse", 0.25)]
    measurements: dict[str, Measurement] = {}
    with ProcessPoolExecutor() as pool:
        for number in range(len(SERIES)):
            measurements.update(measure_series(number, pool))
        for study in studies:
            measurements.update(measure(study, pool))
    harness.report("gate", measurements)


if __name__ == "__main__":
    main()
