"""The section ``data``: raw files, columns, event time, key, label, and further outputs."""

from collections.abc import Collection
from typing import Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from updraft.core import schema
from updraft.core.file_names import EXPECTED, file_kind
from updraft.core.mistakes import suggest
from updraft.core.sections.base import Share, Strict, context_of
from updraft.core.sections.data_parts import (
    Catalog,
    ColumnType,
    Lookups,
    Target,
    check_names,
    leads_to_columns,
)
from updraft.core.sections.file_format import FileFormat
from updraft.core.sql import identifiers

DAY = "{day}"  # In the name of a file, where its day stands.
RESERVED = {
    schema.ROW_ID,
    schema.EVENT_TIME,
    schema.EVENT_DATE,
    schema.LABEL,
    schema.SPLIT,
    schema.REASONS,
    *schema.SOURCE_COLUMNS,
}


class Data(Strict):
    """The raw rows: where they are, what they look like, when each happened, what identifies it."""

    input: str = Field(
        description="Folder of the raw files, relative to UPDRAFT_ROOT, or a URI; "
        "UPDRAFT_SOURCES__<NAME> replaces it."
    )
    files: list[str] = Field(
        min_length=1,
        description="The name of a day's raw file, with {day} for the day; "
        "or patterns such as *.csv, of files with rows of any time.",
    )
    format: FileFormat = Field(FileFormat(), description="How CSV and JSON files are read.")
    columns: dict[str, ColumnType] = Field(min_length=1, description="Every column.")
    rename: dict[str, str] = Field(
        {}, description="From a name in the files to the column that it is here."
    )
    optional: list[str] = Field([], description="Columns that a file may lack.")
    null_values: list[str] = Field([""], description="Raw texts that mean: no value.")
    event_time: str | None = Field(
        None,
        description="Spark SQL over the columns, a timestamp; null where it cannot be read.",
    )
    key: list[str] = Field(
        min_length=1, description="Columns that, with event_time, identify a row."
    )
    order: str | None = Field(
        None,
        description="A column by which, among rows of one key, the newest is told; "
        "by default the last file's last row.",
    )
    known_after: list[str] = Field(
        [], description="Columns not yet known at prediction time; features.sql sees none of them."
    )
    target: Target | None = Field(None, description="The label; kind clustering has none.")
    lookups: Lookups = Field(
        {},
        description="Small tables next to the raw files, by the name that features.sql uses.",
    )
    history: int = Field(
        0,
        ge=0,
        description="Days before a partition whose clean rows features.sql also sees.",
    )
    output: str | None = Field(
        None, description="Folder or URI where the features are also written, as Parquet."
    )
    catalog: Catalog | None = None
    max_quarantine: Share = Field(
        0.1, description="A partition with a larger share of failing rows is refused."
    )

    @property
    def dated(self) -> bool:
        """Whether the name of a file says which partition it is; otherwise its rows do."""
        return DAY in self.files[0]

    # One validator for each key, so that all mistakes are reported at once, each at its own line.
    @field_validator("files", mode="before")
    @classmethod
    def _one_or_several(cls, files: Any) -> Any:
        return [files] if isinstance(files, str) else files

    @field_validator("files")
    @classmethod
    def _are_file_names(cls, files: list[str]) -> list[str]:
        for name in files:
            if "/" in name:
                raise ValueError(
                    f"{name}: expected a name without folders; data.input names the folder"
                )
            if file_kind(name) is None:
                raise ValueError(f"{name}: expected a name that ends in one of {EXPECTED}")
            has_other_braces = bool(set(name.replace(DAY, "")) & set("{}"))
            if name.count(DAY) > 1 or has_other_braces:
                raise ValueError(
                    f"{name}: expected a name with {DAY} in it once, and no other braces"
                )
        if len(files) > 1 and any(DAY in name for name in files):
            raise ValueError(f"expected one name with {DAY}, or patterns without")
        return files

    @field_validator("columns")
    @classmethod
    def _are_not_reserved(cls, columns: dict[str, ColumnType]) -> dict[str, ColumnType]:
        check_names(columns, RESERVED)
        return columns

    @field_validator("rename")
    @classmethod
    def _leads_to_columns(cls, rename: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        return leads_to_columns(rename, info)

    @field_validator("order")
    @classmethod
    def _is_a_column(cls, name: str | None, info: ValidationInfo) -> str | None:
        columns = info.data.get("columns")
        if name is not None and columns is not None and name not in columns:
            raise ValueError(f"{name!r} is not among the columns{suggest(name, columns)}")
        return name

    @field_validator("event_time")
    @classmethod
    def _is_not_for_snapshots(cls, sql: str | None, info: ValidationInfo) -> str | None:
        context = context_of(info)
        if context and context.is_snapshot and sql is not None:
            raise ValueError(
                "a use case without schedule is one snapshot and has no time; "
                "leave it out, or add a schedule"
            )
        return sql

    @field_validator("optional", "key", "known_after")
    @classmethod
    def _are_columns(cls, names: list[str], info: ValidationInfo) -> list[str]:
        columns = info.data.get("columns", names)  # Missing if they failed validation.
        mistakes = [
            f"{name!r} is not among the columns{suggest(name, columns)}"
            for name in names
            if name not in columns
        ]
        if info.field_name == "known_after":
            mistakes += [
                f"{name!r} is known only after the prediction, but part of the key"
                for name in info.data.get("key", [])
                if name in names
            ]
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return names

    @model_validator(mode="after")
    def _fits_the_use_case(self, info: ValidationInfo) -> "Data":
        context = context_of(info)
        if context is None:
            return self
        if not context.is_snapshot and self.event_time is None:
            raise ValueError("event_time: missing; or leave schedule out, if the rows have no time")
        traits = context.traits
        has_target = traits is None or traits.has_target
        names_classes = traits is not None and traits.names_classes
        if has_target and self.target is None:
            raise ValueError("target: missing")
        if self.target and not has_target:
            raise ValueError(f"target: kind {context.kind} has none; leave it out")
        if self.target and bool(self.target.classes) != names_classes:
            raise ValueError("target.classes: expected for kind multiclass, and for no other")
        if context.unit not in ("day", "hour") and self.dated:
            raise ValueError(
                "files: {day} is for partitions of days and hours; "
                "list patterns such as *.csv instead"
            )
        if context.is_snapshot and self.history:
            raise ValueError("history: a snapshot has none; leave it out, or add a schedule")
        return self

    @model_validator(mode="after")
    def _does_not_leak(self) -> "Data":
        """Refuse a label that is known too early, and a time that is known too late.

        A label is known only after the prediction, so some column of target.sql must be, too. By
        the words of the SQL, so that a mistake is found early: jobs ask Spark what they mean.
        """
        if self.target and (leak := self.label_leak(self._words_in(self.target.sql))):
            raise ValueError(leak)
        if self.event_time and (leak := self.event_time_leak(self._words_in(self.event_time))):
            raise ValueError(leak)
        return self

    def label_leak(self, used: Collection[str]) -> str | None:
        """What is wrong with a label that is made of some columns, in lower case.

        None if it is known only after the prediction.
        """
        columns = self._declared(used)
        if columns & set(self.known_after):
            return None
        if not columns:
            return (
                "known_after: target.sql uses none of these columns, so the label would be known "
                "at prediction time. Expected one of them in it"
            )
        return (
            f"known_after: expected some of {sorted(columns)} among them: target.sql is made "
            "of these alone, so the label would be known at prediction time"
        )

    def event_time_leak(self, used: Collection[str]) -> str | None:
        """What is wrong with an event time that is made of some columns, in lower case."""
        too_late = self._declared(used) & set(self.known_after)
        return (
            f"event_time: found {sorted(too_late)}, which are in known_after" if too_late else None
        )

    def _declared(self, names: Collection[str]) -> set[str]:
        """The columns of some names: Spark does not distinguish upper and lower case."""
        return {name for name in self.columns if name.lower() in names}

    @staticmethod
    def _words_in(sql: str) -> set[str]:
        return {word.lower() for word in identifiers(sql)}
