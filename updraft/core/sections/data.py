"""The section ``data``: raw files, columns, event time, key, label, lookups, and where features also go."""

import codecs
from collections import Counter
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from updraft.core.mistakes import suggest
from updraft.core.sections.base import Share, Strict, Whole
from updraft.core.sql import identifiers

ColumnType = Literal["string", "int", "bigint", "double", "boolean", "date", "timestamp"]
VIEWS = {"clean": "the clean rows", "days": "the days to build"}
SUFFIXES = (".csv", ".json", ".jsonl", ".parquet")
RESERVED = {"row_id", "event_time", "event_date", "label", "split", "raw", "reasons", "corrupt_record", "source_file"}
TABLES = {"bronze", "clean", "quarantine", "features", "splits", "predictions", "recommendations"}


def _no_view_of_ours(name: str) -> str:
    if name in VIEWS:
        raise ValueError(f"is what features.sql calls {VIEWS[name]}; name the lookup otherwise")
    return name


LookupName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"), AfterValidator(_no_view_of_ours)]


class Lookup(Strict):
    """A small table that features.sql may join, read whole from the source folder (CSV with a header)."""

    file: str = Field(description="Its file, relative to the folder of the raw files.")
    columns: dict[str, ColumnType] = Field(description="Its columns.")


class Target(Strict):
    """The label: known only later, so it is computed from the clean rows, apart from the features."""

    name: str = Field(description="What people call it.")
    sql: str = Field(description="Spark SQL over the clean columns; null where a row has no label.")
    description: str = Field(description="What is predicted, as the end of a sentence.")
    classes: list[str] = Field([], description="kind multiclass: what the SQL gives, as text; a row of any other has no label.")

    @field_validator("classes")
    @classmethod
    def _different(cls, classes: list[str]) -> list[str]:
        if len(set(classes)) < len(classes) or len(classes) == 1:
            raise ValueError("expected two classes or more, each once")
        return classes


class Catalog(Strict):
    """A name by which Spark SQL finds the features, as a Delta table with properties."""

    table: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="Its name in Spark's catalog.")
    properties: dict[str, str] = Field({}, description="The table's properties, such as its layer.")

    @field_validator("table")
    @classmethod
    def _no_table_of_ours(cls, table: str) -> str:
        if table in {*TABLES, *VIEWS}:
            raise ValueError("is the name of a table that Updraft writes itself; name it otherwise")
        return table


