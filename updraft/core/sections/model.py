"""The section ``model``: what is trained on which partitions, and how it is searched."""

from math import prod
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails

from updraft.core.hyperparameters import wrong_names
from updraft.core.kinds import TRAITS
from updraft.core.sections.base import AlgorithmName, Metric, Strict, Whole, with_metric


def _each_once(values: list[str | bool | int | float]) -> list[str | bool | int | float]:
    if len(set(values)) < len(values):
        raise ValueError("expected every value once")
    return values


# What a search may range over: the values of a list, or the numbers between two bounds.
Choices = Annotated[list[str | bool | int | float], Field(min_length=1), AfterValidator(_each_once)]


class Bounds(Strict):
    """A range of numbers to search, evenly or, with ``log``, evenly in orders of magnitude."""

    low: int | float = Field(description="Lowest value.")
    high: int | float = Field(description="Highest value, included.")
    log: bool = Field(False, description="Evenly in orders of magnitude.")

    @property
    def size(self) -> int | None:
        """How many whole numbers there are in it; None for a range of others, which has no end of them."""
        return self.high - self.low + 1 if isinstance(self.low, int) and isinstance(self.high, int) else None

    @model_validator(mode="after")
    def _a_range(self) -> "Bounds":
        if not self.low < self.high:
            raise ValueError(f"expected low below high, found {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"expected low above 0, because of log, found {self.low}")
        return self


class Algorithm(Strict):
    """An algorithm's hyperparameters, by its library's own names: those that are fixed, and those that are searched."""

    fixed: dict[str, str | bool | int | float] = Field({}, description="Hyperparameters that every trial has.")
    search: dict[str, Choices | Bounds] = Field({}, description="Those that are searched: a list of values, or a range.")

    @property
    def combinations(self) -> int | None:
        """How many there are to try; None where a range gives no end of them."""
        sizes = [values.size if isinstance(values, Bounds) else len(values) for values in self.search.values()]
        return None if None in sizes else prod(size for size in sizes if size)

    @model_validator(mode="after")
    def _fixed_or_searched(self) -> "Algorithm":
        if both := sorted(set(self.fixed) & set(self.search)):
            raise ValueError(f"{both} are fixed and searched; keep one")
        return self


class Search(Strict):
    """How hyperparameters are searched. The same seed, parallelism and trials give the same trials and the same winner."""

    method: Literal["grid", "random", "tpe"] = Field("random", description="How the next trials are chosen.")
    trials: int = Field(4, ge=1, le=1000, description="Trials of each algorithm that has something to search.")
    minutes: float | None = Field(
        None, gt=0, le=110, description="No batch of trials starts after these; the first one always does."
    )
    parallelism: int = Field(
        2, ge=1, le=64, description="Trials of a batch, which run at the same time; not taken from the machine."
    )
    pruning: bool = Field(True, description="Stop a trial after a fold in which it is below the median of those before it.")
    folds: int = Field(2, ge=1, le=20, description="Validation blocks, in time order, each as long as the holdout.")
    seed: int = Field(0, ge=0, lt=2**32, description="Of the sampler and of every fit.")


class Costs(Strict):
    """What a decision of a binary model is worth, in any one currency."""

    true_positive: float = Field(description="Of a yes that was right.")
    false_positive: float = Field(description="Of a yes that was wrong.")
    true_negative: float = Field(description="Of a no that was right.")
    false_negative: float = Field(description="Of a no that was wrong.")


class Model(Strict):
    """How challengers come about: on which partitions, by which algorithms, judged by what."""

    window: int = Field(60, ge=2, description="Days (or months) to train and tune on, the newest before the holdout.")
    holdout: int | float = Field(
        gt=0, description="Newest labelled days (or months), kept for the evaluation alone; of a snapshot, a share of its rows."
    )
    min_rows: int = Field(100, ge=2, description="Fewest labelled rows that any model of the search may learn from.")
    metric: Metric = Field(
        "auc",
        description="What the search is for; by default the first metric of the kind.\n"
        + "\n".join(f"Kind {kind}: {', '.join(traits.metrics)}." for kind, traits in TRAITS.items()),
    )
    balance: bool = Field(False, description="Weigh rows so that each class counts the same in training.")
    costs: Costs | None = Field(None, description="kind binary: the worth of each decision, for the metric value.")
    algorithms: dict[AlgorithmName, Algorithm] = Field(
        min_length=1,
        description="Those that are tried.\n"
        + "".join(f"Kind {kind}: {', '.join(traits.algorithms)}.\n" for kind, traits in TRAITS.items())
        + "Hyperparameters: of lightgbm by LightGBM's names or those of its scikit-learn class, of all others by pyspark.ml's.",
    )
    search: Search = Search()

    _default_metric = model_validator(mode="before")(with_metric)

    @field_validator("algorithms", mode="wrap")
    @classmethod
    def _known_hyperparameters(
        cls, given: Any, check: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> dict[AlgorithmName, Algorithm]:
        whole: Whole | None = info.context
        wrong = list(wrong_names(whole.kind, given)) if whole and whole.kind else []
        try:
            found: dict[AlgorithmName, Algorithm] = check(given)
        except ValidationError as error:  # Told beside the others: neither hides the other.
            wrong += [
                InitErrorDetails(type=one["type"], loc=one["loc"], input=one["input"], ctx=one.get("ctx", {}))
                for one in error.errors()
            ]
        if wrong:
            raise ValidationError.from_exception_data(cls.__name__, wrong)
        return found

    @field_validator("balance", "costs")
    @classmethod
    def _fits_the_kind(cls, given: "bool | Costs | None", info: ValidationInfo) -> "bool | Costs | None":
        whole: Whole | None = info.context
        kinds = ("binary",) if info.field_name == "costs" else ("binary", "multiclass")
        if given and whole and whole.kind and whole.kind not in kinds:
            raise ValueError(f"expected for kind {' or '.join(kinds)} only, found kind {whole.kind}; leave it out")
        return given

    @field_validator("holdout")
    @classmethod
    def _partitions_or_share(cls, holdout: int | float, info: ValidationInfo) -> int | float:
        whole: Whole | None = info.context
        if whole and whole.snapshot and not 0 < holdout < 1:
            raise ValueError("expected the share of a snapshot's rows that is kept for the evaluation, such as 0.2")
        if whole and not whole.snapshot and not float(holdout).is_integer():
            raise ValueError("expected a number of partitions, such as 7")
        return holdout

    @model_validator(mode="after")
    def _grids_are_finite(self) -> "Model":
        if self.search.method != "grid":
            return self
        ranges = [name for one in self.algorithms.values() for name, values in one.search.items() if isinstance(values, Bounds)]
        if ranges:
            raise ValueError(f"search.method: grid needs lists of values, but {sorted(ranges)} are ranges; use random or tpe")
        for name, one in self.algorithms.items():
            if (size := one.combinations or 1) > self.search.trials:
                raise ValueError(
                    f"search.trials: found {self.search.trials}, but the grid of {name} has {size} combinations; "
                    "raise trials, shorten its lists, or use random or tpe"
                )
        return self
