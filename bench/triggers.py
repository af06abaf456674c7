"""How often the cause of a change is named rightly, and how often a training starts without one.

Each cause is injected into rows without one; ``courses.py`` has the quiet days.

Real flights, rentals and simulated laws. A champion (LightGBM) is trained on the first partitions;
the window is some weeks later, and is changed:

- broken data: values, rows or whole partitions go wrong;
- covariate drift: rows are drawn again by a feature, so that the label given the features stays;
- prior drift: rows are drawn again by their label, so that the features given the label stay;
- concept drift: labels change, features stay.

Counts are made in pandas, as ``bench/drift.py`` does; bins, verdicts and diagnosis are the real
ones.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import pairwise, product
from typing import Any, NamedTuple, Protocol

import courses
import harness
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import real_rows
from compared import encoded, fit
from drift import count, make_bins
from harness import Measurement
from rich.table import Table
from scipy import stats

from updraft.core.kinds import Kind, Task
from updraft.core.reports import DayDiagnosis
from updraft.core.schema import EVENT_DATE, LABEL, feature_names
from updraft.core.sections import Drift
from updraft.core.triggers import Cause
from updraft.monitoring.bins import Bins
from updraft.monitoring.broken import Volume
from updraft.monitoring.by_label import ByLabel, Tally, label_bins
from updraft.monitoring.diagnosis import History, diagnose
from updraft.monitoring.drift import Reference, Window, column_reference, judge, output_columns

Floats = npt.NDArray[np.float64]

WEEK = 7
POOL = 3
SEEDS = 3  # Of each law.
CAUSES: list[Cause] = ["broken data", "covariate drift", "prior drift", "concept drift"]
LAWS: list[tuple[Kind, int, float]] = [  # Rows a day, and the strength of the signal.
    ("binary", 100, 1.0),
    ("binary", 100, 3.0),
    ("regression", 100, 1.0),
    ("multiclass", 100, 1.5),
    ("binary", 1000, 1.0),
]
CLASSES = ("a", "b", "c")
FIRST = date(2024, 1, 1)
COLUMNS = 8  # Numbers of a law.
FARTHEST = 3.0  # Standard deviations from the mean that count as this when rows are drawn.


class Injection(Protocol):
    """Changes the rows of a window."""

    def __call__(self, rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame: ...


class Scenario(NamedTuple):
    """One change of a window.

    Attributes:
        cause: What should be named; None if nothing is changed.
        title: What is done.
        inject: How.
        column: That the diagnosis should name.
        quarantined: The share of the window's rows that go to quarantine.
    """

    cause: Cause | None
    title: str
    inject: Injection
    column: str | None = None
    quarantined: float = 0.0


class Setting(NamedTuple):
    """Rows to inject into, one after the other: to train on, to know, and the window.

    ``window`` has ``POOL`` times as many rows a day as the others: a window is drawn from it.
    ``numbers`` and ``texts``: the columns that are changed.
    """

    title: str
    task: Task
    train: pd.DataFrame
    before: pd.DataFrame
    window: pd.DataFrame
    numbers: list[str]
    texts: list[str]


@dataclass(frozen=True)
class Champion:
    """A model and what is stored of the rows that it was trained on."""

    setting: Setting
    length: int
    features: list[str]
    model: Any
    reference: Reference
    bins: dict[str, Bins]
    train: ByLabel

    @classmethod
    def trained(cls, setting: Setting) -> "Champion":
        train = setting.train
        length = setting.window[EVENT_DATE].nunique()
        features = feature_names(list(train.columns))
        bins = {name: make_bins(train[name]) for name in [*features, LABEL]}
        counts = count(train, bins)
        reference = {name: column_reference(bins[name], counts[name], length) for name in bins}
        labelled = train[train[LABEL].notna()]
        kind = "regression" if setting.task.kind == "regression" else "binary"
        model = fit(kind, encoded(labelled, train, features), labelled[LABEL], 1, num_leaves=15)
        before = answered(model, setting, setting.before, features)
        bins |= {name: make_bins(before[name]) for name in output_columns(setting.task)}
        of_label = label_bins(setting.task, bins[LABEL])
        counted = tallied(train, {name: bins[name] for name in reference}, of_label)
        return cls(setting, length, features, model, reference, bins, counted)

    @property
    def policy(self) -> Drift:
        return Drift(window=self.length)

    def answered(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows with the outputs."""
        return answered(self.model, self.setting, rows, self.features)

    def counted(self, rows: pd.DataFrame) -> ByLabel:
        """The counts of rows with answers."""
        of_label = label_bins(self.setting.task, self.bins[LABEL])
        return tallied(self.answered(rows), self.bins, of_label)

    def drifted(self, rows: pd.DataFrame) -> list[str]:
        """The features and label that have drifted in a window."""
        newest = self.counted(rows)
        windows = {}
        for name in self.reference:
            of_column = newest.rows[name].sum(axis=(0, 1))
            of_column[-1] *= name != LABEL
            sums = newest.sums.get(name)
            windows[name] = Window(of_column, None if sums is None else float(sums.sum()))
        found = judge(self.reference, windows, self.policy)
        return [each.column for each in found if each.drifted]

    def diagnosed(self, rows: pd.DataFrame, quarantined: float = 0.0) -> DayDiagnosis:
        """The diagnosis of a window. ``quarantined``: the share of bad rows in it."""
        later = pd.concat([self.setting.before, rows])
        sizes = pd.concat([self.setting.train, later]).groupby(EVENT_DATE).size()
        first = rows[EVENT_DATE].min()
        volumes = {}
        for day, size in sizes.items():
            bad = int(quarantined * size) if day >= first else 0
            volumes[day] = Volume(size - bad, bad)
        history = History(
            self.setting.task,
            self.policy,
            self.reference,
            self.train,
            self.counted(later),
            volumes,
        )
        return diagnose(history, rows[EVENT_DATE].max(), None, self.drifted(rows))