class Data(Strict):
    """The raw rows: where they land, what they look like, when each happened, what identifies it."""

    input: str = Field(description="Folder of the raw files, relative to UPDRAFT_ROOT, or a URI; UPDRAFT_SOURCES__<NAME> wins.")
    files: list[str] = Field(
        min_length=1,
        description="A day's raw file, with {day} for the day; or patterns such as *.csv, of files with rows of any time.",
    )
    encoding: str = Field("UTF-8", description="Of CSV and JSON files.")
    columns: dict[str, ColumnType] = Field(min_length=1, description="Every column, in the file's order.")
    optional: list[str] = Field([], description="Columns that a file may lack.")
    null_values: list[str] = Field([""], description="Raw texts that mean: no value.")
    event_time: str | None = Field(None, description="Spark SQL over the columns, a timestamp; null where it cannot be read.")
    key: list[str] = Field(min_length=1, description="Columns that, with event_time, identify a row.")
    known_after: list[str] = Field([], description="Columns not yet known at prediction time; features.sql sees none.")
    target: Target | None = Field(None, description="The label; kind clustering has none.")
    lookups: dict[LookupName, Lookup] = Field(
        {}, description="Small tables beside the raw files, by the name that features.sql uses."
    )
    history: int = Field(0, ge=0, description="Days before a partition whose clean rows features.sql sees, too.")
    output: str | None = Field(None, description="Folder or URI where the features are also written, as Parquet.")
    catalog: Catalog | None = None
    max_quarantine: Share = Field(0.1, description="A partition with a larger share of failing rows is refused.")

    @property
    def dated(self) -> bool:
        """Whether a file's name says which partition it is; otherwise its rows do, by their event time."""
        return "{day}" in self.files[0]

    # One validator a key, so that its mistakes are told with its own line, and beside those of all other keys.
    @field_validator("files", mode="before")
    @classmethod
    def _one_or_several(cls, files: Any) -> Any:
        return [files] if isinstance(files, str) else files

    @field_validator("files")
    @classmethod
    def _patterns(cls, files: list[str]) -> list[str]:
        for name in files:
            if "/" in name:
                raise ValueError(f"{name}: expected a name without folders; data.input names the folder")
            if PurePosixPath(name).suffix not in SUFFIXES:
                raise ValueError(f"{name}: expected a name that ends in {', '.join(SUFFIXES)}")
            if name.count("{day}") > 1 or set(name.replace("{day}", "")) & set("{}"):
                raise ValueError(f"{name}: expected a name with {{day}} in it, and no other braces")
        if len(files) > 1 and any("{day}" in name for name in files):
            raise ValueError("expected one name with {day}, or patterns without")
        return files

    @field_validator("event_time")
    @classmethod
    def _nothing_happens_in_a_snapshot(cls, sql: str | None, info: ValidationInfo) -> str | None:
        whole: Whole | None = info.context
        if whole and whole.snapshot and sql is not None:
            raise ValueError("a use case without schedule is one snapshot and has no time; leave it out, or add a schedule")
        return sql

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self, info: ValidationInfo) -> "Data":
        whole: Whole | None = info.context
        if whole and not whole.snapshot and self.event_time is None:
            raise ValueError("event_time: missing; or leave schedule out, if the rows have no time")
        if whole and (self.target is None) != (whole.kind == "clustering"):
            raise ValueError("target: missing" if self.target is None else "target: kind clustering has none; leave it out")
        if whole and self.target and bool(self.target.classes) != (whole.kind == "multiclass"):
            raise ValueError("target.classes: expected for kind multiclass, and for no other")
        if whole and whole.unit not in ("day", "hour") and self.dated:
            raise ValueError("files: {day} is for partitions of days and hours; list patterns such as *.csv instead")
        if whole and whole.snapshot and self.history:
            raise ValueError("history: a snapshot has none; leave it out, or add a schedule")
        return self

    @model_validator(mode="after")
    def _nothing_leaks(self) -> "Data":
        """What the label is made of must not be seen by features.sql, nor decide when a row has happened."""
        later = set(self.known_after)
        if self.target and (seen := (identifiers(self.target.sql) & set(self.columns)) - later - set(self.key)):
            raise ValueError(f"known_after: expected {sorted(seen)} among them, because target.sql is made of them")
        if self.event_time and (early := identifiers(self.event_time) & later):
            raise ValueError(f"event_time: found {sorted(early)}, which are in known_after")
        return self

    @field_validator("encoding")
    @classmethod
    def _is_one(cls, encoding: str) -> str:
        try:
            codecs.lookup(encoding)
        except LookupError:
            raise ValueError("expected an encoding such as UTF-8 or ISO-8859-1") from None
        return encoding

    @field_validator("columns")
    @classmethod
    def _not_reserved(cls, columns: dict[str, ColumnType]) -> dict[str, ColumnType]:
        if reserved := {name.lower() for name in columns} & RESERVED:
            raise ValueError(f"{sorted(reserved)} are names of Updraft's own columns; name them otherwise")
        if alike := sorted(name for name, number in Counter(map(str.lower, columns)).items() if number > 1):
            raise ValueError(f"{alike} differ only in upper and lower case, which Spark does not tell apart")
        return columns

    @field_validator("optional", "key", "known_after")
    @classmethod
    def _are_columns(cls, names: list[str], info: ValidationInfo) -> list[str]:
        columns = info.data.get("columns", names)  # Absent if they are wrong themselves.
        unknown = [name for name in names if name not in columns]
        wrong = [f"{name!r} is not among the columns{suggest(name, columns)}" for name in unknown]
        if info.field_name == "known_after":
            wrong += [
                f"{name!r} is known only after the prediction, but part of the key"
                for name in info.data.get("key", [])
                if name in names
            ]
        if wrong:
            raise ValueError("; ".join(wrong))
        return names
