"""What the sections share: strictness, the context of the use case, names checked by its kind."""

from functools import partial
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

from updraft.core.interval import Unit
from updraft.core.kinds import TRAITS, Kind, Traits
from updraft.core.mistakes import suggest

Share = Annotated[float, Field(ge=0, le=1)]


class Strict(BaseModel):
    """A section: unknown keys are mistakes, and nothing changes it later."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False
    )


class Context(NamedTuple):
    """What sections must know about the rest of the use case: pydantic's validation context.

    Without it, a section is validated on its own.

    Attributes:
        kind: The kind of model; None if it is wrong itself.
        is_snapshot: Whether the use case has no schedule.
        unit: How much time a partition covers; None for a snapshot or if it is wrong itself.
    """

    kind: Kind | None
    is_snapshot: bool
    unit: Unit | None = "day"

    @property
    def traits(self) -> Traits | None:
        return TRAITS[self.kind] if self.kind else None


def context_of(info: ValidationInfo) -> Context | None:
    """Return the context of a validation, if it has one."""
    context: Context | None = info.context
    return context


def traits_of(info: ValidationInfo) -> Traits | None:
    """Return the traits of the use case's kind, if the kind is known."""
    context = context_of(info)
    return context.traits if context else None


def _check_name(group: Literal["algorithms", "metrics"], name: str, info: ValidationInfo) -> str:
    context = context_of(info)
    if context is None or context.traits is None:
        return name
    known: tuple[str, ...] = getattr(context.traits, group)
    if name not in known:
        raise ValueError(
            f"expected one of the {group} of kind {context.kind}: {', '.join(known)}"
            f"{suggest(name, known)}"
        )
    return name


AlgorithmName = Annotated[str, AfterValidator(partial(_check_name, "algorithms"))]
MetricName = Annotated[str, AfterValidator(partial(_check_name, "metrics"))]


def with_metric(content: Any, info: ValidationInfo) -> Any:
    """Add the default ``metric`` to a section that lacks it: the first metric of the kind."""
    traits = traits_of(info)
    if traits and isinstance(content, dict) and "metric" not in content:
        return {**content, "metric": traits.metrics[0]}
    return content
