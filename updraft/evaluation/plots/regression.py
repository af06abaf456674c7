"""Numbers: what was predicted against what came, and what is left over."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from updraft.evaluation.metrics import Answers
from updraft.evaluation.plots.style import GREY, STYLES, Drawn, figure_of

POINTS = 1500  # Of a cloud: more would be a blot.
BINS = 40


def residuals(answers: Answers) -> dict[str, Any]:
    """A cloud of at most ``POINTS`` rows, evenly taken in the rows' order, and a histogram of all residuals."""
    labels, predicted = answers.labels, answers.scores[:, 0]
    kept = np.unique(np.linspace(0, len(labels) - 1, POINTS).astype(int))
    left = labels - predicted
    counts, edges = np.histogram(left, BINS)
    return {
        "rows": len(labels),
        "observed": labels[kept].round(6).tolist(),
        "predicted": predicted[kept].round(6).tolist(),
        "residuals": {"mean": float(left.mean()), "counts": counts.tolist(), "edges": edges.round(6).tolist()},
    }


def figures(models: Drawn, rows: str) -> dict[str, Figure]:
    """The pictures by file name: predicted against observed, and the residuals."""
    against = figure_of((5.4 * len(models) + 0.6, 6.0), "Predicted and observed on the holdout", rows)
    low = min(min(*one["observed"], *one["predicted"]) for one in models.values())
    high = max(max(*one["observed"], *one["predicted"]) for one in models.values())
    for axes, (name, one), style in zip(np.atleast_1d(against.subplots(1, len(models))), models.items(), STYLES, strict=False):
        axes.plot([low, high], [low, high], color=GREY, linewidth=1, linestyle=":")
        axes.scatter(one["predicted"], one["observed"], s=6, alpha=0.35, color=style["color"], linewidths=0)
        axes.set(xlabel="predicted", ylabel="observed", title=name)
        axes.title.set_fontsize(9)
        axes.grid(alpha=0.25)
    left = figure_of((6.4, 5.0), "Residuals on the holdout", rows)
    axes = left.subplots()
    for (name, one), style in zip(models.items(), STYLES, strict=False):
        found = one["residuals"]
        axes.stairs(found["counts"], found["edges"], label=f"{name}: mean {found['mean']:+.4g}", **style)
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set(xlabel="observed less predicted", ylabel="rows")
    axes.legend()
    axes.grid(alpha=0.25)
    return {"predicted_and_observed.png": against, "residuals.png": left}
