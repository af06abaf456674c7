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

from updraft.evaluation.metrics import Floats
from updraft.evaluation.plots.calibration import calibration, calibration_figure
from updraft.evaluation.plots.style import GREY, STYLES, Drawn, figure_of, square

POINTS = 500  # Of a curve: more would not show, and a large holdout would make large files.


def curves(labels: Floats, probabilities: Floats, threshold: float) -> dict[str, Any]:
    """The figures behind the pictures of one model on labelled rows, both of shape (rows,), as a JSON document."""
    false_positive, true_positive, _ = roc_curve(labels, probabilities)
    precision, recall, _ = precision_recall_curve(labels, probabilities)
    cells = confusion_matrix(labels, probabilities >= threshold, labels=[0, 1]).ravel()
    return {
        "rows": len(labels),
        "positives": int(labels.sum()),
        "auc": float(roc_auc_score(labels, probabilities)),
        "average_precision": float(average_precision_score(labels, probabilities)),
        "roc": {"false_positive_rate": _thin(false_positive), "true_positive_rate": _thin(true_positive)},
        "precision_recall": {"recall": _thin(recall), "precision": _thin(precision)},
        "calibration": calibration(labels, probabilities),
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
        "calibration.png": calibration_figure(models, rows, "probability", "positives"),
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
