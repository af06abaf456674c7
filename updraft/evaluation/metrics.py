"""The metrics of any kind of model: names that most callers need, and the entry points."""

from updraft.core.kinds import Task
from updraft.evaluation.answers import Answers
from updraft.evaluation.kinds import kind_of
from updraft.evaluation.statistic import Auc, CalibrationError, Statistic

__all__ = ["Answers", "Auc", "CalibrationError", "Statistic", "metrics", "statistics"]


def metrics(task: Task, answers: Answers) -> dict[str, float]:
    """The values of all metrics of the task's kind, by name. See ``statistics``."""
    return {name: statistic.value for name, statistic in statistics(task, answers).items()}


def statistics(task: Task, answers: Answers) -> dict[str, Statistic]:
    """Each metric of the task's kind, by name; for several classes also those of each class.

    Raises:
        UpdraftError: there is nothing to judge, or a label or score is not valid for the kind.
    """
    kind = kind_of(task)
    kind.check(answers, task)
    return kind.statistics(answers, task)
