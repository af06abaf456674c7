"""Plots of two classes: ROC, precision and recall, calibration, confusion matrix."""

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

from updraft.evaluation.plots.calibration import calibration, calibration_figure
from updraft.evaluation.plots.confusion import draw_shares
from updraft.evaluation.plots.style import GREY, STYLES, Drawn, new_figure, unit_square
from updraft.models.answers import Floats

POINTS = 500  # Points of a curve: more would not be visible, but would make large files.


def curves(labels: Floats, probabilities: Floats, threshold: float) -> dict[str, Any]:
    """The JSON document behind the plots of one model; both arrays have shape (rows,)."""
    false_positive, true_positive, _ = roc_curve(labels, probabilities)
    precision, recall, _ = precision_recall_curve(labels, probabilities)
    matrix = confusion_matrix(labels, probabilities >= threshold, labels=[0, 1])
    return {
        "rows": len(labels),
        "positives": int(labels.sum()),
        "auc": float(roc_auc_score(labels, probabilities)),
        "average_precision": float(average_precision_score(labels, probabilities)),
        "roc": {
            "false_positive_rate": _thinned(false_positive),
            "true_positive_rate": _thinned(true_positive),
        },
        "precision_recall": {"recall": _thinned(recall), "precision": _thinned(precision)},
        "calibration": calibration(labels, probabilities),
        "confusion": {
            "threshold": threshold,
            "true_negatives": int(matrix[0, 0]),
            "false_positives": int(matrix[0, 1]),
            "false_negatives": int(matrix[1, 0]),
            "true_positives": int(matrix[1, 1]),
        },
    }


def _thinned(values: Floats) -> list[float]:
    """At most ``POINTS`` of the values, evenly spaced, with both ends."""
    places = np.unique(np.linspace(0, len(values) - 1, POINTS).astype(int))
    return [round(float(value), 6) for value in values[places]]


def figures(models: Drawn, rows: str) -> dict[str, Figure]:
    """The plots by file name. ``models``: the ``curves`` of each; ``rows``: what they show."""
    return {
        "roc.png": _roc(models, rows),
        "precision_recall.png": _precision_recall(models, rows),
        "calibration.png": calibration_figure(models, rows, "probability", "positives"),
        "confusion.png": _confusion(models, rows),
    }


def _roc(models: Drawn, rows: str) -> Figure:
    figure, axes = unit_square("ROC curve on the holdout", rows)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="chance: AUC 0.5")
    for (name, document), style in zip(models.items(), STYLES, strict=False):
        curve = document["roc"]
        label = f"{name}: AUC {document['auc']:.4f}"
        axes.plot(curve["false_positive_rate"], curve["true_positive_rate"], label=label, **style)
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    axes.legend(loc="lower right")
    return figure


def _precision_recall(models: Drawn, rows: str) -> Figure:
    figure, axes = unit_square("Precision and recall on the holdout", rows)
    for (name, document), style in zip(models.items(), STYLES, strict=False):
        curve = document["precision_recall"]
        label = f"{name}: average precision {document['average_precision']:.4f}"
        axes.plot(curve["recall"], curve["precision"], label=label, **style)
    first = next(iter(models.values()))
    share = first["positives"] / first["rows"]
    label = f"chance: the share of positives, {share:.4f}"
    axes.axhline(share, color=GREY, linewidth=1, linestyle=":", label=label)
    axes.set(xlabel="recall", ylabel="precision")
    axes.legend(loc="upper right")
    return figure


def _confusion(models: Drawn, rows: str) -> Figure:
    size = (4.6 * len(models) + 0.6, 5.0)
    figure = new_figure(size, "Confusion matrix on the holdout", rows)
    all_axes = np.atleast_1d(figure.subplots(1, len(models)))
    for axes, (name, document) in zip(all_axes, models.items(), strict=True):
        cells = document["confusion"]
        matrix = np.array(
            [
                [cells["true_negatives"], cells["false_positives"]],
                [cells["false_negatives"], cells["true_positives"]],
            ]
        )
        draw_shares(axes, matrix, "{count:,}\n{share:.1%} of the row")
        axes.set_xticklabels(["negative", "positive"])
        axes.set_yticklabels(["negative", "positive"], rotation=90, va="center")
        threshold = cells["threshold"]
        axes.set_title(f"{name}\npositive from a probability of {threshold:.4f}", fontsize=9)
    return figure
