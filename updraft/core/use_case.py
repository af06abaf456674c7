"""The use-case model: ``use_cases/<name>/use_case.yaml``, read and checked completely."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from updraft.core.errors import UpdraftError
from updraft.core.interval import SNAPSHOT, Unit
from updraft.core.kinds import Kind, Task
from updraft.core.mistakes import Document, invalid, mistake, suggest
from updraft.core.schema import ITEM, USER
from updraft.core.sections import (
    Alerts,
    Context,
    Data,
    Decay,
    Drift,
    Gate,
    Model,
    Retraining,
    Schedule,
    Serving,
    Spark,
    Strict,
)
from updraft.core.sections.gate import DAY, FEWEST_PARTITIONS, PARTITION, ROW
from updraft.core.settings import settings
from updraft.core.sql import sql_mistakes

WIDE = 200  # Columns.


class UseCase(Strict):
    """One use case. Its name is that of its folder, its registered model and its tables."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    folder: Path
    title: str = Field(description="What people call it; the DAGs' names begin with it.")
    description: str = Field(
        description="Which question the model answers, when it is asked, and with what."
    )
    owner: str = Field(description="Who is responsible for it; the DAGs' owner.")
    tags: list[Annotated[str, Field(max_length=100)]] = Field(
        [], description="More tags for its DAGs."
    )
    kind: Kind = Field(description="What its models predict.")
    schedule: Schedule | None = None
    spark: Spark
    data: Data
    model: Model
    gate: Gate
    drift: Drift = Drift()
    decay: Decay = Decay()
    retraining: Retraining = Retraining()
    serving: Serving = Serving()
    alerts: Alerts = Alerts()

    @field_validator("gate")
    @classmethod
    def _has_costs_for_value(cls, gate: Gate, info: ValidationInfo) -> Gate:
        model: Model | None = info.data.get("model")  # Missing if it failed validation.
        if model and model.costs is None and "value" in (model.metric, gate.metric, *gate.floors):
            raise ValueError(
                "the metric value needs model.costs: say there what each decision is worth"
            )
        return gate

    @field_validator("gate")
    @classmethod
    def _has_units(cls, gate: Gate, info: ValidationInfo) -> Gate:
        """Refuse a unit that the rows do not have, or of which a holdout has too few."""
        model: Model | None = info.data.get("model")
        data: Data | None = info.data.get("data")
        is_by_partition = gate.unit == PARTITION or (
            gate.unit is None
            and info.data.get("schedule") is not None
            and info.data.get("kind") != "recommendation"
        )
        if is_by_partition and model and model.holdout < FEWEST_PARTITIONS:
            raise ValueError(
                f"unit: with model.holdout {model.holdout} a gain rests on as many partitions, "
                f"expected at least {FEWEST_PARTITIONS}. Widen model.holdout, or say on what rows "
                f"depend instead: {DAY}, {ROW}, or a column such as the customer"
            )
        if data is None or gate.unit in (None, PARTITION, DAY, ROW, USER, ITEM):
            return gate
        if gate.unit not in data.columns:
            raise ValueError(
                f"unit: {gate.unit!r} is not {PARTITION}, {DAY}, {ROW} or a column"
                f"{suggest(gate.unit, data.columns)}"
            )
        if data.history:
            raise ValueError(
                f"unit: {gate.unit!r} is a column, but with data.history rows of features are no "
                f"rows of the data; expected {PARTITION}, {DAY} or {ROW}"
            )
        return gate

    @property
    def unit_of_gain(self) -> str:
        """Which rows count as one in the gate: those of a partition, day, row, or column's value.

        See ``gate.unit``.
        """
        if self.gate.unit:
            return self.gate.unit
        if self.kind == "recommendation":
            return USER
        return PARTITION if self.schedule else ROW

    @property
    def task(self) -> Task:
        """What its models predict."""
        classes = self.data.target.classes if self.data.target else []
        return Task(self.kind, tuple(classes))

    @property
    def unit(self) -> Unit | None:
        """How much time a partition covers; None for a snapshot, which has no time."""
        return self.schedule.partition if self.schedule else None

    @property
    def first_partition(self) -> date:
        """The first partition; for a snapshot its only one."""
        return self.schedule.start if self.schedule else SNAPSHOT

    @property
    def is_wide(self) -> bool:
        """Whether its raw rows have so many columns that Spark needs other settings."""
        return len(self.data.columns) > WIDE

    @property
    def features_sql(self) -> str:
        """The query that computes the features from the clean rows."""
        return (self.folder / "features.sql").read_text()


def use_case_names() -> list[str]:
    """Return the names of all folders of use cases, sorted."""
    return sorted({file.parent.name for file in settings().use_cases.glob("*/use_case.y*ml")})


def valid_use_cases() -> list[UseCase]:
    """Return the use cases without a mistake, sorted by name. The others don't affect them."""
    return [use_case for use_case in _load_all().values() if isinstance(use_case, UseCase)]


def broken_use_cases() -> dict[str, str]:
    """Return the mistakes of the other use cases, by name."""
    return {
        name: str(error) for name, error in _load_all().items() if isinstance(error, UpdraftError)
    }


def load_use_case(name: str) -> UseCase:
    """Read and check one use case.

    Raises:
        UpdraftError: There is no such use case, or its files are wrong. The text lists every
            mistake with its line.
    """
    folder = settings().use_cases / name
    file = folder / "use_case.yaml"
    if not file.exists():
        raise _not_found(name, folder)
    document = Document.read(file)
    mistakes = [*document.repeated(), *sql_mistakes(folder, document)]
    content = {**document.content, "name": name, "folder": folder}
    use_case = None
    try:
        use_case = UseCase.model_validate(content, context=_context(document))
    except ValidationError as error:
        mistakes += [mistake(details, document, UseCase) for details in error.errors()]
    if use_case is None or mistakes:
        raise invalid(file, mistakes)
    return use_case


def _load_all() -> dict[str, UseCase | UpdraftError]:
    results: dict[str, UseCase | UpdraftError] = {}
    for name in use_case_names():
        try:
            results[name] = load_use_case(name)
        except UpdraftError as error:
            results[name] = error
        except Exception as error:  # noqa: BLE001  # An unforeseen mistake must not stop the others.
            folder = settings().use_cases / name
            results[name] = UpdraftError(f"{folder}: {type(error).__name__}: {error}")
    return results


def _context(document: Document) -> Context:
    """Return what sections must know about the others, which may be wrong themselves."""
    is_snapshot = "schedule" not in document.content
    unit = None if is_snapshot else document.text("schedule", "partition") or "day"
    return Context(
        kind=_one_of(Kind, document.content.get("kind")),
        is_snapshot=is_snapshot,
        unit=_one_of(Unit, unit),
    )


def _one_of(literal: Any, value: Any) -> Any:
    """Return the value if it is one of a ``Literal``'s, else None."""
    return value if value in get_args(literal) else None


def _not_found(name: str, folder: Path) -> UpdraftError:
    if folder.is_dir():
        file = folder / "use_case.yaml"
        return UpdraftError(
            f"{file}: not found, expected by that name in the folder of a use case."
        )
    names = use_case_names()
    hint = suggest(name, names) or "."
    return UpdraftError(f"use case {name!r}: not found{hint} Known: {', '.join(names) or 'none'}.")
