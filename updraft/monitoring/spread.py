"""Whether a window of rows is farther from the training rows than their own blocks are.

The rows of a day are alike, and days are alike that follow each other, so a week differs from the
weeks before it by much more than as many independent rows would. How much is normal, the training
rows say themselves: they are cut into blocks of the window's length, and each block is compared
with all other rows. A window has drifted if it lies outside the spread of these blocks.

Three distances of a column are judged, each by a one-sided or two-sided prediction interval for one
more block, which with few blocks is wide (Student's t; Hahn and Meeker, Statistical Intervals, ch.
4):

- shape: the population stability index (PSI; Siddiqi, Credit Risk Scorecards, 2006). Its logarithm
  is about normal over blocks. The square root is not: with it, dependent blocks of one law gave
  several times as many alarms as allowed (``bench/drift.py``).
- level, of numbers: the mean. The PSI is bounded, so it hardly says how far away a window lies.
- share: that of missing values or, for users and items, that of new ones.

A window must also differ by more than the chance of independent rows (Pearson's chi-square test of
homogeneity, to which PSI * n * m / (n + m) is asymptotically equal: Yurdakul and Naranjo,
Statistical properties of the population stability index, Journal of Risk Model Validation, 2020).
Where there are no blocks, as in a snapshot, this alone decides.
"""

from typing import Any, NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt
from scipy import stats

from updraft.monitoring.counting import ColumnCounts

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

MIN_ROWS = 20  # Of the window. With fewer, a decile expects less than two rows.
MIN_BLOCKS = 4  # With fewer, the spread of blocks is hardly an estimate.
PSEUDO_ROWS = 0.5  # Added to each bin (Jeffreys), so that the index of an empty bin is finite.
# How a column's chance of a false alarm is divided among the distances. A mean that moves is what
# drift mostly is, and a share that moves from zero is found by any weight.
WEIGHTS = {"shape": 2, "level": 6, "share": 1}
SMALLEST_SPREAD = 1e-9  # Blocks that are equal but for rounding.


Moments = list[float]  # Mean and standard deviation of a distance over the blocks.


class Spread(TypedDict, total=False):
    """How far blocks of the training rows are from the rest of them.

    Attributes:
        window: The partitions of a block.
        blocks: The number of blocks.
        rows: The rows of a block, as their harmonic mean.
        shape: Moments of the logarithm of the PSI; all three only of enough blocks.
        level: Moments of the mean of the scaled values.
        share: Moments of the share of the last bin.
    """

    window: int
    blocks: int
    rows: float
    shape: Moments
    level: Moments
    share: Moments


class Distance(NamedTuple):
    """One distance of a window from the training rows.

    Attributes:
        name: shape, level or share.
        p_value: Its chance among windows like the training rows, at least that of the column.
        size: What is compared with ``drift.psi``.
    """

    name: str
    p_value: float
    size: float


class Comparison(NamedTuple):
    """A column of the window against the training rows.

    Attributes:
        psi: The PSI, without what the chance of independent rows adds to it.
        distances: What is judged; empty if nothing can be.
        reason: Why nothing can be judged.
    """

    psi: float
    distances: list[Distance]
    reason: str | None = None

    def p_value(self, min_psi: float) -> float:
        """The smallest of the distances that are large enough to matter; 1 if none is."""
        return min((each.p_value for each in self.distances if each.size >= min_psi), default=1.0)

    def main(self, min_psi: float) -> Distance:
        """The distance that has this p-value."""
        large = [each for each in self.distances if each.size >= min_psi]
        return min(large, key=lambda each: each.p_value)


