"""The calibration plot: predicted probabilities against observed shares, in bins."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from updraft.evaluation.plots.style import GREY, STYLES, Drawn, new_figure
from updraft.models.answers import Floats

BINS = 10  # Bins of equal width, to show where the rows are; the metric's bins have equal counts.


def calibration(outcomes: Floats, probabilities: Floats) -> dict[str, Any]:
    """The bins that have rows: their mean probability and their share of outcomes.

    Both arrays have shape (rows,); an outcome is 1 where the predicted event occurred, else 0.
    """
    group = np.clip((probabilities * BINS).astype(int), 0, BINS - 1)
    rows = np.bincount(group, minlength=BINS)
    has_rows = rows > 0
    probability_sums = np.bincount(group, probabilities, BINS)
    outcome_sums = np.bincount(group, outcomes, BINS)
    return {
        "predicted": (probability_sums[has_rows] / rows[has_rows]).tolist(),
        "observed": (outcome_sums[has_rows] / rows[has_rows]).tolist(),
        "rows": rows[has_rows].tolist(),
        "bin": np.flatnonzero(has_rows).tolist(),
    }


def calibration_figure(models: Drawn, rows: str, probability: str, event: str) -> Figure:
    """The plot of the ``calibration`` in each model's document.

    ``probability``: what the probability is called; ``event``: the event that it is of.
    """
    figure = new_figure((6.4, 7.2), "Calibration on the holdout", rows)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="perfect")
    bin_width = 1 / BINS
    bar_width = bin_width * 0.9 / len(models)
    for n, ((name, document), style) in enumerate(zip(models.items(), STYLES, strict=False)):
        bins = document["calibration"]
        observed = np.array(bins["observed"])
        bin_rows = np.array(bins["rows"], float)
        low, high = _wilson(observed, bin_rows)
        upper.errorbar(
            bins["predicted"],
            observed,
            yerr=[observed - low, high - observed],
            marker="o",
            markersize=4,
            capsize=2,
            label=name,
            **style,
        )
        left = np.array(bins["bin"]) * bin_width + bin_width * 0.05 + n * bar_width
        lower.bar(left, bin_rows, bar_width, align="edge", color=style["color"])
    upper.set(ylabel=f"observed share of {event} (bars: 95 %)", xlim=(0, 1), ylim=(0, 1))
    upper.grid(alpha=0.25)
    upper.legend(loc="upper left")
    lower.set(xlabel=f"predicted {probability} ({BINS} bins)", ylabel="rows in the bin")
    lower.yaxis.set_major_formatter("{x:,.0f}")
    lower.grid(alpha=0.25, axis="y")
    return figure


def _wilson(shares: Floats, rows: Floats, z: float = 1.96) -> tuple[Floats, Floats]:
    """The 95 % score interval of a share among ``rows`` (Wilson 1927).

    Unlike the normal one it is right for few rows, and it lies within [0, 1].
    """
    centre = shares + z**2 / (2 * rows)
    half = z * np.sqrt(shares * (1 - shares) / rows + z**2 / (4 * rows**2))
    scale = 1 + z**2 / rows
    low = np.minimum((centre - half) / scale, shares)
    high = np.maximum((centre + half) / scale, shares)
    return low, high
