"""Where the distances of clustered rows are measured, and how well clusters are told apart there."""

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
CATEGORIES = 50  # Of a column, the most frequent ones.


def space(rows: pd.DataFrame, numbers: list[str], categories: list[str]) -> Floats:
    """The rows as points of shape (rows, dimensions), the same for every model that is judged on them.

    Numbers: absent ones are the median, all are divided by their standard deviation, both of these very rows. Categories: a
    dimension of 0 or 1 for each frequent value.
    """
    axes = []
    for name in numbers:
        values = rows[name].to_numpy(float)
        there = np.isfinite(values)
        middle = float(np.median(values[there])) if there.any() else 0.0
        values = np.where(there, values, middle)
        spread = values.std()
        axes.append((values - values.mean()) / (spread if spread > 0 else 1.0))
    for name in categories:
        for value in rows[name].value_counts().sort_index(kind="stable").nlargest(CATEGORIES).index:
            axes.append((rows[name] == value).to_numpy(float))
    return np.stack(axes, axis=1)


def silhouettes(points: Floats, clusters: Floats) -> Floats:
    """Each row's silhouette by squared Euclidean distance, as Spark's ClusteringEvaluator has it; shape (rows,).

    Rows that are all in one cluster have -1, the worst there is: they have not been told apart.
    """
    names, cluster = np.unique(clusters, return_inverse=True)
    if len(names) < 2:
        return np.full(len(points), -1.0)
    rows = np.bincount(cluster).astype(float)
    squares = (points**2).sum(axis=1)
    sums = np.stack([np.bincount(cluster, axis) for axis in points.T], axis=1)
    # The mean over a cluster's points y of |x - y|^2 is |x|^2 + mean |y|^2 - 2 x . mean y.
    far = squares[:, None] + np.bincount(cluster, squares) / rows - 2 * points @ (sums / rows[:, None]).T
    far = np.maximum(far, 0)
    here = np.arange(len(points))
    own = far[here, cluster] * rows[cluster] / np.maximum(rows[cluster] - 1, 1)  # A point is not its own neighbour.
    far[here, cluster] = np.inf
    other = far.min(axis=1)
    widest = np.maximum(own, other)
    found = np.divide(other - own, widest, out=np.zeros(len(points)), where=widest > 0)
    return np.where(rows[cluster] == 1, 0.0, found)


def profile(points: Floats, names: list[str], clusters: Floats) -> dict[str, dict[str, float]]:
    """Each cluster's mean of the first ``names`` dimensions, in standard deviations from the mean of all rows."""
    return {
        str(int(one)): dict(zip(names, points[clusters == one, : len(names)].mean(axis=0).round(4).tolist(), strict=True))
        for one in np.unique(clusters)
    }
