"""Distances between clustered rows, and how well their clusters are separated."""

import numpy as np
import pandas as pd

from updraft.models.answers import Floats

CATEGORIES = 50  # The most frequent ones of a column get a dimension each.
MOVED = "share of rows that change their cluster"  # By it the importance of a feature is measured.


def space(rows: pd.DataFrame, numbers: list[str], categories: list[str]) -> Floats:
    """The rows as points of shape (rows, dimensions), the same for all models judged on them.

    Numbers: missing values are replaced by the median, then values are standardized; median, mean
    and standard deviation are those of these very rows. Categories: a dimension of 0 and 1 for
    each frequent value.
    """
    axes = [_standardized(rows[name].to_numpy(float)) for name in numbers]
    for name in categories:
        counts = rows[name].value_counts().sort_index(kind="stable")
        for value in counts.nlargest(CATEGORIES).index:
            axes.append((rows[name] == value).to_numpy(float))
    return np.stack(axes, axis=1)


def _standardized(values: Floats) -> Floats:
    is_present = np.isfinite(values)
    median = float(np.median(values[is_present])) if is_present.any() else 0.0
    filled = np.where(is_present, values, median)
    deviation = filled.std()
    centred: Floats = filled - filled.mean()
    return centred / (deviation if deviation > 0 else 1.0)


def silhouettes(points: Floats, clusters: Floats) -> Floats:
    """Each row's silhouette by squared Euclidean distance; shape (rows,).

    ``points`` has shape (rows, dimensions), ``clusters`` (rows,). The only row of a cluster has 0.
    If all rows are in one cluster, each has -1, the worst value: they have not been separated.

    Source: Rousseeuw, Silhouettes, 1987, in the form of Spark's ClusteringEvaluator.
    """
    names, cluster = np.unique(clusters, return_inverse=True)
    if len(names) < 2:
        return np.full(len(points), -1.0)
    sizes = np.bincount(cluster).astype(float)
    squares = (points**2).sum(axis=1)
    sums = np.stack([np.bincount(cluster, axis) for axis in points.T], axis=1)
    # The mean over a cluster's points y of |x - y|^2 is |x|^2 + mean |y|^2 - 2 x . mean y.
    mean_squares = np.bincount(cluster, squares) / sizes
    distances = squares[:, None] + mean_squares - 2 * points @ (sums / sizes[:, None]).T
    distances = np.maximum(distances, 0)
    rows = np.arange(len(points))
    # A point is not its own neighbour.
    own = distances[rows, cluster] * sizes[cluster] / np.maximum(sizes[cluster] - 1, 1)
    distances[rows, cluster] = np.inf
    nearest = distances.min(axis=1)
    larger = np.maximum(own, nearest)
    values = np.divide(nearest - own, larger, out=np.zeros(len(points)), where=larger > 0)
    return np.where(sizes[cluster] == 1, 0.0, values)


def profile(points: Floats, names: list[str], clusters: Floats) -> dict[str, dict[str, float]]:
    """Each cluster's mean in the first dimensions, which are called ``names``.

    The unit is standard deviations from the mean of all rows.
    """
    profiles = {}
    for cluster in np.unique(clusters):
        means = points[clusters == cluster, : len(names)].mean(axis=0).round(4).tolist()
        profiles[str(int(cluster))] = dict(zip(names, means, strict=True))
    return profiles
