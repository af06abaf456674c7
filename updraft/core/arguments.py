"""The arguments of the Spark jobs: one model for each job, and their parser."""

import argparse
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NoReturn, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)

from updraft.core.errors import UpdraftError
from updraft.core.interval import SNAPSHOT, Interval, has_value, parse_day, parse_interval
from updraft.core.ledger import NOBODY
from updraft.core.overrides import with_search, with_window
from updraft.core.use_case import UseCase, load_use_case


def _use_case(value: Any) -> Any:
    return load_use_case(value) if isinstance(value, str) else value


def _optional(value: Any) -> Any:
    """Return None for a missing value, which Airflow's templates render as text.

    Only for arguments whose absence is harmless: an empty ``--start`` must not mean other days.
    """
    return value if not isinstance(value, str) or has_value(value) else None


def _version(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    if not value.isdecimal():
        name = info.field_name
        raise UpdraftError(f"{name}: found {value!r}, expected the number of a version, such as 3")
    return int(value)


def _reason(value: Any) -> Any:
    value = _optional(value)
    if value is None:
        raise UpdraftError("reason: found none, expected why: the ledger keeps it")
    return value


OptionalText = Annotated[str | None, BeforeValidator(_optional)]
Version = Annotated[int, BeforeValidator(_version)]
Reason = Annotated[str, BeforeValidator(_reason)]


class JobArguments(BaseModel):
    """The arguments of every job."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    use_case: Annotated[UseCase, BeforeValidator(_use_case)] = Field(
        description="name of a folder in use_cases/"
    )
    report: str = Field(description="where the report goes, relative to UPDRAFT_ROOT")


class PartitionArguments(JobArguments):
    """The arguments of a job that processes the partitions of an interval."""

    start: str | None = Field(None, description="first day, e.g. 2013-01-01")
    end: OptionalText = Field(None, description="last day, included; without it, the start alone")

    @property
    def interval(self) -> Interval:
        """The partitions to process; for a snapshot its only one."""
        return _interval(self.use_case, self.start, self.end)

    @model_validator(mode="after")
    def _has_days(self) -> Self:
        _ = self.interval
        return self


class TrainingArguments(JobArguments):
    """The arguments of a job that trains on the newest partitions."""

    end: OptionalText = Field(
        None, description="last day of what is known; without it, the present moment"
    )
    search: str | None = Field(
        None,
        description='another search for this run, e.g. {"trials": 8}: keys of model.search, '
        "and algorithms",
    )

    @property
    def until(self) -> str | None:
        """The last day to read; None for the newest."""
        return _until(self.end)

    @model_validator(mode="before")
    @classmethod
    def _with_search(cls, values: dict[str, Any]) -> dict[str, Any]:
        search = values.get("search")
        if search is None:
            return values
        return {**values, "use_case": with_search(_use_case(values["use_case"]), search)}

    @model_validator(mode="after")
    def _has_last_day(self) -> Self:
        _ = self.until
        return self


class MonitoringArguments(JobArguments):
    """The arguments of a job that compares the newest partitions with what the champion knows."""

    window: str | None = Field(None, description="another drift.window, in partitions")
    start: OptionalText = Field(
        None, description="first day of a history of past days; without it, the newest day alone"
    )
    end: OptionalText = Field(None, description="last day of that history, included")

    @property
    def replayed(self) -> Interval | None:
        """The past days to look at, each as if it were the newest; None for the newest day."""
        if self.start is None:
            return None
        return _interval(self.use_case, self.start, self.end)

    @model_validator(mode="before")
    @classmethod
    def _with_window(cls, values: dict[str, Any]) -> dict[str, Any]:
        window = values.get("window")
        if window is None:
            return values
        return {**values, "use_case": with_window(_use_case(values["use_case"]), window)}

    @model_validator(mode="after")
    def _has_days(self) -> Self:
        if self.start is None and self.end is not None:
            raise UpdraftError(f"end: found {self.end} without a first day, expected start, too")
        _ = self.replayed
        return self


class DecideArguments(MonitoringArguments):
    """The arguments of the job that decides what follows from monitoring."""

    trainings: str | None = Field(None, description="how many trainings are queued or running")


class RollbackArguments(JobArguments):
    """The arguments of a rollback."""

    to: Version = Field(description=f"the version to return to; {NOBODY}: no champion")
    reason: Reason = Field(description="why, for the ledger")
    by: OptionalText = Field(None, description="who asks for it, for the ledger")


class ReleaseArguments(JobArguments):
    """The arguments of a release of promotions that a rollback holds, or of a barred file."""

    reason: Reason = Field(description="why, for the ledger")
    by: OptionalText = Field(None, description="who asks for it, for the ledger")
    version: Version | None = Field(
        None, description="readmit the barred file of this version, and release nothing else"
    )


class RebuildArguments(JobArguments):
    """The arguments of a job that writes a complete table anew."""

    table: Literal["clean", "features"] = Field(description="clean, with quarantine; or features")


class ScoreArguments(JobArguments):
    """The arguments of a job that scores partitions, by default the newest."""

    start: str | None = Field(
        None,
        description="first day, e.g. 2013-01-01; without it, the newest partitions",
    )
    end: OptionalText = Field(
        None,
        description="last day, included; without it, the start alone, or the newest partitions",
    )

    @property
    def newest(self) -> bool:
        """Whether to score the newest partitions instead of an interval."""
        return self.start is None

    @property
    def until(self) -> str | None:
        """The last day of the newest partitions; None for all there are."""
        return _until(self.end)

    @property
    def interval(self) -> Interval:
        """The partitions to score, unless the newest are meant; for a snapshot its only one."""
        return _interval(self.use_case, self.start, self.end)

    @model_validator(mode="after")
    def _has_days(self) -> Self:
        _ = self.until if self.newest else self.interval
        return self


class UsageError(UpdraftError):
    """The words of a command line are not the arguments of its job."""


class _Parser(argparse.ArgumentParser):
    """A parser that raises its errors, so that a DAG can report them."""

    def error(self, message: str) -> NoReturn:
        options = ", ".join(name for action in self._actions for name in action.option_strings)
        raise UsageError(f"{message}. The arguments of this job are {options}.")


ARGUMENTS: dict[str, type[JobArguments]] = {
    "ingest": PartitionArguments,
    "validate": PartitionArguments,
    "features": PartitionArguments,
    "search_and_fit": TrainingArguments,
    "evaluate": JobArguments,
    "gate": JobArguments,
    "promote": JobArguments,
    "score": ScoreArguments,
    "drift": MonitoringArguments,
    "decay": MonitoringArguments,
    "diagnose": MonitoringArguments,
    "decide": DecideArguments,
    "rollback": RollbackArguments,
    "release": ReleaseArguments,
    "rebuild": RebuildArguments,
}

ArgumentsT = TypeVar("ArgumentsT", bound=JobArguments)


def parse_arguments(
    arguments_type: type[ArgumentsT],
    argv: Sequence[str] | None = None,
    description: str | None = None,
) -> ArgumentsT:
    """Parse and check the arguments of a job. A DAG does so before it submits the job.

    Args:
        arguments_type: The model of the job's arguments.
        argv: The command line without the program; by default that of this process.
        description: What the job does, for ``--help``.

    Raises:
        UsageError: An argument is missing or unknown.
        UpdraftError: The use case or a value is wrong.
        SystemExit: After ``--help``.
    """
    return arguments_type.model_validate(split_arguments(arguments_type, argv, description))


def split_arguments(
    arguments_type: type[JobArguments],
    argv: Sequence[str] | None = None,
    description: str | None = None,
) -> dict[str, str]:
    """Split a command line into the values of its arguments, without a check of the values.

    Raises:
        UsageError: An argument is missing or unknown.
        SystemExit: After ``--help``.
    """
    parser = _Parser(description=description, allow_abbrev=False)
    for name, field in arguments_type.model_fields.items():
        option = "--" + name.replace("_", "-")
        text = (field.description or "").replace("%", "%%")
        if field.is_required():
            parser.add_argument(option, help=text, required=True)
        else:
            parser.add_argument(option, help=text, default=argparse.SUPPRESS)
    return vars(parser.parse_args(argv))


def _interval(use_case: UseCase, start: str | None, end: str | None) -> Interval:
    if use_case.unit is None:
        return Interval(SNAPSHOT, SNAPSHOT)
    return parse_interval(start, end, use_case.unit)


def _until(end: str | None) -> str | None:
    return None if end is None else str(parse_day(end, "end"))
