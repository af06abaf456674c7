"""The recipe of a model: everything that decides a fit besides the rows."""

from dataclasses import dataclass
from typing import Any

from updraft.core.kinds import Task
from updraft.core.sections import Model
from updraft.models.feature_columns import FeatureColumns

Parameters = dict[str, Any]  # Hyperparameters by the names that the algorithm's library uses.


@dataclass(frozen=True)
class Recipe:
    """An algorithm with its hyperparameters, its task and its features.

    ``balance``: weight the rows so that each class counts the same.
    """

    algorithm: str
    parameters: Parameters
    task: Task
    columns: FeatureColumns
    seed: int
    balance: bool = False

    @classmethod
    def of(
        cls,
        model: Model,
        task: Task,
        columns: FeatureColumns,
        algorithm: str,
        parameters: Parameters,
    ) -> "Recipe":
        """A trial's recipe, with what use_case.yaml says of all models."""
        seed = model.search.seed
        return cls(algorithm, parameters, task, columns, seed, balance=model.balance)
