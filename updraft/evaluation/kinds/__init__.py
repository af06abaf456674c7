"""The kinds of models: one module each, with all behaviour that differs between them."""

from updraft.core.kinds import Kind, Task
from updraft.evaluation.kinds.base import KindOfModel
from updraft.evaluation.kinds.binary import Binary
from updraft.evaluation.kinds.clustering import Clustering
from updraft.evaluation.kinds.multiclass import Multiclass
from updraft.evaluation.kinds.recommendation import Recommendation
from updraft.evaluation.kinds.regression import Regression

KINDS: dict[Kind, KindOfModel] = {
    "binary": Binary(),
    "multiclass": Multiclass(),
    "regression": Regression(),
    "clustering": Clustering(),
    "recommendation": Recommendation(),
}


def kind_of(task: Task) -> KindOfModel:
    """The behaviour of the task's kind."""
    return KINDS[task.kind]
