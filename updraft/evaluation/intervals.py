"""How certain the difference between two models on the same rows is, if rows depend on each other.

The flights of a day share its weather, the invoices of a customer its habits: such rows are wrong
together, and an interval that takes each of them for new information is too narrow. What is
independent is the unit: a partition, a customer, or the row itself.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from updraft.evaluation.statistic import Statistic

Units = npt.NDArray[np.int64]  # For each row (or user) the number of its unit; shape (rows,).
GROUPS = 100  # More groups make an interval hardly better, but take longer.


class GainInterval(NamedTuple):
    """A gain with its confidence interval and its standard ``error``; positive is better."""

    value: float
    lower: float
    upper: float
    error: float


def gain_interval(
    challenger: Statistic,
    champion: Statistic,
    units: Units,
    *,
    more_is_better: bool,
    confidence: float,
) -> GainInterval:
    """The gain of the challenger over the champion in one metric, with its interval.

    The gain is the difference of the metrics, with the sign that makes positive better. Its error
    is that of the jackknife: the gain is computed again without each unit, and the error is what
    these gains differ by. More than ``GROUPS`` units are put into as many groups of equal size.
    The interval is Student's, with a degree of freedom less than there are groups, so it is honest
    for few units, too. Without a unit the gain may have no value, such as the AUC of a single
    class: the interval then is NaN, and nothing is promoted on it. The same holds for one unit.

    ``units``: of the rows (or users) of the statistics; -1 leaves a row out.

    Sources: Kott, The delete-a-group jackknife, Journal of Official Statistics 17, 2001; for few
    units that differ in size MacKinnon, Nielsen and Webb, Leverage, influence, and the jackknife in
    clustered regression models, Stata Journal 23, 2023, where it is called CV3.
    """
    assert challenger.units == champion.units == len(units), "both are judged on the same rows"
    sign = 1 if more_is_better else -1

    def gain(selected: npt.NDArray[np.bool_]) -> float:
        weights = selected.astype(float)
        return sign * (challenger.of(weights) - champion.of(weights))

    groups = _groups(units)
    is_used = groups >= 0
    value = gain(is_used)
    number = int(groups.max(initial=-1)) + 1
    if number < 2:
        return GainInterval(value, np.nan, np.nan, np.nan)
    without_one = np.array([gain(is_used & (groups != group)) for group in range(number)])
    error = float(np.sqrt((number - 1) / number * np.sum((without_one - value) ** 2)))
    width = float(stdtrit(number - 1, 0.5 + confidence / 2)) * error
    return GainInterval(value, value - width, value + width, error)


def number_of_units(units: Units) -> int:
    """How many different units there are; rows that are left out have none."""
    return len(np.unique(units[units >= 0]))


def _groups(units: Units) -> Units:
    """The number of the group of each row, from 0; -1 for rows that are left out.

    Each unit is in one group. Neighbours share it: if the units are days, they may be alike.
    """
    groups = np.full(len(units), -1)
    is_used = units >= 0
    distinct, positions = np.unique(units[is_used], return_inverse=True)
    number = max(len(distinct), 1)
    groups[is_used] = positions * min(number, GROUPS) // number
    return groups
