"""The plot of a metric on the slices of the holdout."""

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from updraft.evaluation.plots.style import GREY, STYLES, new_figure

LARGEST = 40  # Slices in the plot.
MARKERS = "os"


def slices_figure(
    documents: list[dict[str, Any]], metric: str, overall: dict[str, float], rows: str
) -> Figure:
    """The ``LARGEST`` slices, feature by feature; a line marks each model's value on all rows.

    ``documents``: at least one, as ``by_slice`` returns them. ``overall``: the metric by model.
    """
    largest = sorted(documents, key=lambda document: -document["rows"])[:LARGEST]
    drawn = [document for document in documents if document in largest]
    drawn.reverse()  # The first position is the lowest.
    positions = np.arange(len(drawn))
    figure = new_figure((7.2, 1.9 + 0.26 * len(drawn)), f"{metric} by slice of the holdout", rows)
    axes = figure.subplots()
    for model, style, marker in zip(overall, STYLES, MARKERS, strict=False):
        color = style["color"]
        values = [_value(document["models"][model][metric]) for document in drawn]
        axes.axvline(overall[model], color=color, linestyle=style["linestyle"], linewidth=1)
        axes.plot(values, positions, marker, color=color, markersize=5, label=model)
    axes.set(xlabel=f"{metric} (lines: all rows)", ylim=(-0.6, len(drawn) - 0.4), yticks=positions)
    axes.set_yticklabels([_label(document) for document in drawn], fontsize=8)
    axes.grid(alpha=0.25, axis="x")
    axes.tick_params(axis="y", color=GREY)
    axes.legend(loc="best", fontsize=8)
    return figure


def _value(value: float | None) -> float:
    return math.nan if value is None else value


def _label(document: dict[str, Any]) -> str:
    value = "missing" if document["value"] is None else document["value"]
    return f"{document['feature']}: {value} ({document['rows']:,})"
