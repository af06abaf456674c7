"""What people look at to understand a model: its curves on the holdout, its features' importance; figures and pictures."""

import textwrap
from typing import Any

import numpy as np
import onnx
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from updraft.core.schema import LABEL
from updraft.training.export import score_onnx
from updraft.training.families import Columns
from updraft.training.metrics import Floats

POINTS = 500  # Of a curve: more would not show, and a large holdout would make large files.
BINS = 10
# Of importance: rows, shuffles of each feature, features in the picture.
ROWS, REPEATS, TOP = 1000, 5, 20
# Two colours that the colour-blind can tell apart; the second is dashed as well.
STYLES: list[dict[str, Any]] = [{"color": "#0072B2", "linestyle": "-"}, {"color": "#D55E00", "linestyle": "--"}]
GREY = "#767676"


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


def holdout_figures(models: dict[str, dict[str, Any]], rows: str) -> dict[str, Figure]:
    """The pictures by file name: ROC, precision and recall, calibration, confusion.

    ``models``: the ``curves`` of each model by what a legend calls it, the challenger first; ``rows``: what they come from.
    """
    return {
        "roc.png": _roc(models, rows),
        "precision_recall.png": _precision_recall(models, rows),
        "calibration.png": _calibration(models, rows),
        "confusion.png": _confusion(models, rows),
    }


def _roc(models: dict[str, dict[str, Any]], rows: str) -> Figure:
    figure, axes = _square("ROC curve on the holdout", rows)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="chance: AUC 0.5")
    for (name, one), style in zip(models.items(), STYLES, strict=False):
        label = f"{name}: AUC {one['auc']:.4f}"
        axes.plot(one["roc"]["false_positive_rate"], one["roc"]["true_positive_rate"], label=label, **style)
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    axes.legend(loc="lower right")
    return figure


def _precision_recall(models: dict[str, dict[str, Any]], rows: str) -> Figure:
    figure, axes = _square("Precision and recall on the holdout", rows)
    for (name, one), style in zip(models.items(), STYLES, strict=False):
        label = f"{name}: average precision {one['average_precision']:.4f}"
        axes.plot(one["precision_recall"]["recall"], one["precision_recall"]["precision"], label=label, **style)
    share = next(one["positives"] / one["rows"] for one in models.values())
    axes.axhline(share, color=GREY, linewidth=1, linestyle=":", label=f"chance: the share of positives, {share:.4f}")
    axes.set(xlabel="recall", ylabel="precision")
    axes.legend(loc="upper right")
    return figure


def _calibration(models: dict[str, dict[str, Any]], rows: str) -> Figure:
    figure = _figure((6.4, 7.2), "Calibration on the holdout", rows)
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


def _confusion(models: dict[str, dict[str, Any]], rows: str) -> Figure:
    figure = _figure((4.6 * len(models) + 0.6, 5.0), "Confusion on the holdout", rows)
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


def permutation_importance(model: onnx.ModelProto, rows: pd.DataFrame, columns: Columns, seed: int) -> dict[str, Any] | None:
    """How much AUC the exported model loses when one feature's values are shuffled among labelled rows, by feature.

    The first ``ROWS`` of ``rows``, which should be in no order, are used. Each feature is shuffled ``REPEATS`` times (Breiman,
    Random Forests, section 10). The document holds the mean drop and its standard deviation, the most important feature
    first; none if the rows hold a single class, which has no AUC.
    """
    rows = rows.head(ROWS)
    labels = rows[LABEL].to_numpy(float)
    if len(np.unique(labels)) < 2:
        return None
    random = np.random.default_rng(seed)
    auc = float(roc_auc_score(labels, score_onnx(model, rows)[:, 0]))
    stacked = pd.concat([rows[columns.all]] * REPEATS, ignore_index=True)
    found: list[dict[str, Any]] = []
    for name in columns.all:
        shuffled = np.concatenate([random.permutation(rows[name].to_numpy()) for _ in range(REPEATS)])
        scores = score_onnx(model, stacked.assign(**{name: shuffled}))[:, 0].reshape(REPEATS, -1)
        drops = [auc - float(roc_auc_score(labels, one)) for one in scores]
        found.append({"feature": name, "auc_drop": float(np.mean(drops)), "deviation": float(np.std(drops))})
    found.sort(key=lambda one: -one["auc_drop"])
    return {"rows": len(rows), "auc": auc, "repeats": REPEATS, "seed": seed, "features": found}


def importance_figure(document: dict[str, Any]) -> Figure:
    """The ``TOP`` features of a ``permutation_importance``, with the deviation between its repeats."""
    top = document["features"][:TOP][::-1]
    title = f"Importance: the {len(top)} of {len(document['features'])} features that matter most"
    subtitle = (
        f"{document['rows']:,} rows of the newest validation block, on which the model has been fitted too: AUC "
        f"{document['auc']:.4f}\n{document['repeats']} shuffles of each feature, seed {document['seed']}"
    )
    figure = _figure((7.2, 1.8 + 0.28 * len(top)), title, subtitle)
    axes = figure.subplots()
    means, deviations = [one["auc_drop"] for one in top], [one["deviation"] for one in top]
    axes.barh([one["feature"] for one in top], means, xerr=deviations, color=STYLES[0]["color"], ecolor="black", capsize=2)
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set(xlabel="drop in AUC when shuffled (bars: standard deviation)", ylim=(-0.6, len(top) - 0.4))
    axes.grid(alpha=0.25, axis="x")
    axes.set_axisbelow(True)
    return figure


def _square(title: str, rows: str) -> tuple[Figure, Axes]:
    figure = _figure((6.4, 6.4), title, rows)
    axes = figure.subplots()
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.grid(alpha=0.25)
    return figure, axes


def _figure(size: tuple[float, float], title: str, rows: str) -> Figure:
    """A picture of its own, without pyplot: nothing global, nothing to close, and no display needed."""
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    figure.suptitle(title, fontsize=13, fontweight="bold")
    lines = [textwrap.fill(line, int(size[0] * 13)) for line in rows.splitlines()]
    figure.supxlabel("\n".join(lines), fontsize=8.5, color=GREY)
    return figure
