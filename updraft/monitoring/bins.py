"""The bins in which the values of a column are counted.

A column has as many bins as ``number_of_bins`` says; they have positions and no names, so no
category can be taken for one of them. The last bin holds missing values. NaN and infinity are
missing values, as they are to models.
"""

from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]

DECILES = np.arange(0.1, 0.95, 0.1)
QUARTILES = (0.25, 0.5, 0.75)
NORMAL_IQR = 1.349  # The interquartile range of a normal distribution of standard deviation 1.
MAX_CATEGORIES = 50
# A rarer category has no bin, a value this frequent has a bin of its own.
MIN_SHARE = 0.005
OWN_BIN_SHARE = 0.02
FARTHEST = 10.0  # Scaled values beyond it count as this: one outlier must not move a mean.


class Bins(TypedDict, total=False):
    """The bins of one column.

    A number has ``edges``, ascending, and ``centre`` and ``scale``, by which its level is measured:
    a value lies in the bin after the last edge that is not above it. A text has ``categories``, a
    bin each, and one bin for all others. A column of users or items has ``entities``: one bin for
    those that are known, one for new ones.
    """

    edges: list[float]
    centre: float
    scale: float
    categories: list[str]
    entities: bool


def number_of_bins(bins: Bins) -> int:
    """How many bins a column has, the last one included."""
    if "edges" in bins:
        return len(bins["edges"]) + 2
    if "categories" in bins:
        return len(bins["categories"]) + 2
    return 2


def bins_of_numbers(values: Floats) -> Bins:
    """Bins at the deciles of a sample of a column, shape (rows,).

    A frequent value has a bin of its own: a flag that is nearly always set has no other edge.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return {"edges": [], "centre": 0.0, "scale": 1.0}
    edges: set[float] = set()
    for decile in np.unique(np.quantile(finite, DECILES, method="inverted_cdf")):
        edges.add(float(decile))
        if np.mean(finite == decile) >= OWN_BIN_SHARE:
            edges.add(float(np.nextafter(decile, np.inf)))
    low, middle, high = np.quantile(finite, QUARTILES)
    scale = float(high - low) / NORMAL_IQR or float(finite.std()) or 1.0
    return {"edges": sorted(edges), "centre": float(middle), "scale": scale}


def bins_of_texts(values: pa.Array) -> Bins:
    """The most frequent texts of a sample of a column; equally frequent ones by the alphabet."""
    counted = pc.value_counts(values.drop_null()).to_pylist()
    frequent = [each for each in counted if each["counts"] >= MIN_SHARE * len(values)]
    frequent.sort(key=lambda each: (-each["counts"], each["values"]))
    return {"categories": [each["values"] for each in frequent[:MAX_CATEGORIES]]}


def positions(bins: Bins, values: pa.Array) -> tuple[Positions, Floats | None]:
    """The bin of each value, shape (rows,), and for numbers also the scaled values.

    Scaled values are distances from ``centre`` in units of ``scale``, at most ``FARTHEST``; 0 where
    a value is missing.
    """
    if "categories" in bins:
        return _positions_of_texts(bins["categories"], values), None
    numbers = _as_numbers(values)
    is_missing = ~np.isfinite(numbers)
    found = np.searchsorted(np.asarray(bins["edges"], dtype=float), numbers, side="right")
    found[is_missing] = number_of_bins(bins) - 1
    numbers[is_missing] = bins["centre"]
    scaled = (numbers - bins["centre"]) / bins["scale"]
    return found, np.clip(scaled, -FARTHEST, FARTHEST, out=scaled)


def _positions_of_texts(categories: list[str], values: pa.Array) -> Positions:
    known = pc.index_in(values, value_set=pa.array(categories, values.type))
    is_missing = np.asarray(values.is_null())
    found: Positions = pc.fill_null(known, len(categories)).to_numpy().astype(np.int64)
    found[is_missing] = len(categories) + 1
    return found


def _as_numbers(values: Any) -> Floats:
    """A copy as floats; missing values become NaN."""
    return np.array(values.to_numpy(zero_copy_only=False), dtype=float)
