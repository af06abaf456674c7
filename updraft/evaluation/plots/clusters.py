"""Groups: how large they are, and what makes each of them different."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from updraft.evaluation.clusters import profile, silhouettes
from updraft.evaluation.metrics import Answers
from updraft.evaluation.plots.style import STYLES, Drawn, figure_of


def groups(answers: Answers, numbers: list[str]) -> dict[str, Any]:
    """Sizes, silhouettes and profiles of the clusters, by their number; profiles in standard deviations from all rows."""
    clusters = answers.scores[:, 0]
    assert answers.space is not None, "distances are measured in a space"
    apart = silhouettes(answers.space, clusters)
    names = [float(one) for one in np.unique(clusters)]
    return {
        "rows": len(clusters),
        "sizes": {str(int(one)): int((clusters == one).sum()) for one in names},
        "silhouettes": {str(int(one)): float(apart[clusters == one].mean()) for one in names},
        "profile": profile(answers.space, numbers, clusters),
    }


def figures(models: Drawn, rows: str) -> dict[str, Figure]:
    """The pictures by file name: sizes and, beside them, profiles."""
    deep = max(len(one["sizes"]) for one in models.values())
    wide = max(max(map(len, one["profile"].values())) for one in models.values())
    size = (5.0 + 0.6 * wide, (1.6 + 0.4 * deep) * len(models) + 1.4)
    figure = figure_of(size, "Clusters of the holdout", rows)
    grid = figure.subplots(len(models), 2, squeeze=False, width_ratios=[2, max(1, wide / 3)])
    for (left, right), (name, one), style in zip(grid, models.items(), STYLES, strict=False):
        clusters = list(one["sizes"])
        labels = [f"{cluster}: {one['silhouettes'][cluster]:+.2f}" for cluster in clusters]
        left.barh(labels, [one["sizes"][cluster] for cluster in clusters], color=style["color"])
        left.set(xlabel="rows", ylabel="cluster: silhouette")
        left.set_title(name, fontsize=9)
        left.invert_yaxis()
        features = list(next(iter(one["profile"].values())))
        if not features:  # Categories alone.
            right.axis("off")
            continue
        means = np.array([[one["profile"][cluster][feature] for feature in features] for cluster in clusters])
        right.imshow(means, cmap="PuOr", vmin=-2, vmax=2, aspect="auto")
        for (row, column), value in np.ndenumerate(means):
            right.text(
                column,
                row,
                f"{value:+.1f}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if abs(value) > 1.2 else "black",
            )
        right.set(xticks=range(len(features)), yticks=range(len(clusters)))
        right.set_xticklabels(features, rotation=45, ha="right")
        right.set_yticklabels(clusters)
        right.set_title("mean, in deviations", fontsize=9)
    return {"clusters.png": figure}
