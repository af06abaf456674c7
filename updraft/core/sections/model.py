"""The section ``model``: the rows to train on, the algorithms to try, and how they are judged."""

from typing import Any

from pydantic import (
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails

from updraft.core.hyperparameters import wrong_names
from updraft.core.kinds import TRAITS, Kind
from updraft.core.sections.base import (
    AlgorithmName,
    MetricName,
    Strict,
    context_of,
    with_metric,
)
from updraft.core.sections.search import Algorithm, Search

METRICS_BY_KIND = "".join(
    f"\nKind {kind}: {', '.join(traits.metrics)}." for kind, traits in TRAITS.items()
)
ALGORITHMS_BY_KIND = "".join(
    f"\nKind {kind}: {', '.join(traits.algorithms)}." for kind, traits in TRAITS.items()
)


class Costs(Strict):
    """What a decision of a binary model is worth, in any one currency."""

    true_positive: float = Field(description="Value of a true positive.")
    false_positive: float = Field(description="Value of a false positive.")
    true_negative: float = Field(description="Value of a true negative.")
    false_negative: float = Field(description="Value of a false negative.")


class Model(Strict):
    """How challengers are made: on which partitions, by which algorithms, judged by what."""

    window: int = Field(
        60,
        ge=2,
        description="Days (or months) to train and tune on, the newest before the holdout.",
    )
    holdout: int | float = Field(
        gt=0,
        description="Newest labelled days (or months), kept for the evaluation alone; "
        "for a snapshot, a share of its rows.",
    )
    min_rows: int = Field(
        100,
        ge=2,
        description="Fewest labelled rows that any model of the search may be trained on.",
    )
    metric: MetricName = Field(
        "auc",
        description="What the search optimizes; by default the first metric of the kind."
        + METRICS_BY_KIND,
    )
    balance: bool = Field(
        False, description="Weight rows so that each class counts the same in training."
    )
    costs: Costs | None = Field(
        None,
        description="For kind binary: the worth of each decision, for the metric value.",
    )
    algorithms: dict[AlgorithmName, Algorithm] = Field(
        min_length=1,
        description="Those that are tried."
        + ALGORITHMS_BY_KIND
        + "\nHyperparameters: of lightgbm by LightGBM's names or those of its scikit-learn class, "
        "of all others by pyspark.ml's.",
    )
    search: Search = Search()

    _default_metric = model_validator(mode="before")(with_metric)

    @field_validator("algorithms", mode="wrap")
    @classmethod
    def _have_known_hyperparameters(
        cls, algorithms: Any, validate: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> dict[AlgorithmName, Algorithm]:
        """Report wrong names together with all other mistakes, so that neither hides the other."""
        context = context_of(info)
        mistakes: list[InitErrorDetails] = []
        if context and context.kind:
            mistakes += wrong_names(context.kind, algorithms)
        validated: dict[AlgorithmName, Algorithm] = {}
        try:
            validated = validate(algorithms)
        except ValidationError as error:
            mistakes += [
                InitErrorDetails(
                    type=details["type"],
                    loc=details["loc"],
                    input=details["input"],
                    ctx=details.get("ctx", {}),
                )
                for details in error.errors()
            ]
        if mistakes:
            raise ValidationError.from_exception_data(cls.__name__, mistakes)
        return validated

    @field_validator("balance")
    @classmethod
    def _needs_classes(cls, balance: bool, info: ValidationInfo) -> bool:
        if balance:
            _check_kind(info, [kind for kind, traits in TRAITS.items() if traits.has_classes])
        return balance

    @field_validator("costs")
    @classmethod
    def _needs_decisions(cls, costs: Costs | None, info: ValidationInfo) -> Costs | None:
        if costs:
            _check_kind(info, [kind for kind, traits in TRAITS.items() if traits.has_threshold])
        return costs

    @field_validator("holdout")
    @classmethod
    def _is_a_number_of_partitions_or_a_share(
        cls, holdout: int | float, info: ValidationInfo
    ) -> int | float:
        context = context_of(info)
        if context is None:
            return holdout
        if context.is_snapshot and not 0 < holdout < 1:
            raise ValueError(
                "expected the share of a snapshot's rows that is kept for the evaluation, "
                "such as 0.2"
            )
        if not context.is_snapshot and not float(holdout).is_integer():
            raise ValueError("expected a number of partitions, such as 7")
        return holdout

    @model_validator(mode="after")
    def _has_finite_grids(self) -> "Model":
        if self.search.method != "grid":
            return self
        ranges: list[str] = []
        for algorithm in self.algorithms.values():
            ranges += algorithm.ranges
        if ranges:
            raise ValueError(
                f"search.method: grid needs lists of values, but {sorted(ranges)} are ranges; "
                "use random or tpe"
            )
        for name, algorithm in self.algorithms.items():
            size = algorithm.combinations or 1
            if size > self.search.trials:
                raise ValueError(
                    f"search.trials: found {self.search.trials}, "
                    f"but the grid of {name} has {size} combinations; "
                    "raise trials, shorten its lists, or use random or tpe"
                )
        return self


def _check_kind(info: ValidationInfo, kinds: list[Kind]) -> None:
    context = context_of(info)
    if context and context.kind and context.kind not in kinds:
        raise ValueError(
            f"expected for kind {' or '.join(kinds)} only, found kind {context.kind}; leave it out"
        )
