"""Plots of numeric predictions: predicted against observed values, and the residuals."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from updraft.evaluation.answers import Answers
from updraft.evaluation.plots.style import GREY, STYLES, Drawn, new_figure

POINTS = 1500  # Points of a scatter plot: more would only cover each other.
BINS = 40


def residuals(answers: Answers) -> dict[str, Any]:
    """Labels and predictions of at most ``POINTS`` rows, and a histogram of all residuals.

    The rows are evenly spaced in their order.
    """
    labels = answers.labels
    predicted = answers.scores[:, 0]
    places = np.unique(np.linspace(0, len(labels) - 1, POINTS).astype(int))
    differences = labels - predicted
    counts, edges = np.histogram(differences, BINS)
    return {
        "rows": len(labels),
        "observed": labels[places].round(6).tolist(),
        "predicted": predicted[places].round(6).tolist(),
        "residuals": {
            "mean": float(differences.mean()),
            "counts": counts.tolist(),
            "edges": edges.round(6).tolist(),
        },
    }


def figures(models: Drawn, rows: str) -> dict[str, Figure]:
    """The plots by file name. ``models``: the ``residuals`` of each; ``rows``: what they show."""
    return {
        "predicted_and_observed.png": _predicted_and_observed(models, rows),
        "residuals.png": _residuals(models, rows),
    }


def _predicted_and_observed(models: Drawn, rows: str) -> Figure:
    size = (5.4 * len(models) + 0.6, 6.0)
    figure = new_figure(size, "Predicted and observed on the holdout", rows)
    low = min(min(*model["observed"], *model["predicted"]) for model in models.values())
    high = max(max(*model["observed"], *model["predicted"]) for model in models.values())
    all_axes = np.atleast_1d(figure.subplots(1, len(models)))
    for axes, (name, model), style in zip(all_axes, models.items(), STYLES, strict=False):
        axes.plot([low, high], [low, high], color=GREY, linewidth=1, linestyle=":")
        axes.scatter(
            model["predicted"],
            model["observed"],
            s=6,
            alpha=0.35,
            color=style["color"],
            linewidths=0,
        )
        axes.set(xlabel="predicted", ylabel="observed", title=name)
        axes.title.set_fontsize(9)
        axes.grid(alpha=0.25)
    return figure


def _residuals(models: Drawn, rows: str) -> Figure:
    figure = new_figure((6.4, 5.0), "Residuals on the holdout", rows)
    axes = figure.subplots()
    for (name, model), style in zip(models.items(), STYLES, strict=False):
        histogram = model["residuals"]
        label = f"{name}: mean {histogram['mean']:+.4g}"
        axes.stairs(histogram["counts"], histogram["edges"], label=label, **style)
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set(xlabel="observed minus predicted", ylabel="rows")
    axes.legend()
    axes.grid(alpha=0.25)
    return figure
