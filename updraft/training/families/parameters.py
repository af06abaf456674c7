"""Which algorithm is which class of a library, and which of its parameters are for a use case to set."""

from collections.abc import Collection
from typing import Any

from pyspark.ml import classification, clustering, recommendation, regression

from updraft.core.errors import UpdraftError
from updraft.core.kinds import Kind, Task
from updraft.core.mistakes import suggest

LIGHTGBM = "lightgbm"
# Set here, or not part of what the export knows.
LIGHTGBM_OURS = [
    *("random_state", "seed", "deterministic", "force_row_wise", "verbose", "objective"),
    *("categorical_feature", "zero_as_missing", "linear_tree", "sigmoid"),
]
SPARK_OURS = {"seed", "coldStartStrategy"}  # And all that end in Col.
CLASSIFICATION: dict[str, Any] = {
    "logistic_regression": classification.LogisticRegression,
    "random_forest": classification.RandomForestClassifier,
    "gradient_boosted_trees": classification.GBTClassifier,
    "naive_bayes": classification.NaiveBayes,
}
SPARK: dict[Kind, dict[str, Any]] = {
    "binary": CLASSIFICATION,
    "multiclass": CLASSIFICATION,
    "regression": {
        "linear_regression": regression.LinearRegression,
        "random_forest": regression.RandomForestRegressor,
        "gradient_boosted_trees": regression.GBTRegressor,
        "generalized_linear_regression": regression.GeneralizedLinearRegression,
    },
    "clustering": {
        "k_means": clustering.KMeans,
        "bisecting_k_means": clustering.BisectingKMeans,
        "gaussian_mixture": clustering.GaussianMixture,
    },
    "recommendation": {"als": recommendation.ALS},
}


def lightgbm_class(task: Task) -> Any:
    """LightGBM's model for scikit-learn."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    return LGBMRegressor if task.kind == "regression" else LGBMClassifier


def check_parameters(algorithm: str, names: Collection[str], task: Task) -> None:
    """Refuse names that are not parameters of the family, or that are not for a use case to set.

    Raises:
        UpdraftError: it names them, with the nearest right spelling.
    """
    if algorithm == LIGHTGBM:
        from lightgbm.basic import _ConfigAliases

        known = {*lightgbm_class(task)().get_params(), *_ConfigAliases._get_all_param_aliases()}
        ours = {*LIGHTGBM_OURS, *(alias for name in LIGHTGBM_OURS for alias in _ConfigAliases.get(name))}
    else:
        known = {parameter.name for parameter in SPARK[task.kind][algorithm]().params}
        ours = {name for name in known if name.endswith("Col")} | SPARK_OURS
    if unknown := sorted(set(names) - (known - ours)):
        hints = "".join(suggest(name, known - ours) for name in unknown)
        raise UpdraftError(
            f"model.algorithms.{algorithm}: found {unknown}, expected names of the algorithm's parameters{hints}"
        )
