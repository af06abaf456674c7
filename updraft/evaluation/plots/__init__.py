"""What people look at to understand a model, by its kind: figures as JSON documents, and pictures of them."""

from typing import Any

from matplotlib.figure import Figure

from updraft.core.kinds import Task
from updraft.evaluation.metrics import Answers
from updraft.evaluation.plots import binary, clusters, multiclass, regression
from updraft.evaluation.plots.style import Drawn
from updraft.models.feature_columns import Columns


def holdout_document(task: Task, answers: Answers, columns: Columns) -> dict[str, Any]:
    """The figures behind the pictures of one model on the holdout."""
    match task.kind:
        case "binary":
            assert answers.threshold is not None, "a binary model decides by a threshold"
            return binary.curves(answers.labels, answers.scores[:, 0], answers.threshold)
        case "multiclass":
            return multiclass.decided(task, answers)
        case "clustering":
            return clusters.groups(answers, columns.numbers)
    return regression.residuals(answers)


def holdout_figures(task: Task, models: Drawn, rows: str) -> dict[str, Figure]:
    """The pictures by file name. ``models``: the document of each; ``rows``: what they come from."""
    match task.kind:
        case "binary":
            return binary.figures(models, rows)
        case "multiclass":
            return multiclass.figures(models, rows)
        case "clustering":
            return clusters.figures(models, rows)
    return regression.figures(models, rows)
