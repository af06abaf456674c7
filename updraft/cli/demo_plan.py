"""What a demo shows: ``use_cases/<name>/demo.yaml``, read and checked."""

from datetime import date

from pydantic import Field, ValidationError, model_validator

from updraft.core.errors import UpdraftError
from updraft.core.mistakes import Document, invalid, mistake
from updraft.core.sections import Strict
from updraft.core.use_case import UseCase


class Days(Strict):
    """Days from start to end, both included."""

    start: date = Field(description="First day.")
    end: date = Field(description="Last day.")

    @model_validator(mode="after")
    def _is_in_order(self) -> "Days":
        if self.end < self.start:
            raise ValueError(
                f"expected an end on or after the start, found {self.start} to {self.end}"
            )
        return self

    def __str__(self) -> str:
        return f"{self.start} to {self.end}"


class DemoPlan(Strict):
    """A range in one run, a daily backfill, and later days that have drifted."""

    range: Days
    backfill: Days
    later: Days


def load_demo_plan(use_case: UseCase) -> DemoPlan:
    """Read and check the demo of a use case.

    Raises:
        UpdraftError: it has none, or the file is wrong; the text lists every mistake with its line.
    """
    file = use_case.folder / "demo.yaml"
    if not file.exists():
        raise UpdraftError(f"{use_case.folder}: has no demo.yaml, so there is nothing to show.")
    document = Document.read(file)
    mistakes = document.repeated()
    try:
        plan = DemoPlan.model_validate(document.content)
    except ValidationError as errors:
        mistakes += [mistake(error, document, DemoPlan) for error in errors.errors()]
    if mistakes:
        raise invalid(file, mistakes)
    return plan
