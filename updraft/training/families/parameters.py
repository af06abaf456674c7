"""Which algorithm is which class of a library, and which of its parameters are for a use case to set."""

from typing import Any

from pyspark.ml import classification, clustering, recommendation, regression

from updraft.core.hyperparameters import group
from updraft.core.kinds import TRAITS, Kind, Task

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


def settable() -> dict[str, dict[str, list[str]]]:
    """What a use case may set of each algorithm: what ``updraft/core/hyperparameters.json`` has to hold.

    Names that mean the same are one text, joined by =. Spark ML's need a Spark session to be asked for.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for kind, algorithms in SPARK.items():
        found[group(kind)] = {name: _of_spark(algorithm) for name, algorithm in algorithms.items()}
        if LIGHTGBM in TRAITS[kind].algorithms:
            found[group(kind)][LIGHTGBM] = _of_lightgbm(Task(kind))
    return found


def _of_spark(algorithm: Any) -> list[str]:
    names = {parameter.name for parameter in algorithm().params} - SPARK_OURS
    return sorted(name for name in names if not name.endswith("Col"))


def _of_lightgbm(task: Task) -> list[str]:
    from lightgbm.basic import _ConfigAliases

    own = {*lightgbm_class(task)().get_params()}
    several: list[list[str]] = [[name, *others] for name, others in _ConfigAliases._get_all_param_aliases().items()]
    several += [[name] for name in own - {name for names in several for name in names}]
    found = []
    for first, *others in several:
        if not {first, *others} & {*LIGHTGBM_OURS}:
            aliases = sorted({*others} - {first})
            # Of what the class for scikit-learn has itself, it passes its default on, too, which beats all other aliases.
            aliases = [name for name in aliases if name in own] if {first, *others} & own else aliases
            found.append("=".join([first, *aliases]))
    return sorted(found)
