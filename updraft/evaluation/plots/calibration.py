"""Whether probabilities come true: what was promised against what came, in bins."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from updraft.evaluation.metrics import Floats
from updraft.evaluation.plots.style import GREY, STYLES, Drawn, figure_of

BINS = 10  # Of equal width, so that a picture shows where the rows are; the metric's have equal counts.


def calibration(outcomes: Floats, probabilities: Floats) -> dict[str, Any]:
    """The bins that have rows: their mean probability and the share of outcomes, both of shape (rows,), among them."""
    group = np.clip((probabilities * BINS).astype(int), 0, BINS - 1)
    rows = np.bincount(group, minlength=BINS)
    there = rows > 0
    return {
        "predicted": (np.bincount(group, probabilities, BINS)[there] / rows[there]).tolist(),
        "observed": (np.bincount(group, outcomes, BINS)[there] / rows[there]).tolist(),
        "rows": rows[there].tolist(),
        "bin": np.flatnonzero(there).tolist(),
    }


def calibration_figure(models: Drawn, rows: str, promised: str, came: str) -> Figure:
    """The ``calibration`` in each model's document. ``promised``: what the probability is called; ``came``: what it is of."""
    figure = figure_of((6.4, 7.2), "Calibration on the holdout", rows)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="perfect")
    width = 1 / BINS
    for n, ((name, one), style) in enumerate(zip(models.items(), STYLES, strict=False)):
        found = one["calibration"]
        observed, number = np.array(found["observed"]), np.array(found["rows"], float)
        low, high = _wilson(observed, number)
        error = [observed - low, high - observed]
        upper.errorbar(found["predicted"], observed, yerr=error, marker="o", markersize=4, capsize=2, label=name, **style)
        bar = width * 0.9 / len(models)
        left = np.array(found["bin"]) * width + width * 0.05 + n * bar
        lower.bar(left, number, bar, align="edge", color=style["color"])
    upper.set(ylabel=f"observed share of {came} (bars: 95 %)", xlim=(0, 1), ylim=(0, 1))
    upper.grid(alpha=0.25)
    upper.legend(loc="upper left")
    lower.set(xlabel=f"predicted {promised} ({BINS} bins)", ylabel="rows in the bin")
    lower.yaxis.set_major_formatter("{x:,.0f}")
    lower.grid(alpha=0.25, axis="y")
    return figure


def _wilson(shares: Floats, rows: Floats, z: float = 1.96) -> tuple[Floats, Floats]:
    """The 95 % interval of a share among ``rows`` (Wilson 1927): unlike the normal one it holds for few rows, within [0, 1]."""
    centre = shares + z**2 / (2 * rows)
    half = z * np.sqrt(shares * (1 - shares) / rows + z**2 / (4 * rows**2))
    return np.minimum((centre - half) / (1 + z**2 / rows), shares), np.maximum((centre + half) / (1 + z**2 / rows), shares)
