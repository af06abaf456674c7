"""How often monitoring starts a training on quiet days, and how soon after a change.

A champion (LightGBM), its holdout and 100 days after it, of a law whose days depend on each other
or of real rows. Each day is looked at as monitoring does: the drift of its week, decay by then, and
the policy. The champion stays, so that one that has become worse asks again after the cool-down.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import harness
import numpy as np
import pandas as pd
from compared import encoded, fit
from drift import WEEK, columns_of, count
from drift import Champion as DriftChampion
from harness import Measurement
from scipy import stats

from updraft.core.reports import DecayLook, PartitionMetric
from updraft.core.schema import EVENT_DATE, LABEL, feature_names
from updraft.core.sections import Decay, Drift, Retraining
from updraft.core.triggers import Trigger
from updraft.decisions.retraining import Look, Situation, decide
from updraft.evaluation.metrics import Auc
from updraft.monitoring.decay import looks_at
from updraft.monitoring.drift import DailyCounts, has_drifted, judge

TRAIN = 60
HOLDOUT = 14
QUIET = 100  # Days after the holdout.
CHANGE = 50  # The day after the holdout on which a change begins.
SEEDS = 20
FIRST = date(2024, 1, 1)
COLUMNS = 8


class Course(NamedTuple):
    """What monitoring has done after a champion's holdout, in days after it.

    Attributes:
        drift: The days with drift.
        decay: The days with decay.
        trainings: The days on which a training would start.
    """

    drift: list[int]
    decay: list[int]
    trainings: list[int]


@dataclass(frozen=True)
class Rows:
    """Rows of whole days in order, with a label of two classes."""

    frame: pd.DataFrame

    @property
    def days(self) -> list[date]:
        return sorted(self.frame[EVENT_DATE].unique())

    def between(self, first: int, last: int) -> pd.DataFrame:
        """The rows of days by position, the last one not included."""
        chosen = self.days[first:last]
        return self.frame[self.frame[EVENT_DATE].between(chosen[0], chosen[-1])]


def course(rows: Rows, drift: Drift, retraining: Retraining) -> Course:
    """Look at each day after the holdout of a champion of the first days."""
    days = rows.days
    train = rows.between(0, TRAIN)
    later = rows.between(TRAIN, len(days))
    windows = drift_by_day(train, later, days[TRAIN:], drift)
    decay = decay_by_day(train, later, days[TRAIN:])
    past: list[Trigger] = []
    trainings: list[int] = []
    for number, day in enumerate(days[TRAIN + HOLDOUT :], start=1):
        newest = days[: TRAIN + HOLDOUT + number][-retraining.looks :]
        looks = [Look(each, windows.get(each), decay[each].decayed) for each in newest]
        situation = Situation(
            day=day,
            looks=looks,
            diagnosed=True,
            cause=None,
            columns=[],
            past=past,
            last_training=days[TRAIN + HOLDOUT - 1],
            since_training=number,
            new_partitions=number,
            trainings=0,
            held=False,
        )
        decision = decide(retraining, situation)
        if decision.action == "retrain":
            trainings.append(number)
            past.append(started(day))
    after = {day: number for number, day in enumerate(days[TRAIN + HOLDOUT :], start=1)}
    return Course(
        [number for day, number in after.items() if windows.get(day)],
        [number for day, number in after.items() if decay[day].decayed],
        trainings,
    )


def drift_by_day(
    train: pd.DataFrame, later: pd.DataFrame, days: list[date], policy: Drift
) -> dict[date, bool | None]:
    """Whether the week until each day had drifted, from the first whole week on."""
    champion = DriftChampion.trained_on(train, columns_of(train), policy.window)
    counts = count(later, champion.reference)
    found = {}
    counted = DailyCounts(days, counts)
    for end in range(policy.window, len(days) + 1):
        windows = counted.window(days[end - policy.window : end], None)
        verdicts = judge(champion.reference, windows, policy)
        found[days[end - 1]] = has_drifted(verdicts, policy)
    return found


def decay_by_day(
    train: pd.DataFrame, later: pd.DataFrame, days: list[date]
) -> dict[date, DecayLook]:
    """The look at the AUC by each day, whose labels are known at once."""
    features = feature_names(list(train.columns))
    labelled = train[train[LABEL].notna()]
    model = fit("binary", encoded(labelled, train, features), labelled[LABEL], 1, num_leaves=15)
    judged = later[later[LABEL].notna()]
    scores = pd.Series(
        model.predict_proba(encoded(judged, train, features))[:, 1], index=judged.index
    )
    partitions = []
    for day, of_day in judged.groupby(EVENT_DATE, sort=True):
        auc = Auc(of_day[LABEL].to_numpy(float), scores[of_day.index].to_numpy(float))
        value = auc(np.ones(len(of_day)))
        partitions.append(
            PartitionMetric(day=day, rows=len(of_day), value=None if np.isnan(value) else value)
        )
    looks = looks_at(
        [(day, day) for day in days], partitions, days[HOLDOUT - 1], Decay(), more_is_better=True
    )
    return {look.day: look for look in looks}


def started(day: date) -> Trigger:
    """A training that monitoring has started, for the policy's memory."""
    return Trigger(
        key=str(day),
        time=pd.Timestamp(day, tz="UTC").to_pydatetime(),
        day=day,
        by="bench",
        champion=1,
        run_id=None,
        drifted=None,
        decayed=None,
        cause=None,
        columns=[],
        action="retrain",
        reasons=[],
        replayed=True,
    )


