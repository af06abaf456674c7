"""Plots of clusters: how large they are, and what distinguishes each of them."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from updraft.evaluation.answers import Answers
from updraft.evaluation.clusters import profile, silhouettes
from updraft.evaluation.plots.style import STYLES, Drawn, new_figure

DARK = 1.2  # Standard deviations. Cells above this get white text.


def groups(answers: Answers, numbers: list[str]) -> dict[str, Any]:
    """Sizes, mean silhouettes and profiles of the clusters, by their number.

    Profiles are means in standard deviations from the mean of all rows.
    """
    assert answers.space is not None, "distances are measured in a space"
    clusters = answers.scores[:, 0]
    values = silhouettes(answers.space, clusters)
    sizes = {}
    mean_silhouettes = {}
    for number in np.unique(clusters):
        name = str(int(number))
        is_member = clusters == number
        sizes[name] = int(is_member.sum())
        mean_silhouettes[name] = float(values[is_member].mean())
    return {
        "rows": len(clusters),
        "sizes": sizes,
        "silhouettes": mean_silhouettes,
        "profile": profile(answers.space, numbers, clusters),
    }


def figures(models: Drawn, rows: str) -> dict[str, Figure]:
    """The plots by file name: sizes and profiles of each model's ``groups``."""
    most_clusters = max(len(document["sizes"]) for document in models.values())
    most_features = max(len(_features(document)) for document in models.values())
    width = 5.0 + 0.6 * most_features
    height = (1.6 + 0.4 * most_clusters) * len(models) + 1.4
    figure = new_figure((width, height), "Clusters of the holdout", rows)
    ratios = [2, max(1, most_features / 3)]
    grid = figure.subplots(len(models), 2, squeeze=False, width_ratios=ratios)
    for (left, right), (name, document), style in zip(grid, models.items(), STYLES, strict=False):
        _draw_sizes(left, document, style["color"])
        left.set_title(name, fontsize=9)
        _draw_profiles(right, document)
    return {"clusters.png": figure}


def _features(document: dict[str, Any]) -> list[str]:
    """The features of the profiles; none if all features are categories."""
    return list(next(iter(document["profile"].values())))


def _draw_sizes(axes: Axes, document: dict[str, Any], color: str) -> None:
    labels = [
        f"{cluster}: {silhouette:+.2f}" for cluster, silhouette in document["silhouettes"].items()
    ]
    axes.barh(labels, list(document["sizes"].values()), color=color)
    axes.set(xlabel="rows", ylabel="cluster: silhouette")
    axes.invert_yaxis()


def _draw_profiles(axes: Axes, document: dict[str, Any]) -> None:
    features = _features(document)
    if not features:
        axes.axis("off")
        return
    clusters = list(document["sizes"])
    means = np.array([list(document["profile"][cluster].values()) for cluster in clusters])
    axes.imshow(means, cmap="PuOr", vmin=-2, vmax=2, aspect="auto")
    for (row, column), value in np.ndenumerate(means):
        color = "white" if abs(value) > DARK else "black"
        text = f"{value:+.1f}"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=color)
    axes.set(xticks=range(len(features)), yticks=range(len(clusters)))
    axes.set_xticklabels(features, rotation=45, ha="right")
    axes.set_yticklabels(clusters)
    axes.set_title("mean, in standard deviations", fontsize=9)
