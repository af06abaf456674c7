"""The class of each algorithm in its library, and the parameters that a use case may set."""

from typing import Any

from pyspark.ml import classification, clustering, recommendation, regression

from updraft.core.hyperparameters import group
from updraft.core.kinds import TRAITS, Kind, Task

LIGHTGBM = "lightgbm"
# Parameters that updraft sets, or whose other values the export does not support.
LIGHTGBM_RESERVED = {
    *("random_state", "seed", "deterministic", "force_row_wise", "verbose", "objective"),
    *("categorical_feature", "zero_as_missing", "linear_tree", "sigmoid"),
}
SPARK_RESERVED = {"seed", "coldStartStrategy"}  # And all whose names end in Col.
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

    return LGBMClassifier if task.traits.has_classes else LGBMRegressor


def settable() -> dict[str, dict[str, list[str]]]:
    """The hyperparameters that a use case may set, by kind and algorithm, read from the libraries.

    This is the content of ``updraft/core/hyperparameters.json``. Aliases of one parameter are one
    text, joined by =. Needs a Spark session, without which Spark ML lists no parameters.
    """
    parameters: dict[str, dict[str, list[str]]] = {}
    for kind, algorithms in SPARK.items():
        by_algorithm = {name: _of_spark(algorithm) for name, algorithm in algorithms.items()}
        if LIGHTGBM in TRAITS[kind].algorithms:
            by_algorithm[LIGHTGBM] = _of_lightgbm(Task(kind))
        parameters[group(kind)] = by_algorithm
    return parameters


def _of_spark(algorithm: Any) -> list[str]:
    names = {parameter.name for parameter in algorithm().params} - SPARK_RESERVED
    return sorted(name for name in names if not name.endswith("Col"))


def _of_lightgbm(task: Task) -> list[str]:
    from lightgbm.basic import _ConfigAliases

    own_names = {*lightgbm_class(task)().get_params()}
    all_aliases = _ConfigAliases._get_all_param_aliases()
    names: list[list[str]] = [[name, *aliases] for name, aliases in all_aliases.items()]
    names_with_aliases = {name for aliases in names for name in aliases}
    names += [[name] for name in own_names - names_with_aliases]
    parameters = []
    for name, *aliases in names:
        all_names = {name, *aliases}
        if all_names & LIGHTGBM_RESERVED:
            continue
        accepted = {*aliases} - {name}
        if all_names & own_names:
            # The class for scikit-learn always passes its own parameters on, and those take
            # precedence over all other aliases.
            accepted &= own_names
        parameters.append("=".join([name, *sorted(accepted)]))
    return sorted(parameters)
