"""Plots of several classes: the confusion matrix, and the calibration of the predicted class."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from updraft.core.kinds import Task
from updraft.evaluation.answers import Answers
from updraft.evaluation.plots.calibration import calibration, calibration_figure
from updraft.evaluation.plots.confusion import draw_shares
from updraft.evaluation.plots.style import Drawn, new_figure
from updraft.models.answers import decide


def confusion_and_calibration(task: Task, answers: Answers) -> dict[str, Any]:
    """The JSON document behind the plots: the confusion matrix (``cells``) and the calibration.

    A row of ``cells`` is an observed class, a column a predicted one.
    """
    k = len(task.classes)
    predicted = decide(answers.scores, task, None).astype(int)
    cell = answers.labels.astype(int) * k + predicted
    is_right = (predicted == answers.labels).astype(float)
    return {
        "rows": len(answers.labels),
        "classes": list(task.classes),
        "cells": np.bincount(cell, minlength=k * k).reshape(k, k).tolist(),
        "calibration": calibration(is_right, answers.scores.max(axis=1)),
    }


def figures(models: Drawn, rows: str) -> dict[str, Figure]:
    """The plots by file name. ``models``: the ``confusion_and_calibration`` of each."""
    calibrated = calibration_figure(models, rows, "class's probability", "right predictions")
    return {"calibration.png": calibrated, "confusion.png": _confusion(models, rows)}


def _confusion(models: Drawn, rows: str) -> Figure:
    classes = next(iter(models.values()))["classes"]
    side = 2.2 + 0.75 * len(classes)
    size = (side * len(models) + 0.6, side + 0.8)
    figure = new_figure(size, "Confusion matrix on the holdout", rows)
    all_axes = np.atleast_1d(figure.subplots(1, len(models)))
    for axes, (name, document) in zip(all_axes, models.items(), strict=True):
        draw_shares(axes, np.array(document["cells"]), "{count:,}\n{share:.0%}", fontsize=8)
        axes.set_xticklabels(classes, rotation=45, ha="right")
        axes.set_yticklabels(classes)
        axes.set_title(f"{name}\nshares of the observed class", fontsize=9)
    return figure