def answered(
    model: Any, setting: Setting, frame: pd.DataFrame, features: list[str]
) -> pd.DataFrame:
    """The rows with the champion's outputs."""
    x = encoded(frame, setting.train, features)
    if setting.task.kind == "regression":
        scores = model.predict(x)[:, None]
    else:
        scores = model.predict_proba(x)[:, 1 if setting.task.kind == "binary" else 0 :]
    names = output_columns(setting.task)
    return frame.assign(**{name: scores[:, number] for number, name in enumerate(names)})


def tallied(frame: pd.DataFrame, bins: Mapping[str, Bins], of_label: Bins) -> ByLabel:
    """The counts that ``count_by_label`` makes."""
    tally = Tally(bins, of_label)
    label = pa.array(frame[LABEL], pa.float64(), from_pandas=True)
    columns = [pa.array(frame[name], from_pandas=True) for name in bins]
    tally.add(pa.array(frame[EVENT_DATE], pa.date32()), label, columns)
    return tally.counts()


# Injections


def drawn(
    rows: pd.DataFrame, rng: np.random.Generator, weights: Floats | None = None
) -> pd.DataFrame:
    """One in ``POOL`` rows of each day, with chances by weight, none of them twice."""
    parts = []
    for places in rows.groupby(EVENT_DATE).indices.values():
        chances = None if weights is None else weights[places] / weights[places].sum()
        number = max(len(places) // POOL, 1)
        parts.append(rng.choice(places, number, replace=False, p=chances))
    return rows.iloc[np.concatenate(parts)].reset_index(drop=True)


def standard(values: pd.Series) -> Floats:
    """Distances from the mean in standard deviations; 0 where a value is missing."""
    distances = ((values - values.mean()) / (values.std() or 1.0)).fillna(0)
    return distances.clip(-FARTHEST, FARTHEST).to_numpy(float)


def more_of(
    rows: pd.DataFrame, rng: np.random.Generator, *, column: str, strength: float
) -> pd.DataFrame:
    """More rows with large values of a number, or with the second most frequent text."""
    if pd.api.types.is_numeric_dtype(rows[column]):
        return drawn(rows, rng, np.exp(strength * standard(rows[column])))
    second = rows[column].value_counts().index[1]
    return drawn(rows, rng, np.where(rows[column] == second, 1 + 8 * strength, 1.0))


def other_shares(
    rows: pd.DataFrame, rng: np.random.Generator, *, task: Task, strength: float
) -> pd.DataFrame:
    """More rows with large labels, or with those of the last class."""
    rows = rows[rows[LABEL].notna()].reset_index(drop=True)
    if task.traits.has_classes:
        weights = np.exp(strength * (rows[LABEL] == rows[LABEL].max()).to_numpy(float))
    else:
        weights = np.exp(strength * standard(rows[LABEL]) / 2)
    return drawn(rows, rng, weights)


def turned(
    rows: pd.DataFrame, rng: np.random.Generator, *, task: Task, column: str, share: float
) -> pd.DataFrame:
    """The opposite label in the rows with the largest values, or the most frequent texts."""
    rows = drawn(rows, rng)
    values = rows[column]
    if pd.api.types.is_numeric_dtype(values):
        part = values.rank(pct=True) > 1 - share
    else:
        shares = values.value_counts(normalize=True).cumsum().shift(fill_value=0)
        part = values.isin(shares.index[shares < share / 2])
    label = rows[LABEL]
    centre = label.max() if task.traits.has_classes else 2 * label.mean()
    return rows.assign(**{LABEL: label.where(~part, centre - label)})


def at_random(rows: pd.DataFrame, rng: np.random.Generator, *, share: float) -> pd.DataFrame:
    """A share of the rows has the label of another row."""
    rows = drawn(rows, rng)
    label = rows[LABEL].to_numpy(float).copy()
    some = np.flatnonzero(rng.random(len(label)) < share)
    label[some] = label[rng.permutation(some)]
    return rows.assign(**{LABEL: label})


def raised(
    rows: pd.DataFrame, rng: np.random.Generator, *, task: Task, strength: float
) -> pd.DataFrame:
    """A higher label: by standard deviations, or in a share of the rows of the other classes."""
    rows = drawn(rows, rng)
    label = rows[LABEL]
    if not task.traits.has_classes:
        return rows.assign(**{LABEL: label + strength * label.std()})
    chosen = label.notna() & (rng.random(len(label)) < strength)
    return rows.assign(**{LABEL: label.where(~chosen, label.max())})


def emptied(
    rows: pd.DataFrame, rng: np.random.Generator, *, column: str, share: float
) -> pd.DataFrame:
    """A share of the values is missing."""
    rows = drawn(rows, rng)
    return rows.assign(**{column: rows[column].mask(rng.random(len(rows)) < share)})


def multiplied(
    rows: pd.DataFrame, rng: np.random.Generator, *, column: str, factor: float
) -> pd.DataFrame:
    """Another unit."""
    rows = drawn(rows, rng)
    return rows.assign(**{column: rows[column] * factor})


def constant(rows: pd.DataFrame, rng: np.random.Generator, *, column: str) -> pd.DataFrame:
    """The most frequent value everywhere."""
    rows = drawn(rows, rng)
    return rows.assign(**{column: rows[column].mode()[0]})


def renamed(
    rows: pd.DataFrame, rng: np.random.Generator, *, column: str, days: int
) -> pd.DataFrame:
    """Texts under other names, in the newest days."""
    rows = drawn(rows, rng)
    first = rows[EVENT_DATE].max() - timedelta(days=days - 1)
    names = rows[column].where(rows[EVENT_DATE] < first, "code " + rows[column])
    return rows.assign(**{column: names})


def thinned(
    rows: pd.DataFrame, rng: np.random.Generator, *, share: float, days: int
) -> pd.DataFrame:
    """Only a share of the rows has come, in the newest days."""
    rows = drawn(rows, rng)
    first = rows[EVENT_DATE].max() - timedelta(days=days - 1)
    kept = (rows[EVENT_DATE] < first) | (rng.random(len(rows)) < share)
    return rows[kept].reset_index(drop=True)


def scenarios(setting: Setting) -> Iterator[Scenario]:
    """All injections into a setting."""
    yield Scenario(None, "nothing", drawn)
    yield from broken(setting)
    task = setting.task
    columns = [*setting.numbers, *setting.texts]
    for column, strength in product(columns, (1.0, 2.0)):
        change: Injection = partial(more_of, column=column, strength=strength)
        yield Scenario("covariate drift", f"strength {strength:g}", change, column)
    for strength in (-2.0, -1.5, 1.5, 2.0, 2.5):
        change = partial(other_shares, task=task, strength=strength)
        yield Scenario("prior drift", f"strength {strength:g}", change, LABEL)
    for column, share in product(columns, (0.3, 0.5)):
        change = partial(turned, task=task, column=column, share=share)
        yield Scenario("concept drift", f"turned in {share:.0%}", change, column)
    for share in (0.7, 1.0):
        yield Scenario("concept drift", f"{share:.0%} at random", partial(at_random, share=share))
    for strength in (0.3, 0.5):
        change = partial(raised, task=task, strength=strength)
        yield Scenario("concept drift", f"raised by {strength:g}", change)


def broken(setting: Setting) -> Iterator[Scenario]:
    """What can go wrong with data."""
    for column, share in product([*setting.numbers, *setting.texts], (0.3, 0.9)):
        change: Injection = partial(emptied, column=column, share=share)
        yield Scenario("broken data", f"{share:.0%} missing", change, column)
    for column in [*setting.numbers, *setting.texts]:
        yield Scenario("broken data", "constant", partial(constant, column=column), column)
    for column in setting.numbers:
        change = partial(multiplied, column=column, factor=1000.0)
        yield Scenario("broken data", "x 1000", change, column)
    for column, days in product(setting.texts, (1, WEEK)):
        change = partial(renamed, column=column, days=days)
        yield Scenario("broken data", f"renamed, {days} days", change, column)
    for days in (1, WEEK):
        change = partial(thinned, share=0.2, days=days)
        yield Scenario("broken data", f"a fifth of the rows, {days} days", change)
    for quarantined in (0.1, 0.4):
        title = f"{quarantined:.0%} in quarantine"
        yield Scenario("broken data", title, drawn, None, quarantined)


# Settings


def flights(frame: pd.DataFrame, before: int = 4 * WEEK) -> Iterator[Setting]:
    """A champion of 60 days and a week after it, every five weeks of a year."""
    yield from real(
        "flights",
        Task("binary"),
        frame,
        (60, before, WEEK),
        5 * WEEK,
        ["temp", "distance", "departure_minute"],
        ["carrier", "origin"],
    )


def rentals(frame: pd.DataFrame) -> Iterator[Setting]:
    """A champion of a year and two weeks after it, every eight weeks."""
    yield from real(
        "rentals",
        Task("regression"),
        frame,
        (365, 8 * WEEK, 2 * WEEK),
        8 * WEEK,
        ["temp", "hum", "hr"],
        ["hour_of_day_kind"],
    )


def real(
    title: str,
    task: Task,
    frame: pd.DataFrame,
    days: tuple[int, int, int],
    step: int,
    numbers: list[str],
    texts: list[str],
) -> Iterator[Setting]:
    """Settings of real rows: days to train on, to know and of the window; days between them."""
    all_days = sorted(frame[EVENT_DATE].unique())
    of_day = dict(list(frame.groupby(EVENT_DATE)))
    edges = np.concatenate([[0], np.cumsum(days)])
    for start in range(0, len(all_days) - edges[-1] + 1, step):
        train, before, window = (
            pd.concat([of_day[day] for day in all_days[start + first : start + last]]).reset_index(
                drop=True
            )
            for first, last in pairwise(edges)
        )
        rng = np.random.default_rng(start)
        yield Setting(title, task, drawn(train, rng), drawn(before, rng), window, numbers, texts)


def law(kind: Kind, seed: int, rows: int, signal: float, before: int = 4 * WEEK) -> Setting:
    """Days of ``rows`` rows of one law, whose days differ a little. ``signal``: its strength."""
    rng = np.random.default_rng([seed, rows])
    days = 60 + before + WEEK
    sizes = np.where(np.arange(days) < days - WEEK, rows, POOL * rows)
    day = np.repeat(np.arange(days), sizes)
    x = rng.normal(size=(len(day), COLUMNS))
    effects = rng.normal(size=(days, COLUMNS))
    for number in range(1, days):
        effects[number] = 0.7 * effects[number - 1] + np.sqrt(1 - 0.7**2) * effects[number]
    x += 0.2 * effects[day]
    text = rng.choice(list("aaabbcde"), len(day))
    score = x[:, 0] + 0.5 * x[:, 1] * x[:, 2] + 0.7 * np.sin(2 * x[:, 3])
    score = signal * (score + (text == "b") - 0.5 * (text == "a"))
    if kind == "regression":
        label = score + rng.normal(size=len(day))
    elif kind == "binary":
        label = (rng.random(len(day)) < 1 / (1 + np.exp(1 - score))).astype(float)
    else:
        scores = np.stack([np.zeros(len(day)), score, signal * x[:, 4] - 0.5], axis=1)
        label = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1).astype(float)
    data: dict[str, Any] = {f"x{number}": x[:, number] for number in range(COLUMNS)}
    dates = np.array([FIRST + timedelta(days=number) for number in range(days)])
    frame = pd.DataFrame({**data, "text": text, LABEL: label, EVENT_DATE: dates[day]})
    train = frame[day < 60]
    known = frame[(day >= 60) & (day < 60 + before)]
    window = frame[day >= 60 + before].reset_index(drop=True)
    task = Task(kind, CLASSES if kind == "multiclass" else ())
    title = f"law, {kind}, {rows} rows a day, signal {signal:g}"
    return Setting(title, task, train, known, window, ["x0", "x5"], ["text"])


