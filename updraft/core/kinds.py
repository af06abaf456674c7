"""The kinds of models: what each of them may be made by, how it is judged, what it answers."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["binary", "multiclass", "regression", "clustering", "recommendation"]

CLASSIFIERS = ("logistic_regression", "random_forest", "gradient_boosted_trees", "naive_bayes", "lightgbm")
LESS_IS_BETTER = {"log_loss", "calibration_error", "rmse", "mae"}
RANKED = {"precision_at_10", "ndcg_at_10", "coverage"}  # Figures of users, not of rows.


@dataclass(frozen=True)
class Traits:
    """Of a kind: its ``algorithms``; its ``metrics``, of which the first is the default of search and gate."""

    algorithms: tuple[str, ...]
    metrics: tuple[str, ...]


TRAITS: dict[Kind, Traits] = {
    "binary": Traits(
        CLASSIFIERS,
        ("auc", "f1", "macro_f1", "accuracy", "precision", "recall", "log_loss", "calibration_error", "value"),
    ),
    "multiclass": Traits(
        CLASSIFIERS,
        ("macro_f1", "accuracy", "macro_precision", "macro_recall", "auc", "log_loss", "calibration_error"),
    ),
    "regression": Traits(
        ("linear_regression", "random_forest", "gradient_boosted_trees", "generalized_linear_regression", "lightgbm"),
        ("rmse", "mae", "r2"),
    ),
    "clustering": Traits(("k_means", "bisecting_k_means", "gaussian_mixture"), ("silhouette", "smallest_share")),
    "recommendation": Traits(("als",), ("rmse", "mae", "precision_at_10", "ndcg_at_10", "coverage")),
}


def more_is_better(metric: str) -> bool:
    """Whether the larger of two values of a metric is the better one."""
    return metric not in LESS_IS_BETTER


@dataclass(frozen=True)
class Task:
    """What a model has to learn: its kind and, for several classes, their names, whose places are the labels."""

    kind: Kind
    classes: tuple[str, ...] = ()

    @property
    def outputs(self) -> list[str]:
        """What a model answers for each row, one number each: the scores, in the order of their columns."""
        match self.kind:
            case "binary":
                return ["probability"]
            case "multiclass":
                return [f"probability_{n}" for n in range(len(self.classes))]
            case "clustering":
                return ["cluster"]
            case _:
                return ["prediction"]
