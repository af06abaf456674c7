"""The recipe of a model: everything that decides a fit besides the rows."""

from dataclasses import dataclass
from typing import Any

from updraft.core.kinds import Task
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