def of_law(kind: Kind, rows: int, signal: float) -> Iterator[Setting]:
    """The same law with other chances."""
    for seed in range(SEEDS):
        yield law(kind, seed, rows, signal)


# Results


def is_worse(champion: Champion, rows: pd.DataFrame) -> bool:
    """Whether the champion's mean loss is larger in the window than before, days as units.

    It stands for the decay check, which looks for longer.
    """
    before, now = (
        losses(champion.setting.task, champion.answered(each))
        for each in (champion.setting.before, rows)
    )
    return bool(stats.ttest_ind(now, before, equal_var=False, alternative="greater").pvalue < 0.05)


def losses(task: Task, rows: pd.DataFrame) -> Floats:
    """The mean squared error of each day, over the outputs (the Brier score of classes)."""
    rows = rows[rows[LABEL].notna()]
    outputs = rows[output_columns(task)].to_numpy(float)
    label = rows[LABEL].to_numpy(float)
    if task.kind == "multiclass":
        expected = np.eye(outputs.shape[1])[label.astype(int)]
    else:
        expected = label[:, None]
    squares = pd.Series(((outputs - expected) ** 2).sum(axis=1), index=rows.index)
    means: Floats = squares.groupby(rows[EVENT_DATE]).mean().to_numpy()
    return means


