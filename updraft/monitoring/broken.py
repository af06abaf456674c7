"""What looks like broken data rather than like another world: rows, missing and impossible values.

Each rule compares a window with the worst that the partitions before it have shown, and leaves a
wide margin: what is called broken is not trained on.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from updraft.core.schema import LABEL
from updraft.monitoring.bins import Bins
from updraft.monitoring.by_label import ByLabel
from updraft.monitoring.spread import MIN_ROWS

Floats = npt.NDArray[np.float64]

MIN_PARTITIONS = 5  # That have to be known before any rule speaks.
VOLUME_FACTOR = 2.0  # Beyond the smallest and the largest partition so far.
QUARANTINE_FACTOR = 2.0  # Beyond the largest share so far,
MIN_QUARANTINED = 0.05  # and at least this.
MISSING_RISE = 0.1  # Above the largest share so far.
MOST = 0.5  # Of the rows.
NARROW = 0.01  # The range of a column that has become constant, of its smallest range so far.


class Volume(NamedTuple):
    """The rows of a partition: those that passed its audit, and those that did not."""

    clean: int
    quarantined: int


class Finding(NamedTuple):
    """One thing that is broken: the column, if it is about one, and what was found."""

    column: str | None
    reason: str


def broken_volumes(volumes: Mapping[date, Volume], window: Sequence[date]) -> list[Finding]:
    """Partitions of the window that are too small or too large, and too many bad rows.

    ``volumes``: of the window's partitions and of all before them.
    """
    before = [each for day, each in volumes.items() if day < window[0]]
    now = {day: volumes[day] for day in window if day in volumes}
    if len(before) < MIN_PARTITIONS or not now:
        return []
    findings = []
    sizes = [each.clean + each.quarantined for each in before]
    smallest, largest = min(sizes), max(sizes)
    for day, volume in now.items():
        rows = volume.clean + volume.quarantined
        if rows * VOLUME_FACTOR < smallest or rows > largest * VOLUME_FACTOR:
            usual = f"partitions before had {smallest:,} to {largest:,}"
            findings.append(Finding(None, f"{day} has {rows:,} rows; {usual}."))
    shares = [each.quarantined / max(each.clean + each.quarantined, 1) for each in before]
    rows = sum(each.clean + each.quarantined for each in now.values())
    share = sum(each.quarantined for each in now.values()) / max(rows, 1)
    if share > max(QUARANTINE_FACTOR * max(shares), MIN_QUARANTINED):
        findings.append(
            Finding(
                None,
                f"{share:.1%} of the rows are in quarantine; in partitions before, at most "
                f"{max(shares):.1%}.",
            )
        )
    return findings


def broken_columns(
    bins: Mapping[str, Bins], train: ByLabel, window: ByLabel, length: int
) -> list[Finding]:
    """Columns of the window whose values are missing, constant or impossible.

    Args:
        bins: Of the columns to look at.
        train: Counts of the training rows.
        window: Those of the window.
        length: The partitions of a window: training rows are compared by blocks of as many.
    """
    findings = []
    for name, column in bins.items():
        rows = window.rows[name].sum(axis=1)
        if rows.sum() < MIN_ROWS or len(train.days) < MIN_PARTITIONS:
            continue
        if name == LABEL:
            reasons = [_missing(train, window, name, length)]
        elif "edges" in column:
            reasons = [
                _missing(train, window, name, length),
                _constant(train, window, name, length),
                _far_away(train, window, name),
            ]
        else:
            reasons = [
                _missing(train, window, name, length),
                _one_text(column, train, window, name, length),
                _new_texts(train, window, name),
            ]
        findings += [Finding(name, reason) for reason in reasons if reason]
    return findings


def _blocks(values: npt.NDArray[Any], length: int) -> list[npt.NDArray[Any]]:
    """The partitions by blocks of a window's length; fewer partitions are one block."""
    number = max(len(values) // length, 1)
    return np.array_split(values, number)


def _missing(train: ByLabel, window: ByLabel, name: str, length: int) -> str | None:
    shares = [
        block[:, -1].sum() / max(block.sum(), 1)
        for block in _blocks(train.rows[name].sum(axis=1), length)
    ]
    rows = window.rows[name].sum(axis=(0, 1))
    share = rows[-1] / rows.sum()
    is_usual = max(shares) >= MOST  # Then having no value says something, such as no gusts.
    if share < 1 if is_usual else share <= max(shares) + MISSING_RISE:
        return None
    if share == max(shares):
        return None
    return f"{name}: {share:.1%} of the rows have no value; before, at most {max(shares):.1%}."


def _constant(train: ByLabel, window: ByLabel, name: str, length: int) -> str | None:
    ranges = [
        highest.max() - lowest.min()
        for lowest, highest in zip(
            _blocks(train.lowest[name], length), _blocks(train.highest[name], length), strict=True
        )
    ]
    rows = window.rows[name].sum(axis=(0, 1))
    if rows[-1] > MOST * rows.sum():
        return None  # Of the few values of a calm week, all may be equal.
    usual = train.rows[name].sum(axis=(0, 1))
    if usual[rows[:-1].argmax()] > MOST * usual.sum():
        return None  # Most rows always have this value; in a calm week, all may.
    low, high = window.lowest[name].min(), window.highest[name].max()
    if not np.isfinite(low) or not 0 < min(ranges) < np.inf or high - low >= NARROW * min(ranges):
        return None
    values = f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
    return (
        f"{name}: all values are {values}; before, they spanned at least {min(ranges):.4g} in as "
        "many partitions."
    )


def _far_away(train: ByLabel, window: ByLabel, name: str) -> str | None:
    before, now = (
        each.far[name] / np.maximum(each.rows[name].sum(axis=(1, 2)), 1) for each in (train, window)
    )
    if now.max() < MOST or before.max() > MOST / 2:
        return None
    low, high = train.lowest[name].min(), train.highest[name].max()
    ends = f"{window.lowest[name].min():.4g} to {window.highest[name].max():.4g}"
    return (
        f"{name}: {now.max():.1%} of the values of a partition are extremely far from the usual "
        f"ones. They are {ends}; before, {low:.4g} to {high:.4g}. Has its unit changed?"
    )


def _one_text(column: Bins, train: ByLabel, window: ByLabel, name: str, length: int) -> str | None:
    kinds = [
        int((block.sum(axis=0)[:-1] > 0).sum())
        for block in _blocks(train.rows[name].sum(axis=1), length)
    ]
    found = np.flatnonzero(window.rows[name].sum(axis=(0, 1))[:-1])
    categories = column["categories"]
    if min(kinds) < 2 or len(found) != 1 or found[0] >= len(categories):
        return None
    return (
        f"{name}: all values are {categories[found[0]]!r}; before, there were at least "
        f"{min(kinds)} in as many partitions."
    )


def _new_texts(train: ByLabel, window: ByLabel, name: str) -> str | None:
    """The last bin but one holds the texts without a bin of their own."""
    before, now = (
        rows[:, -2] / np.maximum(rows.sum(axis=1), 1)
        for rows in (train.rows[name].sum(axis=1), window.rows[name].sum(axis=1))
    )
    if now.max() < MOST or before.max() > MOST / 2:
        return None
    return (
        f"{name}: {now.max():.1%} of the rows of a partition have texts that were not frequent; "
        f"before, at most {before.max():.1%}."
    )
