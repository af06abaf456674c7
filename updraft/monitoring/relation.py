"""Whether labels still follow from the champion's answers as they did before a window.

Rows of a day are alike, so what is counted are partitions: the label's excess over what is
expected from the answers, of each partition, in units of the label. Expected is what the answers
were followed by in the partitions before the window, whether or not the champion is well
calibrated. Two numbers say whether that has changed:

- level: the mean excess. It moves when labels become more frequent among like rows.
- slope: the covariance of the excess with what is expected. It falls when the answers say less.

Both are compared with the partitions before the window by Welch's test, its errors widened by the
autocorrelation of partitions, and with blocks of the window's length where there are enough of
them, by a prediction interval for one more block, as in ``spread``. The larger p-value counts.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from updraft.monitoring.spread import SMALLEST_SPREAD

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

MIN_PARTITIONS = 5  # Before the window. With fewer, their spread is hardly an estimate.
PSEUDO_ROWS = 5.0  # Of an answer's bin, with the mean label: a rare answer is no evidence.
MIN_BLOCKS = 8  # With fewer, Student's t is so wide that nothing is found.
MAX_AUTOCORRELATION = 0.8
MAX_WEIGHT = 10.0  # Of a row: rare answers must not decide alone.


class Change(NamedTuple):
    """How the label given the answer has changed.

    Attributes:
        expected: The mean label of the window that follows from the answers.
        found: The mean label of the window.
        usual: The mean label before it.
        level: The p-value of the level.
        slope: The p-value of the slope.
    """

    expected: float
    found: float
    usual: float
    level: float
    slope: float

    @property
    def p_value(self) -> float:
        """That of both together (Bonferroni)."""
        return min(1.0, 2 * min(self.level, self.slope))


def change(before: Counts, window: Counts, values: Floats, length: int) -> Change | None:
    """Compare labels given answers in a window with those in the partitions before it.

    Args:
        before: Labelled rows by partition, label bin and answer bin, in the order of time.
        window: Those of the window.
        values: The label of each label bin, shape (label bins,).
        length: The partitions of a window.

    Returns:
        None if there are too few partitions, or no rows.
    """
    before = before[before.sum(axis=(1, 2)) > 0]
    window = window[window.sum(axis=(1, 2)) > 0]
    if len(before) < MIN_PARTITIONS or not len(window):
        return None
    total = before.sum(axis=0)
    expected = expected_labels(total, values)
    mean = float(values @ total.sum(axis=1) / total.sum())
    usual = total.sum(axis=0) / total.sum()
    answers = window.sum(axis=(0, 1)) / window.sum()
    deviation = float(np.sqrt(usual @ (expected - mean) ** 2))
    direction = (expected - mean) / max(deviation, SMALLEST_SPREAD)
    weights = np.minimum(usual / np.maximum(answers, SMALLEST_SPREAD), MAX_WEIGHT)

    def excess(rows: Counts, of_answer: Floats) -> Floats:
        by_answer = np.einsum("dls,l->ds", rows, values) - rows.sum(axis=1) * expected
        found: Floats = by_answer @ of_answer
        return found

    rows_before, rows_now = before.sum(axis=(1, 2)), window.sum(axis=1) @ weights
    level, slope = (
        _p_value(
            excess(before, each), rows_before, excess(window, each * weights), rows_now, length
        )
        for each in (np.ones(len(expected)), direction)
    )
    return Change(
        expected=float(expected @ answers),
        found=float(values @ window.sum(axis=(0, 2)) / window.sum()),
        usual=mean,
        level=level,
        slope=slope,
    )


def expected_labels(rows: Counts, values: Floats) -> Floats:
    """The mean label of each answer bin, from labelled rows by label bin and answer bin."""
    mean = values @ rows.sum(axis=1) / rows.sum()
    expected: Floats = (values @ rows + PSEUDO_ROWS * mean) / (rows.sum(axis=0) + PSEUDO_ROWS)
    return expected


def _p_value(before: Floats, rows: Counts, now: Floats, rows_now: Counts, length: int) -> float:
    difference = abs(now.sum() / rows_now.sum() - before.sum() / rows.sum())
    by_partition = _welch(difference, (before, rows), (now, rows_now))
    number = len(before) // length
    if number < MIN_BLOCKS:
        return by_partition
    start = len(before) - number * length
    blocks = before[start:].reshape(number, length).sum(axis=1)
    of_blocks = blocks / rows[start:].reshape(number, length).sum(axis=1)
    error = max(float(of_blocks.std(ddof=1)), SMALLEST_SPREAD) * np.sqrt(1 + 1 / number)
    by_block = 2 * float(stats.t.sf(difference / error, number - 1))
    return max(by_partition, by_block)


def _welch(difference: float, first: tuple[Floats, Counts], second: tuple[Floats, Counts]) -> float:
    """Welch's test of two ratios, sums over rows, with partitions as observations."""
    parts = []
    for sums, rows in (first, second):
        if len(sums) > 1:
            deviations = (sums - rows * sums.sum() / rows.sum()) / rows.mean()
            parts.append((deviations, len(sums)))
    # A window of one partition varies as those before it do.
    if len(parts) == 1:
        parts.append((parts[0][0], 1))
    wider = _autocorrelated(first)
    variances = [
        wider * float(deviations @ deviations) / max(len(deviations) - 1, 1) / number
        for deviations, number in parts
    ]
    total = max(sum(variances), SMALLEST_SPREAD**2)
    freedom = total**2 / sum(
        max(variance, SMALLEST_SPREAD**2) ** 2 / max(len(deviations) - 1, 1)
        for variance, (deviations, _) in zip(variances, parts, strict=True)
    )
    return 2 * float(stats.t.sf(difference / np.sqrt(total), freedom))


def _autocorrelated(of_partitions: tuple[Floats, Counts]) -> float:
    """By how much the variance of a mean is larger than that of independent partitions (AR(1))."""
    sums, rows = of_partitions
    values = sums / rows
    centred = values - values.mean()
    power = float(centred @ centred)
    if power < SMALLEST_SPREAD**2:
        return 1.0
    # Of n values, the lag-1 correlation is too small by about 1 / n.
    rho = float(centred[1:] @ centred[:-1]) / power + 1 / len(values)
    rho = min(max(rho, 0.0), MAX_AUTOCORRELATION)
    return (1 + rho) / (1 - rho)