def named(settings: Iterator[Setting]) -> Iterator[tuple[str, Measurement]]:
    """The share of found changes whose cause is named rightly, and a table of those named.

    A window that has drifted before anything is injected is left out: it has two causes.
    """
    table: dict[str, Counter[str]] = {str(cause): Counter() for cause in [*CAUSES, None]}
    titles = set()
    columns: list[bool] = []
    unfound: Counter[str] = Counter()
    skipped = 0
    for number, setting in enumerate(settings):
        titles.add(setting.title)
        champion = Champion.trained(setting)
        if champion.drifted(drawn(setting.window, np.random.default_rng(number))):
            skipped += 1
            continue
        for position, scenario in enumerate(scenarios(setting)):
            rng = np.random.default_rng([number, position])
            rows = scenario.inject(setting.window, rng)
            is_found = scenario.cause in (None, "broken data") or champion.drifted(rows)
            if not is_found and not is_worse(champion, rows):
                unfound[str(scenario.cause)] += 1
                continue
            found = champion.diagnosed(rows, scenario.quarantined)
            table[str(scenario.cause)][str(found.cause)] += 1
            if scenario.column and found.cause == scenario.cause:
                columns.append(scenario.column in found.columns)
    title = ", ".join(sorted(titles))
    show(title, table, unfound, skipped)
    for cause in CAUSES:
        counted = table[cause]
        total = sum(counted.values())
        wrong = 100 * (1 - counted[cause] / max(total, 1))
        yield f"{title}: {cause}, {total} windows, not named", Measurement(wrong, "%", 10)
    if columns:
        missed = 100 * (1 - float(np.mean(columns)))
        yield f"{title}: the column that was changed, not named", Measurement(missed, "%")


def show(title: str, table: dict[str, Counter[str]], unfound: Counter[str], skipped: int) -> None:
    """Print what was named for each injected cause."""
    answers = [*CAUSES, "None"]
    shown = Table("injected", *answers, "not found", title=f"{title}: named", title_justify="left")
    for cause, counted in table.items():
        shown.add_row(cause, *(str(counted[each]) for each in answers), str(unfound[cause]))
    harness.console.print(shown)
    harness.console.print(f"{skipped} settings left out: they have drifted by themselves")


def main() -> None:
    flown = real_rows.features("flights", "2013-01-01", "2013-12-31")
    rented = real_rows.features("rentals", "2011-01-01", "2013-09-30", rows=24_000, drift=0.0)
    measurements: dict[str, Measurement] = {}
    parts = [named(flights(flown)), named(rentals(rented))]
    parts += [named(of_law(*each)) for each in LAWS]
    parts += [courses.of_laws(rows) for rows in (200, 1000)]
    parts += [courses.of_series("flights", flown)]
    for part in parts:
        for title, measurement in part:
            harness.console.print(f"{title}: {measurement.value:.3g} {measurement.unit}")
            measurements[title] = measurement
    harness.report("triggers", measurements)


if __name__ == "__main__":
    main()
