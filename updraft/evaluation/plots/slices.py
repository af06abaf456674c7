"""How a metric is spread over the slices of the holdout, as a picture."""

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from updraft.evaluation.plots.style import GREY, STYLES, figure_of

MOST = 40  # Slices in the picture, the largest ones.


def slices_figure(found: list[dict[str, Any]], metric: str, overall: dict[str, float], rows: str) -> Figure:
    """The largest of the slices that are ``found``, feature by feature; a line marks each model's figure on all rows.

    ``found``: as ``by_slice`` gives them, not none. ``overall``: the metric of each model.
    """
    largest = sorted(found, key=lambda one: -one["rows"])[:MOST]
    kept = [one for one in found if one in largest][::-1]
    figure = figure_of((7.2, 1.9 + 0.26 * len(kept)), f"{metric} by slice of the holdout", rows)
    axes = figure.subplots()
    for n, (model, style) in enumerate(zip(overall, STYLES, strict=False)):
        figures = [one["models"][model][metric] for one in kept]
        values = [math.nan if value is None else value for value in figures]
        axes.axvline(overall[model], color=style["color"], linestyle=style["linestyle"], linewidth=1)
        axes.plot(values, np.arange(len(kept)), "os"[n], color=style["color"], markersize=5, label=model)
    axes.set(xlabel=f"{metric} (lines: all rows)", ylim=(-0.6, len(kept) - 0.4), yticks=range(len(kept)))
    axes.set_yticklabels([_called(one) for one in kept], fontsize=8)
    axes.grid(alpha=0.25, axis="x")
    axes.tick_params(axis="y", color=GREY)
    axes.legend(loc="best", fontsize=8)
    return figure


def _called(one: dict[str, Any]) -> str:
    value = "absent" if one["value"] is None else one["value"]
    return f"{one['feature']}: {value} ({one['rows']:,})"
