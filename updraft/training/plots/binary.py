"""Two classes: ROC, precision and recall, calibration, confusion."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from updraft.training.metrics import Floats
from updraft.training.plots.style import GREY, STYLES, Drawn, figure_of, square

POINTS = 500  # Of a curve: more would not show, and a large holdout would make large files.
BINS = 10


def curves(labels: Floats, probabilities: Floats, threshold: float) -> dict[str, Any]:
    """The figures behind the pictures of one model on labelled rows, both of shape (rows,), as a JSON document.

    ``calibration`` holds the bins that have rows: their mean prediction and the share of positives among them.
    """
    false_positive, true_positive, _ = roc_curve(labels, probabilities)
    precision, recall, _ = precision_recall_curve(labels, probabilities)
    group = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    rows = np.bincount(group, minlength=BINS)
    there = rows > 0
    cells = confusion_matrix(labels, probabilities >= threshold, labels=[0, 1]).ravel()
    return {
        "rows": len(labels),
        "positives": int(labels.sum()),
        "auc": float(roc_auc_score(labels, probabilities)),
        "average_precision": float(average_precision_score(labels, probabilities)),
        "roc": {"false_positive_rate": _thin(false_positive), "true_positive_rate": _thin(true_positive)},
        "precision_recall": {"recall": _thin(recall), "precision": _thin(precision)},
        "calibration": {
            "predicted": (np.bincount(group, probabilities, BINS)[there] / rows[there]).tolist(),
            "observed": (np.bincount(group, labels, BINS)[there] / rows[there]).tolist(),
            "rows": rows[there].tolist(),
            "bin": np.flatnonzero(there).tolist(),
        },
        "confusion": {
            "threshold": threshold,
            **dict(
                zip(("true_negatives", "false_positives", "false_negatives", "true_positives"), map(int, cells), strict=True)
            ),
        },
    }


def _thin(values: Floats) -> list[float]:
    """At most ``POINTS`` of the values, evenly, with both ends."""
    kept = np.unique(np.linspace(0, len(values) - 1, POINTS).astype(int))
    return [round(float(value), 6) for value in values[kept]]


def figures(models: Drawn, rows: str) -> dict[str, Figure]:
    """The pictures by file name: ROC, precision and recall, calibration, confusion.

    ``models``: the ``curves`` of each model; ``rows``: what they come from.
    """
    return {
        "roc.png": _roc(models, rows),
        "precision_recall.png": _precision_recall(models, rows),
        "calibration.png": _calibration(models, rows),
        "confusion.png": _confusion(models, rows),
    }


def _roc(models: Drawn, rows: str) -> Figure:
    figure, axes = square("ROC curve on the holdout", rows)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="chance: AUC 0.5")
    for (name, one), style in zip(models.items(), STYLES, strict=False):
        label = f"{name}: AUC {one['auc']:.4f}"
        axes.plot(one["roc"]["false_positive_rate"], one["roc"]["true_positive_rate"], label=label, **style)
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    axes.legend(loc="lower right")
    return figure


def _precision_recall(models: Drawn, rows: str) -> Figure:
    figure, axes = square("Precision and recall on the holdout", rows)
    for (name, one), style in zip(models.items(), STYLES, strict=False):
        label = f"{name}: average precision {one['average_precision']:.4f}"
        axes.plot(one["precision_recall"]["recall"], one["precision_recall"]["precision"], label=label, **style)
    share = next(one["positives"] / one["rows"] for one in models.values())
    axes.axhline(share, color=GREY, linewidth=1, linestyle=":", label=f"chance: the share of positives, {share:.4f}")
    axes.set(xlabel="recall", ylabel="precision")
    axes.legend(loc="upper right")
    return figure


def _calibration(models: Drawn, rows: str) -> Figure:
    figure = figure_of((6.4, 7.2), "Calibration on the holdout", rows)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="perfect")
    width = 1 / BINS
    for n, ((name, one), style) in enumerate(zip(models.items(), STYLES, strict=False)):
        found = one["calibration"]
        observed, number = np.array(found["observed"]), np.array(found["rows"], float)
        low, high = _wilson(observed, number)
        error = [observed - low, high - observed]
        upper.errorbar(found["predicted"], observed, yerr=error, marker="o", markersize=4, capsize=2, label=name, **style)
        bar = width * 0.9 / len(models)
        left = np.array(found["bin"]) * width + width * 0.05 + n * bar
        lower.bar(left, number, bar, align="edge", color=style["color"])
    upper.set(ylabel="observed share of positives (bars: 95 %)", xlim=(0, 1), ylim=(0, 1))
    upper.grid(alpha=0.25)
    upper.legend(loc="upper left")
    lower.set(xlabel=f"predicted probability ({BINS} bins)", ylabel="rows in the bin")
    lower.yaxis.set_major_formatter("{x:,.0f}")
    lower.grid(alpha=0.25, axis="y")
    return figure


def _wilson(shares: Floats, rows: Floats, z: float = 1.96) -> tuple[Floats, Floats]:
    """The 95 % interval of a share among ``rows`` (Wilson 1927): unlike the normal one it holds for few rows, within [0, 1]."""
    centre = shares + z**2 / (2 * rows)
    half = z * np.sqrt(shares * (1 - shares) / rows + z**2 / (4 * rows**2))
    return np.minimum((centre - half) / (1 + z**2 / rows), shares), np.maximum((centre + half) / (1 + z**2 / rows), shares)


def _confusion(models: Drawn, rows: str) -> Figure:
    figure = figure_of((4.6 * len(models) + 0.6, 5.0), "Confusion on the holdout", rows)
    for axes, (name, one) in zip(np.atleast_1d(figure.subplots(1, len(models))), models.items(), strict=True):
        found = one["confusion"]
        cells = np.array(
            [[found["true_negatives"], found["false_positives"]], [found["false_negatives"], found["true_positives"]]]
        )
        shares = cells / cells.sum(axis=1, keepdims=True)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(cells):
            share = shares[row, column]
            text = f"{count:,}\n{share:.1%} of the row"
            axes.text(column, row, text, ha="center", va="center", color="white" if share > 0.55 else "black")
        axes.set(xticks=[0, 1], yticks=[0, 1], xlabel="predicted", ylabel="observed")
        axes.set_xticklabels(["negative", "positive"])
        axes.set_yticklabels(["negative", "positive"], rotation=90, va="center")
        axes.set_title(f"{name}\npositive from a probability of {found['threshold']:.4f}", fontsize=9)
    return figure
