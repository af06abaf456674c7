"""The use-case model: what ``use_cases/<name>/use_case.yaml`` may say, read and checked as a whole."""

from datetime import date
from pathlib import Path
from typing import Annotated, get_args

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from updraft.core.errors import UpdraftError
from updraft.core.interval import SNAPSHOT, Unit
from updraft.core.kinds import Kind, Task
from updraft.core.mistakes import Document, mistake, suggest
from updraft.core.sections import Alerts, Data, Demo, Drift, Gate, Model, Schedule, Serving, Spark, Strict, Whole
from updraft.core.settings import settings
from updraft.core.sql import sql_mistakes


class UseCase(Strict):
    """One use case. Its name is its folder's name, its registered model's and its tables'."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    folder: Path
    title: str = Field(description="What people call it; the DAGs' names begin with it.")
    description: str = Field(description="Which question the model answers, when it is asked, and with what.")
    owner: str = Field(description="Who answers for it; the DAGs' owner.")
    tags: list[Annotated[str, Field(max_length=100)]] = Field([], description="More tags for its DAGs.")
    kind: Kind = Field(description="What its models answer.")
    schedule: Schedule | None = None
    spark: Spark
    data: Data
    model: Model
    gate: Gate
    drift: Drift = Drift()
    serving: Serving = Serving()
    alerts: Alerts = Alerts()
    demo: Demo | None = None

    @field_validator("gate")
    @classmethod
    def _value_needs_costs(cls, gate: Gate, info: ValidationInfo) -> Gate:
        model: Model | None = info.data.get("model")  # Absent if it is wrong itself.
        if model and model.costs is None and "value" in (model.metric, gate.metric, *gate.floors):
            raise ValueError("the metric value needs model.costs: say there what each decision is worth")
        return gate

    @property
    def task(self) -> Task:
        """What its models learn."""
        return Task(self.kind, tuple(self.data.target.classes) if self.data.target else ())

    @property
    def unit(self) -> Unit | None:
        """How much time a partition covers; None for a snapshot, which has no time."""
        return self.schedule.partition if self.schedule else None

    @property
    def first_partition(self) -> date:
        """The partition of rows whose event time says nothing; a snapshot's only one."""
        return self.schedule.start if self.schedule else SNAPSHOT

    @property
    def features_sql(self) -> str:
        return (self.folder / "features.sql").read_text()


def use_case_names() -> list[str]:
    """The folders of use cases, in order of name."""
    return sorted({p.parent.name for p in settings().use_cases.glob("*/use_case.y*ml")})


def sound_use_cases() -> list[UseCase]:
    """The use cases without a mistake, in order of name: those of the others must not stop them."""
    return [found for found in _all().values() if isinstance(found, UseCase)]


def broken_use_cases() -> dict[str, str]:
    """The mistakes of the other use cases, by name."""
    return {name: str(found) for name, found in _all().items() if isinstance(found, UpdraftError)}


def _all() -> dict[str, UseCase | UpdraftError]:
    found: dict[str, UseCase | UpdraftError] = {}
    for name in use_case_names():
        try:
            found[name] = load_use_case(name)
        except UpdraftError as error:
            found[name] = error
        except Exception as error:  # noqa: BLE001  # A mistake that nobody has thought of must not take the others down.
            found[name] = UpdraftError(f"{settings().use_cases / name}: {type(error).__name__}: {error}")
    return found


def load_use_case(name: str) -> UseCase:
    """Read and check one use case.

    Raises:
        UpdraftError: there is no such use case, or its files are wrong; the text lists every mistake with its line.
    """
    folder = settings().use_cases / name
    file = folder / "use_case.yaml"
    if not file.exists():
        if folder.is_dir():
            raise UpdraftError(f"{file}: not found, expected by that name in the folder of a use case.")
        known = use_case_names()
        raise UpdraftError(f"use case {name!r}: not found{suggest(name, known)} Known: {', '.join(known) or 'none'}.")
    document = Document.read(file)
    wrong = [*document.repeated(), *sql_mistakes(folder, document)]
    try:
        kind = document.content.get("kind")
        unit = document.text("schedule", "partition") or ("day" if "schedule" in document.content else None)
        whole = Whole(
            kind if kind in get_args(Kind) else None,
            "schedule" not in document.content,
            unit if unit in get_args(Unit) else None,  # type: ignore[arg-type]  # mypy does not see that it is one
        )
        use_case = UseCase.model_validate({**document.content, "name": name, "folder": folder}, context=whole)
    except ValidationError as error:
        wrong += [mistake(found, document, UseCase) for found in error.errors()]
    if wrong:
        listed = "\n".join(f"  {one}" for one in sorted(wrong))
        raise UpdraftError(f"{file}: {len(wrong)} mistake{'s' * (len(wrong) > 1)}.\n{listed}")
    return use_case
