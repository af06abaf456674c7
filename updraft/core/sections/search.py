"""The sections inside ``model`` about the search: the hyperparameters and how trials are chosen."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from updraft.core.sections.base import Strict


def _each_once(values: list[str | bool | int | float]) -> list[str | bool | int | float]:
    if len(set(values)) < len(values):
        raise ValueError("expected every value once")
    return values


# What a search may try: the values of a list, or the numbers between two bounds.
Choices = Annotated[list[str | bool | int | float], Field(min_length=1), AfterValidator(_each_once)]


class Bounds(Strict):
    """A range of numbers to search, evenly or, with ``log``, evenly in orders of magnitude."""

    low: int | float = Field(description="Lowest value.")
    high: int | float = Field(description="Highest value, included.")
    log: bool = Field(False, description="Evenly in orders of magnitude.")

    @property
    def size(self) -> int | None:
        """The number of integers in the range; None if it is a range of floats."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return self.high - self.low + 1
        return None

    @model_validator(mode="after")
    def _is_a_range(self) -> "Bounds":
        if not self.low < self.high:
            raise ValueError(f"expected low below high, found {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"expected low above 0, because of log, found {self.low}")
        return self


class Algorithm(Strict):
    """An algorithm's hyperparameters, by its library's own names: fixed ones and searched ones."""

    fixed: dict[str, str | bool | int | float] = Field(
        {}, description="Hyperparameters that every trial has."
    )
    search: dict[str, Choices | Bounds] = Field(
        {}, description="Those that are searched: a list of values, or a range."
    )

    @property
    def combinations(self) -> int | None:
        """The number of combinations to try; None if a range of floats makes it infinite."""
        number = 1
        for values in self.search.values():
            size = values.size if isinstance(values, Bounds) else len(values)
            if size is None:
                return None
            number *= size
        return number

    @property
    def ranges(self) -> list[str]:
        """The hyperparameters that are searched in a range instead of a list."""
        return [name for name, values in self.search.items() if isinstance(values, Bounds)]

    @model_validator(mode="after")
    def _are_fixed_or_searched(self) -> "Algorithm":
        both = sorted(set(self.fixed) & set(self.search))
        if both:
            raise ValueError(f"{both} are fixed and searched; keep one")
        return self


class Search(Strict):
    """How hyperparameters are searched.

    The same seed, parallelism and number of trials give the same trials and the same winner.
    """

    method: Literal["grid", "random", "tpe"] = Field(
        "random", description="How the next trials are chosen."
    )
    trials: int = Field(
        4,
        ge=1,
        le=1000,
        description="Trials of each algorithm that has something to search.",
    )
    minutes: float | None = Field(
        None,
        gt=0,
        le=110,
        description="No batch of trials starts after these; the first one always does.",
    )
    parallelism: int = Field(
        2,
        ge=1,
        le=64,
        description="Trials of a batch, which run at the same time; not taken from the machine.",
    )
    pruning: bool = Field(
        True,
        description="Stop a trial after a fold in which it is below the median of those before it.",
    )
    folds: int = Field(
        2,
        ge=1,
        le=20,
        description="Validation blocks, in time order, each as long as the holdout.",
    )
    seed: int = Field(0, ge=0, lt=2**32, description="Of the sampler and of every fit.")
