"""How a metric is spread over the values of single features: where a model is weak although it is good on the whole."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from updraft.training.metrics import Statistic
from updraft.training.plots.style import GREY, STYLES, figure_of

MAX_VALUES = 10  # Of a feature that is sliced by.
MOST = 40  # Slices in the picture, the largest ones.


def slices(rows: pd.DataFrame, categories: list[str], models: dict[str, Statistic]) -> list[dict[str, Any]]:
    """The metric of each model on the rows of each value of the ``categories`` that have few of them.

    ``models``: one metric of each by its name, whose units are the ``rows``. None where a slice has no such figure, as an AUC
    of a single class.
    """
    found = []
    for name in categories:
        values = sorted(rows[name].unique())
        for value in values if 1 < len(values) <= MAX_VALUES else []:
            here = (rows[name] == value).to_numpy(float)
            figures = {model: one.of(here) for model, one in models.items()}
            finite = {model: figure if math.isfinite(figure) else None for model, figure in figures.items()}
            found.append({"feature": name, "value": value, "rows": int(here.sum()), "models": finite})
    return found


def slices_figure(found: list[dict[str, Any]], metric: str, overall: dict[str, float], rows: str) -> Figure:
    """The largest slices, feature by feature; a line marks each model's figure on all rows."""
    largest = sorted(found, key=lambda one: -one["rows"])[:MOST]
    kept = [one for one in found if one in largest][::-1]
    figure = figure_of((7.2, 1.9 + 0.26 * len(kept)), f"{metric} by slice of the holdout", rows)
    axes = figure.subplots()
    for n, (model, style) in enumerate(zip(overall, STYLES, strict=False)):
        values = [math.nan if one["models"][model] is None else one["models"][model] for one in kept]
        axes.axvline(overall[model], color=style["color"], linestyle=style["linestyle"], linewidth=1)
        axes.plot(values, np.arange(len(kept)), "os"[n], color=style["color"], markersize=5, label=model)
    axes.set(xlabel=f"{metric} (lines: all rows)", ylim=(-0.6, len(kept) - 0.4), yticks=range(len(kept)))
    axes.set_yticklabels([f"{one['feature']} = {one['value']} ({one['rows']:,})" for one in kept], fontsize=8)
    axes.grid(alpha=0.25, axis="x")
    axes.tick_params(axis="y", color=GREY)
    axes.legend(loc="best", fontsize=8)
    return figure