def psi(first: npt.ArrayLike, second: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The PSI of two distributions, given as rows by bin, shape (..., bins).

    It is ``sum((p - q) * ln(p / q))`` of the shares p and q, and 0 if they are the same.
    """
    one = _shares(np.asarray(first))
    other = _shares(np.asarray(second))
    index: Floats = ((one - other) * np.log(one / other)).sum(axis=-1)
    return index


def _shares(rows: Counts) -> Floats:
    filled = rows + PSEUDO_ROWS
    shares: Floats = filled / filled.sum(axis=-1, keepdims=True)
    return shares


def spread(counts: ColumnCounts, window: int) -> Spread:
    """The spread of the blocks of ``window`` partitions.

    Partitions that do not fill a block are the oldest ones; they belong to the rest only.
    """
    rows = _blocks(counts.rows, window)
    has_rows = rows.sum(axis=1) > 0
    rows = rows[has_rows]
    of_spread: Spread = {"window": window, "blocks": len(rows)}
    if len(rows) < MIN_BLOCKS:
        return of_spread
    total = counts.rows.sum(axis=0)
    used = total > 0
    in_block = rows.sum(axis=1)
    typical = float(len(rows) / (1 / in_block).sum())
    distances = psi(rows[:, used], total[used] - rows[:, used])
    # The distance of one row in one bin: what is smaller is no distance.
    floor = 1 / in_block + 1 / total.sum()
    of_spread["rows"] = typical
    of_spread["shape"] = _moments(np.log(np.maximum(distances, floor / 2)))
    if counts.may_miss:
        of_spread["share"] = _moments(rows[:, -1] / in_block)
    if counts.sums is not None:
        numbers = in_block - rows[:, -1]
        sums = _blocks(counts.sums, window)[has_rows]
        if (numbers > 0).sum() >= MIN_BLOCKS:
            of_spread["level"] = _moments(sums[numbers > 0] / numbers[numbers > 0])
    return of_spread


def _blocks(values: npt.NDArray[Any], window: int) -> npt.NDArray[Any]:
    """Sums over blocks of ``window`` partitions, shape (blocks, ...)."""
    number = len(values) // window
    newest = values[len(values) - number * window :]
    sums: npt.NDArray[Any] = newest.reshape(number, window, *values.shape[1:]).sum(axis=1)
    return sums


def _moments(values: Floats) -> Moments:
    return [float(values.mean()), float(values.std(ddof=1))]


def compare_column(
    train: Counts, window: Counts, window_sum: float | None, of_spread: Spread | None
) -> Comparison:
    """Compare the rows of a window with the training rows, both by bin, shape (bins,).

    Args:
        train: The training rows.
        window: Those of the window.
        window_sum: The sum of its scaled values, for numbers.
        of_spread: That of the training rows; None if they have no order in time.
    """
    rows = int(window.sum())
    all_rows = int(train.sum())
    used = (train + window) > 0
    chance = (1 / rows + 1 / all_rows) if rows and all_rows else 0.0
    bias = (int(used.sum()) - 1) * chance
    index = float(psi(window[used], train[used])) if rows and all_rows else 0.0
    without_bias = max(index - bias, 0.0)
    reason = _why_not_judged(rows, all_rows, of_spread)
    if reason:
        return Comparison(without_bias, [], reason)
    independent = _homogeneity(train[used], window[used])
    if of_spread is None:
        return Comparison(without_bias, [Distance("shape", independent, without_bias)])

    last = np.array([train[:-1].sum(), train[-1]])
    window_last = np.array([window[:-1].sum(), window[-1]])
    share_size = float(psi(window_last, last)) - chance
    numbers = rows - int(window[-1])
    # A window of fewer rows than a block varies more.
    wider = max(1.0, of_spread["rows"] / rows)
    blocks = of_spread["blocks"]
    found = {"shape": (_of_shape(index, of_spread, wider, chance), without_bias, independent)}
    if "share" in of_spread:
        p_value = _of_mean(window[-1] / rows, of_spread["share"], blocks, wider)
        found["share"] = (p_value, share_size, _homogeneity(last, window_last))
    if "level" in of_spread and window_sum is not None and numbers:
        p_value = _of_mean(window_sum / numbers, of_spread["level"], blocks, wider)
        found["level"] = (p_value, without_bias, independent)
    weights = sum(WEIGHTS[name] for name in found)
    distances = []
    for name, (p_value, size, by_chance) in found.items():
        corrected = min(1.0, p_value * weights / WEIGHTS[name])
        distances.append(Distance(name, max(corrected, by_chance), size))
    return Comparison(without_bias, distances)


def _why_not_judged(rows: int, all_rows: int, of_spread: Spread | None) -> str | None:
    if not all_rows:
        return "the training rows have no values"
    if rows < MIN_ROWS:
        return f"{rows} rows with a value, {MIN_ROWS} needed"
    if of_spread is not None and of_spread["blocks"] < MIN_BLOCKS:
        return (
            f"the training rows have {of_spread['blocks']} blocks of {of_spread['window']} "
            f"partitions, {MIN_BLOCKS} needed"
        )
    return None


def _of_shape(index: float, of_spread: Spread, wider: float, chance: float) -> float:
    mean, deviation = of_spread["shape"]
    distance = np.log(max(index, chance / 2) / wider) - mean
    return float(_student(distance, deviation, of_spread["blocks"]))


def _of_mean(value: float, moments: Moments, blocks: int, wider: float) -> float:
    mean, deviation = moments
    distance = abs(value - mean)
    return 2 * float(_student(distance, deviation * np.sqrt(wider), blocks))


def _student(distance: float, deviation: float, blocks: int) -> float:
    """The chance that one more block lies at least as far above the mean of the others."""
    error = max(deviation, SMALLEST_SPREAD) * np.sqrt(1 + 1 / blocks)
    return float(stats.t.sf(distance / error, blocks - 1))


def shape_bound(of_spread: Spread, rows: int, all_rows: int, bins: int, error: float) -> float:
    """The PSI, without bias, that one more block exceeds with chance ``error``."""
    mean, deviation = of_spread["shape"]
    blocks = of_spread["blocks"]
    wider = max(1.0, of_spread["rows"] / rows)
    quantile = stats.t.isf(error, blocks - 1) * deviation * np.sqrt(1 + 1 / blocks)
    bias = (bins - 1) * (1 / rows + 1 / all_rows)
    return float(np.exp(mean + quantile) * wider - bias)


def _homogeneity(train: Counts, window: Counts) -> float:
    """Pearson's test that two samples, as rows by bin, are of one distribution."""
    both = train + window
    used = both > 0
    bins = int(used.sum())
    if bins < 2:
        return 1.0
    table = np.stack([train[used], window[used]])
    expected = table.sum(axis=1, keepdims=True) * both[used] / both.sum()
    statistic = ((table - expected) ** 2 / expected).sum()
    return float(stats.chi2.sf(statistic, bins - 1))
