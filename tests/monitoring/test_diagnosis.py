"""Why rows have changed: laws whose change is known, each with its cause."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from updraft.core.kinds import Kind, Task
from updraft.core.reports import DayDiagnosis
from updraft.core.schema import EVENT_DATE, LABEL
from updraft.core.sections import Drift
from updraft.monitoring.bins import Bins, bins_of_numbers, bins_of_texts
from updraft.monitoring.broken import Volume
from updraft.monitoring.by_label import SCHEMA, ByLabel, Tally, label_bins
from updraft.monitoring.counting import ColumnCounts
from updraft.monitoring.diagnosis import History, diagnose
from updraft.monitoring.drift import column_reference, output_columns

FIRST = date(2024, 1, 1)
TRAIN, BEFORE, WEEK = 60, 28, 7  # Days.
ROWS = 200  # Of a day.
NUMBERS = ["x", "other"]
Change = Callable[[pd.DataFrame], pd.DataFrame]


def true_score(rows: pd.DataFrame) -> Any:
    return 2 * rows["x"] + (rows["text"] == "b")


def law(kind: Kind, seed: int) -> pd.DataFrame:
    """Rows of all days, three times as many in the last week, of which a third is drawn."""
    rng = np.random.default_rng(seed)
    days = TRAIN + BEFORE + WEEK
    sizes = np.where(np.arange(days) < TRAIN + BEFORE, ROWS, 3 * ROWS)
    day = np.repeat(np.arange(days), sizes)
    effects = rng.normal(0, 0.1, (days, 2))
    rows = pd.DataFrame(
        {
            EVENT_DATE: np.array([FIRST + timedelta(days=n) for n in range(days)])[day],
            "x": rng.normal(size=len(day)) + effects[day, 0],
            "other": rng.normal(size=len(day)) + effects[day, 1],
            "text": rng.choice(list("aaabbcde"), len(day)),
        }
    )
    score = true_score(rows)
    if kind == "regression":
        label = score + rng.normal(size=len(day))
    elif kind == "multiclass":
        scores = np.stack([np.zeros(len(day)), score, rows["other"]], axis=1)
        label = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    else:
        label = rng.random(len(day)) < 1 / (1 + np.exp(1 - score))
    return rows.assign(**{LABEL: np.asarray(label, float)})


def answered(rows: pd.DataFrame, task: Task) -> pd.DataFrame:
    """A champion that knows the law."""
    score = true_score(rows)
    if task.kind == "multiclass":
        scores = np.exp(np.stack([np.zeros(len(rows)), score, rows["other"]], axis=1))
        outputs = scores / scores.sum(axis=1, keepdims=True)
    elif task.kind == "binary":
        outputs = (1 / (1 + np.exp(1 - score))).to_numpy()[:, None]
    else:
        outputs = score.to_numpy()[:, None]
    return rows.assign(**{name: outputs[:, n] for n, name in enumerate(output_columns(task))})


def drawn(rows: pd.DataFrame, weights: Any = None) -> pd.DataFrame:
    return rows.groupby(EVENT_DATE).sample(ROWS, weights=weights, random_state=1)


def tallied(rows: pd.DataFrame, bins: dict[str, Bins], of_label: Bins) -> ByLabel:
    tally = Tally(bins, of_label)
    columns = [pa.array(rows[name], from_pandas=True) for name in bins]
    label = pa.array(rows[LABEL], pa.float64(), from_pandas=True)
    tally.add(pa.array(rows[EVENT_DATE], pa.date32()), label, columns)
    return tally.counts()


class Monitored(NamedTuple):
    """The rows of a law, as a champion knows them."""

    task: Task
    train: pd.DataFrame
    before: pd.DataFrame
    week: pd.DataFrame

    @classmethod
    def of(cls, kind: Kind, seed: int = 1) -> "Monitored":
        rows = law(kind, seed)
        task = Task(kind, ("none", "some", "many") if kind == "multiclass" else ())
        until = [FIRST + timedelta(days=days) for days in (TRAIN, TRAIN + BEFORE)]
        day = rows[EVENT_DATE]
        return cls(
            task,
            rows[day < until[0]],
            rows[(day >= until[0]) & (day < until[1])],
            rows[day >= until[1]].reset_index(drop=True),
        )

    def history(self, week: pd.DataFrame, volumes: dict[date, Volume] | None = None) -> History:
        numbers = [*NUMBERS, LABEL] if self.task.traits.has_target else NUMBERS
        bins = {name: bins_of_numbers(self.train[name].to_numpy()) for name in numbers}
        bins["text"] = bins_of_texts(pa.array(self.train["text"]))
        of_label = label_bins(self.task, bins.get(LABEL))
        train = tallied(self.train, bins, of_label)
        reference = {}
        for name, column in bins.items():
            sums = train.sums[name].sum(axis=1) if name in train.sums else None
            counts = ColumnCounts(train.rows[name].sum(axis=1), sums)
            reference[name] = column_reference(column, counts, WEEK)
        later = answered(pd.concat([self.before, week]), self.task)
        names = output_columns(self.task)
        outputs = {name: bins_of_numbers(later[name].to_numpy()) for name in names}
        return History(
            self.task,
            Drift(window=WEEK),
            reference,
            train,
            tallied(later, {**bins, **outputs}, of_label),
            volumes or {},
        )

    def diagnosed(self, week: pd.DataFrame, drifted: list[str]) -> DayDiagnosis:
        return diagnose(self.history(week), week[EVENT_DATE].max(), None, drifted)


def turned(rows: pd.DataFrame, where: Any) -> pd.DataFrame:
    """The opposite labels where a condition holds."""
    label = rows[LABEL]
    return rows.assign(**{LABEL: label.where(~where, label.max() + label.min() - label)})


def turned_by(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    week = drawn(rows)
    return turned(week, week[column] > 0)


BROKEN: dict[str, tuple[Change, str]] = {
    "missing": (lambda rows: rows.assign(x=rows["x"].where(rows.index % 2 == 0)), "x"),
    "texts missing": (lambda rows: rows.assign(text=None), "text"),
    "labels missing": (
        lambda rows: rows.assign(label=rows[LABEL].where(rows.index % 2 == 0)),
        LABEL,
    ),
    "another unit": (lambda rows: rows.assign(x=rows["x"] * 1000), "x"),
    "constant": (lambda rows: rows.assign(other=0.5), "other"),
    "one text": (lambda rows: rows.assign(text="a"), "text"),
    "renamed": (lambda rows: rows.assign(text=rows["text"].str.upper()), "text"),
    "renamed on the newest day": (
        lambda rows: rows.assign(
            text=rows["text"].mask(rows[EVENT_DATE] == rows[EVENT_DATE].max(), "?")
        ),
        "text",
    ),
}
SHIFTS: dict[str, tuple[Change, str, str, list[str]]] = {
    "larger numbers": (
        lambda rows: drawn(rows, np.exp(1.5 * rows["x"])),
        "covariate drift",
        "x",
        ["x"],
    ),
    "other texts": (
        lambda rows: drawn(rows, np.where(rows["text"] == "c", 20, 1)),
        "covariate drift",
        "text",
        ["text"],
    ),
    "larger labels": (
        lambda rows: drawn(rows, np.exp(2 * rows[LABEL] / rows[LABEL].std() / 2)),
        "prior drift",
        LABEL,
        [LABEL],
    ),
    "opposite labels": (
        partial(turned_by, column="x"),
        "concept drift",
        "x",
        [],
    ),
    "opposite labels by another feature": (
        partial(turned_by, column="other"),
        "concept drift",
        "other",
        [],
    ),
}


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("name", BROKEN)
def test_broken_data_is_named_with_its_column(kind: Kind, name: str) -> None:
    change, column = BROKEN[name]
    monitored = Monitored.of(kind)
    found = monitored.diagnosed(change(drawn(monitored.week)), [column])
    assert (found.cause, found.columns) == ("broken data", [column])
    assert found.reasons[0].startswith(f"{column}: ")


def test_where_no_block_is_known_a_relation_has_not_changed() -> None:
    """As of a snapshot: the relations of features with the label cannot be compared."""
    monitored = Monitored.of("binary")
    newest = sorted(monitored.before[EVENT_DATE].unique())[-WEEK + 1 :]
    short = monitored._replace(
        train=monitored.train[monitored.train[EVENT_DATE] < FIRST + timedelta(days=WEEK)],
        before=monitored.before[monitored.before[EVENT_DATE].isin(newest)],
    )
    assert short.diagnosed(drawn(short.week), ["x"]).cause == "covariate drift"
    assert short.diagnosed(drawn(short.week), []).cause is None


def test_a_calm_week_of_a_column_that_mostly_has_one_value_is_not_broken() -> None:
    """As the visibility of 10 miles, which most hours have."""
    monitored = Monitored.of("binary")
    train, before, week = (
        rows.assign(other=rows["other"].clip(upper=-0.8))
        for rows in (monitored.train, monitored.before, drawn(monitored.week))
    )
    monitored = monitored._replace(train=train, before=before)
    calm = week.assign(other=-0.8)
    assert monitored.diagnosed(calm, []).cause != "broken data"
    stuck = week.assign(other=-2.0)
    assert monitored.diagnosed(stuck, []).columns == ["other"]


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("name", SHIFTS)
def test_a_shift_is_named_with_its_column(kind: Kind, name: str) -> None:
    change, cause, column, drifted = SHIFTS[name]
    found = []
    for seed in range(4):
        monitored = Monitored.of(kind, seed)
        found.append(monitored.diagnosed(change(monitored.week), drifted))
    rightly = [diagnosis for diagnosis in found if diagnosis.cause == cause]
    assert len(rightly) >= 3, found
    # Three classes leave so few rows that what is between bins is often no more than chance.
    if kind != "multiclass" or cause != "concept drift":
        assert any(column in diagnosis.columns for diagnosis in rightly)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_rows_of_one_law_have_no_cause(kind: Kind) -> None:
    causes = []
    for seed in range(4):
        monitored = Monitored.of(kind, seed)
        causes.append(monitored.diagnosed(drawn(monitored.week), []).cause)
    assert causes.count(None) >= 3, causes


@pytest.mark.parametrize(
    ("sizes", "quarantined", "is_broken"),
    [(190, 0, False), (60, 0, True), (700, 0, True), (200, 4, False), (200, 60, True)],
)
def test_volumes_are_compared_with_the_partitions_before(
    sizes: int, quarantined: int, is_broken: bool
) -> None:
    monitored = Monitored.of("binary")
    week = drawn(monitored.week)
    volumes = {}
    for number in range(TRAIN + BEFORE + WEEK):
        is_new = number >= TRAIN + BEFORE
        rows, bad = (sizes, quarantined) if is_new else (ROWS + number % 7, 1)
        volumes[FIRST + timedelta(days=number)] = Volume(rows - bad, bad)
    found = diagnose(monitored.history(week, volumes), week[EVENT_DATE].max(), None, [])
    assert (found.cause == "broken data") is is_broken
    assert any("rows" in reason for reason in found.reasons) is is_broken


def test_without_a_label_the_three_shifts_are_not_told_apart() -> None:
    monitored = Monitored.of("clustering")
    week = drawn(monitored.week, np.exp(1.5 * monitored.week["x"]))
    found = monitored.diagnosed(week, ["x"])
    assert (found.cause, found.columns) == ("covariate drift", ["x"])
    assert "Without labels" in found.reasons[1]
    assert "cannot be told apart" in found.reasons[1]
    assert monitored.diagnosed(drawn(monitored.week), []).cause is None


@pytest.mark.parametrize(
    ("mature", "says"),
    [
        (TRAIN + 6, "Too few partitions after the training have complete labels"),
        (TRAIN + BEFORE - 1, "Their labels are complete until 2024-03-28 only"),
    ],
)
def test_labels_that_have_not_come_yet_say_nothing(mature: int, says: str) -> None:
    """Other labels, too, but nobody knows that yet."""
    monitored = Monitored.of("binary")
    week = drawn(monitored.week, np.exp(1.5 * monitored.week["x"]))
    week = turned(week, week["other"] > 0)
    day = week[EVENT_DATE].max()
    history = monitored.history(week)
    found = diagnose(history, day, FIRST + timedelta(days=mature), ["x"])
    assert (found.cause, found.columns) == ("covariate drift", ["x"])
    assert says in found.reasons[1]
    assert diagnose(history, day, None, ["x"]).cause == "concept drift"


def test_partitions_counted_in_parts_are_counted_as_a_whole() -> None:
    rows = law("binary", 5).assign(x=lambda frame: frame["x"].where(frame["x"] > -1))
    bins = {
        "x": bins_of_numbers(rows["x"].to_numpy()),
        "text": bins_of_texts(pa.array(rows["text"])),
    }
    of_label = label_bins(Task("binary"), bins["x"])
    whole = tallied(rows, bins, of_label)
    total = Tally(bins, of_label)
    for part in np.array_split(rows.sample(frac=1, random_state=3), 4):
        one = Tally(bins, of_label)
        label = pa.array(part[LABEL], pa.float64())
        values = [pa.array(part[name], from_pandas=True) for name in bins]
        one.add(pa.array(part[EVENT_DATE], pa.date32()), label, values)
        batch = one.exported()
        assert batch.schema.names == [field.split()[0] for field in SCHEMA.split(", ")]
        for row in batch.to_pylist():
            day, *counted = row.values()
            total.add_partial(day, counted)
    found = total.counts()
    assert found.days == whole.days
    for name in bins:
        assert (found.rows[name] == whole.rows[name]).all()
    assert found.rows["text"].sum() == len(rows)
    assert found.rows["x"][:, :, -1].sum() == rows["x"].isna().sum()
    assert found.rows["text"][:, 1].sum() == rows[LABEL].sum()
    np.testing.assert_allclose(found.sums["x"], whole.sums["x"])
    by_day = rows.groupby(EVENT_DATE)["x"]
    assert (found.lowest["x"] == by_day.min()).all()
    assert (found.highest["x"] == by_day.max()).all()
