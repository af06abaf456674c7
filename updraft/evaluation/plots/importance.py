"""The plot of the importance of features."""

from typing import Any

from matplotlib.figure import Figure

from updraft.core.metrics import metric_of
from updraft.evaluation.clusters import MOVED
from updraft.evaluation.plots.style import GREY, STYLES, new_figure

TOP = 20  # Features in the plot.


def importance_figure(document: dict[str, Any]) -> Figure:
    """The ``TOP`` features of a ``permutation_importance``, with standard deviations."""
    features = document["features"]
    top = features[:TOP][::-1]  # The first bar is the lowest.
    title = f"Importance: the {len(top)} of {len(features)} features that matter most"
    figure = new_figure((7.2, 1.8 + 0.28 * len(top)), title, _subtitle(document))
    axes = figure.subplots()
    axes.barh(
        [feature["feature"] for feature in top],
        [feature["loss"] for feature in top],
        xerr=[feature["deviation"] for feature in top],
        color=STYLES[0]["color"],
        ecolor="black",
        capsize=2,
    )
    axes.axvline(0, color=GREY, linewidth=1)
    loss = _loss_text(document["metric"])
    axes.set(xlabel=f"{loss} (bars: standard deviation)", ylim=(-0.6, len(top) - 0.4))
    axes.grid(alpha=0.25, axis="x")
    axes.set_axisbelow(True)
    return figure


def _subtitle(document: dict[str, Any]) -> str:
    metric = document["metric"]
    value = "" if metric == MOVED else f": {metric} {document['value']:.4f}"
    rows = f"{document['rows']:,} rows of the newest validation fold"
    shuffles = f"{document['repeats']} shuffles of each feature, seed {document['seed']}"
    return f"{rows}, on which the model has been fitted too{value}\n{shuffles}"


def _loss_text(metric: str) -> str:
    if metric == MOVED:
        return f"{metric} when shuffled"
    direction = "drop" if metric_of(metric).more_is_better else "rise"
    return f"{direction} in {metric} when shuffled"
