"""Several classes: which of them are taken for which, and whether the probability of the predicted one comes true."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from updraft.core.kinds import Task
from updraft.evaluation.metrics import Answers
from updraft.evaluation.plots.calibration import calibration, calibration_figure
from updraft.evaluation.plots.style import Drawn, figure_of


def decided(task: Task, answers: Answers) -> dict[str, Any]:
    """How many rows of each class (observed, a row of ``cells``) are taken for which (predicted, a column); calibration."""
    k = len(task.classes)
    predicted = answers.scores.argmax(axis=1)
    cell = answers.labels.astype(int) * k + predicted
    return {
        "rows": len(answers.labels),
        "classes": list(task.classes),
        "cells": np.bincount(cell, minlength=k * k).reshape(k, k).tolist(),
        "calibration": calibration((predicted == answers.labels).astype(float), answers.scores.max(axis=1)),
    }


def figures(models: Drawn, rows: str) -> dict[str, Figure]:
    """The pictures by file name. ``models``: what is ``decided`` by each."""
    calibrated = calibration_figure(models, rows, "class's probability", "right predictions")
    return {"calibration.png": calibrated, "confusion.png": _confusion(models, rows)}


def _confusion(models: Drawn, rows: str) -> Figure:
    classes = next(one["classes"] for one in models.values())
    size = 2.2 + 0.75 * len(classes)
    figure = figure_of((size * len(models) + 0.6, size + 0.8), "Confusion on the holdout", rows)
    for axes, (name, one) in zip(np.atleast_1d(figure.subplots(1, len(models))), models.items(), strict=True):
        cells = np.array(one["cells"])
        shares = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(cells):
            share = shares[row, column]
            text = f"{count:,}\n{share:.0%}"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color="white" if share > 0.55 else "black")
        axes.set(xticks=range(len(classes)), yticks=range(len(classes)), xlabel="predicted", ylabel="observed")
        axes.set_xticklabels(classes, rotation=45, ha="right")
        axes.set_yticklabels(classes)
        axes.set_title(f"{name}\nshares of the observed class", fontsize=9)
    return figure
