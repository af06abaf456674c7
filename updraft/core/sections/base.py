"""What the sections have in common: they are strict, and some must know the kind of the whole use case."""

from functools import partial
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

from updraft.core.interval import Unit
from updraft.core.kinds import TRAITS, Kind
from updraft.core.mistakes import suggest

Share = Annotated[float, Field(ge=0, le=1)]


class Strict(BaseModel):
    """A section: unknown keys are mistakes, and nothing changes it later."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)


class Whole(NamedTuple):
    """What the sections must know of the whole use case, as pydantic's context. Without it a section is judged alone."""

    kind: Kind | None  # None where it is wrong itself.
    snapshot: bool
    unit: Unit | None = "day"  # None where it is wrong itself, or of a snapshot.


def _of_its_kind(what: Literal["algorithms", "metrics"], name: str, info: ValidationInfo) -> str:
    whole: Whole | None = info.context
    if whole and whole.kind and name not in (known := getattr(TRAITS[whole.kind], what)):
        raise ValueError(f"expected one of the {what} of kind {whole.kind}: {', '.join(known)}{suggest(name, known)}")
    return name


AlgorithmName = Annotated[str, AfterValidator(partial(_of_its_kind, "algorithms"))]
Metric = Annotated[str, AfterValidator(partial(_of_its_kind, "metrics"))]


def with_metric(content: Any, info: ValidationInfo) -> Any:
    """A section's ``metric``, where none is given: the first of the kind."""
    whole: Whole | None = info.context
    if isinstance(content, dict) and "metric" not in content and whole and whole.kind:
        return {**content, "metric": TRAITS[whole.kind].metrics[0]}
    return content
