"""The kinds of models: their algorithms and metrics, and the facts that configuration needs."""

from dataclasses import dataclass
from typing import Literal

from updraft.core.schema import ITEM, USER

Kind = Literal["binary", "multiclass", "regression", "clustering", "recommendation"]

CLASSIFIERS = (
    "logistic_regression",
    "random_forest",
    "gradient_boosted_trees",
    "naive_bayes",
    "lightgbm",
)
REGRESSORS = (
    "linear_regression",
    "random_forest",
    "gradient_boosted_trees",
    "generalized_linear_regression",
    "lightgbm",
)


@dataclass(frozen=True)
class Traits:
    """Static facts about one kind of model. Its behaviour is in ``updraft.evaluation.kinds``.

    Attributes:
        algorithms: The algorithms that can train it.
        metrics: The metrics that can judge it; the first is the default of search and gate.
        has_target: A use case declares ``data.target``.
        has_classes: Labels are classes, so training can be balanced and splits stratified.
        names_classes: A use case declares ``data.target.classes``.
        has_threshold: Predictions are decisions by a threshold: one class is the positive one, and
            decisions may have costs.
        labels_differ: A holdout whose labels are all equal cannot judge a model.
        entities: Features that name things, such as users, and carry no value of their own.
    """

    algorithms: tuple[str, ...]
    metrics: tuple[str, ...]
    has_target: bool = True
    has_classes: bool = False
    names_classes: bool = False
    has_threshold: bool = False
    labels_differ: bool = True
    entities: tuple[str, ...] = ()


TRAITS: dict[Kind, Traits] = {
    "binary": Traits(
        algorithms=CLASSIFIERS,
        metrics=(
            "auc",
            "f1",
            "macro_f1",
            "accuracy",
            "precision",
            "recall",
            "log_loss",
            "calibration_error",
            "value",
        ),
        has_classes=True,
        has_threshold=True,
    ),
    "multiclass": Traits(
        algorithms=CLASSIFIERS,
        metrics=(
            "macro_f1",
            "accuracy",
            "macro_precision",
            "macro_recall",
            "auc",
            "log_loss",
            "calibration_error",
        ),
        has_classes=True,
        names_classes=True,
    ),
    "regression": Traits(algorithms=REGRESSORS, metrics=("rmse", "mae", "r2")),
    "clustering": Traits(
        algorithms=("k_means", "bisecting_k_means", "gaussian_mixture"),
        metrics=("silhouette", "smallest_share"),
        has_target=False,
        labels_differ=False,
    ),
    "recommendation": Traits(
        algorithms=("als",),
        metrics=("rmse", "mae", "precision_at_10", "ndcg_at_10", "coverage"),
        labels_differ=False,  # Implicit ratings are all 1.
        entities=(USER, ITEM),
    ),
}


@dataclass(frozen=True)
class Task:
    """What a model predicts: its kind and, for kind multiclass, the names of its classes.

    The position of a name in ``classes`` is the label of that class.
    """

    kind: Kind
    classes: tuple[str, ...] = ()

    @property
    def traits(self) -> Traits:
        return TRAITS[self.kind]

    @property
    def outputs(self) -> list[str]:
        """The names of a model's scores, one number for each row, in the order of their columns."""
        match self.kind:
            case "binary":
                return ["probability"]
            case "multiclass":
                return [f"probability_{label}" for label in range(len(self.classes))]
            case "clustering":
                return ["cluster"]
            case "regression" | "recommendation":
                return ["prediction"]