# Laws


def law(seed: int, rows: int, change: str | None) -> Rows:
    """Days of ``rows`` rows whose features and level differ from day to day, slowly.

    ``change``: what happens from day ``CHANGE`` after the holdout on: "covariates" moves two
    features by a standard deviation, "concept" halves what the strongest feature says.
    """
    rng = np.random.default_rng([seed, rows])
    number = TRAIN + HOLDOUT + QUIET
    day = np.repeat(np.arange(number), rows)
    effects = rng.normal(size=(number, COLUMNS + 1))
    for position in range(1, number):
        effects[position] = 0.7 * effects[position - 1] + np.sqrt(0.51) * effects[position]
    x = rng.normal(size=(len(day), COLUMNS)) + 0.2 * effects[day, :COLUMNS]
    is_changed = day >= TRAIN + HOLDOUT + CHANGE
    if change == "covariates":
        x[is_changed, 4:6] += 1.0
    strength = np.where(is_changed & (change == "concept"), 0.75, 1.5)
    score = strength * x[:, 0] + 0.5 * x[:, 1] * x[:, 2] + 0.2 * effects[day, COLUMNS] - 1
    label = (rng.random(len(day)) < 1 / (1 + np.exp(-score))).astype(float)
    data = {f"x{column}": x[:, column] for column in range(COLUMNS)}
    dates = np.array([FIRST + timedelta(days=position) for position in range(number)])
    return Rows(pd.DataFrame({**data, LABEL: label, EVENT_DATE: dates[day]}))


def of_laws(rows: int) -> Iterator[tuple[str, Measurement]]:
    """Trainings on quiet days of a law, and the delay until a change is found."""
    title = f"law, {rows} rows a day"
    quiet = [course(law(seed, rows, None), Drift(), Retraining()) for seed in range(SEEDS)]
    yield from trainings(title, quiet)
    for change in ("covariates", "concept"):
        changed = [course(law(seed, rows, change), Drift(), Retraining()) for seed in range(SEEDS)]
        for name, days in (
            ("drift", [each.drift for each in changed]),
            ("decay", [each.decay for each in changed]),
            ("a training", [each.trainings for each in changed]),
        ):
            found = [first_after(CHANGE, each) for each in days]
            delays = [delay for delay in found if delay is not None]
            missed = 100 * (1 - len(delays) / len(found))
            yield f"{title}: {change} changed, without {name}", Measurement(missed, "%")
            if delays:
                delay = float(np.median(delays))
                yield f"{title}: {change} changed, days until {name}", Measurement(delay, "days")


def first_after(change: int, days: list[int]) -> int | None:
    """The days from a change to the first of ``days`` since then."""
    since = [day - change for day in days if day > change]
    return since[0] if since else None


def of_series(name: str, frame: pd.DataFrame) -> Iterator[tuple[str, Measurement]]:
    """Trainings in the 100 days after each champion of a real series: its changes are real."""
    length = TRAIN + HOLDOUT + QUIET
    whole = Rows(frame)
    number = len(whole.days)
    courses = []
    for start in range(0, number - length + 1, 5 * WEEK):
        part = Rows(whole.between(start, start + length))
        courses.append(course(part, Drift(min_columns=2), Retraining()))
    for position, each in enumerate(courses):
        harness.console.print(
            f"{name}, champion {position + 1}: {len(each.drift)} days with drift, "
            f"{len(each.decay)} with decay, trainings after {each.trainings} days"
        )
    mean = float(np.mean([len(each.trainings) for each in courses]))
    yield f"{name}: trainings in {QUIET} real days, {len(courses)} champions", Measurement(mean, "")


def trainings(title: str, courses: list[Course]) -> Iterator[tuple[str, Measurement]]:
    """How many trainings start in the quiet days, with the upper end of the mean's interval."""
    counted = [len(each.trainings) for each in courses]
    mean = float(np.mean(counted))
    worst = float(max(counted))
    yield f"{title}: trainings in {QUIET} quiet days, mean", Measurement(mean, "", 1)
    yield f"{title}: trainings in {QUIET} quiet days, worst of {SEEDS}", Measurement(worst, "")
    false = sum(bool(each.decay) for each in courses)
    interval = stats.binomtest(false, len(courses)).proportion_ci(method="wilson")
    harness.console.print(
        f"{title}: decay reported for {false} of {len(courses)} champions "
        f"(95 % interval {100 * interval.low:.0f} to {100 * interval.high:.0f} %)"
    )
    yield (
        f"{title}: champions with decay in {QUIET} quiet days",
        Measurement(100 * false / len(courses), "%", 5),
    )
