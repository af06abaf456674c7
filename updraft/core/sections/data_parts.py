"""The sections inside ``data``: ``target``, ``lookups`` and ``catalog``."""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from updraft.core import schema
from updraft.core.file_names import EXPECTED, file_kind
from updraft.core.mistakes import suggest
from updraft.core.sections.base import Strict, context_of
from updraft.core.sections.file_format import FileFormat

DURATION = r"^([1-9][0-9]{0,4}) (hour|day)s?$"
ColumnType = Literal["string", "int", "bigint", "double", "boolean", "date", "timestamp"]
VIEWS = {"clean": "the clean rows", "days": "the days to build"}  # That features.sql reads.
TABLES = {
    schema.BRONZE,
    schema.CLEAN,
    schema.QUARANTINE,
    schema.UNPLACED,
    schema.FEATURES,
    schema.SPLITS,
    schema.PREDICTIONS,
    schema.RECOMMENDATIONS,
}


def check_names(columns: Iterable[str], reserved: Collection[str]) -> None:
    """Refuse names of columns that Updraft uses itself, or that Spark does not tell apart.

    Raises:
        ValueError: names them.
    """
    taken = sorted(
        name for name in columns if name.lower() in reserved or name.startswith(schema.INTERNAL)
    )
    if taken:
        raise ValueError(
            f"{taken} are names of Updraft's own columns, as are all that begin with "
            f"{schema.INTERNAL}; name them otherwise, with rename if a file has them"
        )
    check_case(columns)


def check_case(names: Iterable[str]) -> None:
    """Refuse names that Spark does not tell apart.

    Raises:
        ValueError: names them.
    """
    counts = Counter(name.lower() for name in names)
    repeated = sorted(name for name, count in counts.items() if count > 1)
    if repeated:
        raise ValueError(
            f"{repeated} differ only in upper and lower case, which Spark does not distinguish"
        )


def leads_to_columns(rename: dict[str, str], info: ValidationInfo) -> dict[str, str]:
    """Check a key ``rename`` against the ``columns`` of its section."""
    columns = info.data.get("columns")  # Missing if they failed validation.
    if columns is None:
        return rename
    mistakes = [
        f"{name!r} is not among the columns{suggest(name, columns)}"
        for name in rename.values()
        if name not in columns
    ]
    mistakes += [f"{name!r} is a column itself" for name in rename if name in columns]
    if mistakes:
        raise ValueError("; ".join(mistakes))
    return rename


class Lookup(Strict):
    """A small table that features.sql may join, in a file that is read as raw files are."""

    file: str = Field(description="Its file, relative to the folder of the raw files.")
    columns: dict[str, ColumnType] = Field(min_length=1, description="Every column.")
    rename: dict[str, str] = Field(
        {}, description="From a name in the file to the column that it is here."
    )
    null_values: list[str] | None = Field(
        None, description="Texts that mean: no value; by default those of the raw files."
    )
    format: FileFormat | None = Field(
        None, description="How the file is read; by default as the raw files are."
    )

    @field_validator("columns")
    @classmethod
    def _have_names_of_their_own(cls, columns: dict[str, ColumnType]) -> dict[str, ColumnType]:
        check_names(columns, schema.SOURCE_COLUMNS)
        return columns

    @field_validator("file")
    @classmethod
    def _is_of_a_known_format(cls, file: str) -> str:
        if file_kind(file) is None:
            raise ValueError(f"{file}: expected a name that ends in one of {EXPECTED}")
        return file

    @field_validator("rename")
    @classmethod
    def _leads_to_columns(cls, rename: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        return leads_to_columns(rename, info)


def _is_not_a_view(name: str) -> str:
    view = VIEWS.get(name.lower())
    if view is not None:
        raise ValueError(f"is what features.sql calls {view}; name the lookup otherwise")
    return name


def _differ(lookups: dict[str, Lookup]) -> dict[str, Lookup]:
    check_case(lookups)
    return lookups


LookupName = Annotated[
    str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"), AfterValidator(_is_not_a_view)
]
Lookups = Annotated[dict[LookupName, Lookup], AfterValidator(_differ)]


def _duration(value: Any) -> timedelta:
    """Parse a duration such as ``14 days``; months and years differ in length."""
    if isinstance(value, timedelta):
        return value
    match = re.match(DURATION, value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("expected a number of days or hours, such as 14 days or 36 hours")
    number, unit = match.groups()
    return timedelta(**{f"{unit}s": int(number)})


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": DURATION}),
]


class Target(Strict):
    """The label.

    It is known only later, so it is computed from the clean rows, apart from the features.
    """

    name: str = Field(description="What people call it.")
    sql: str = Field(description="Spark SQL over the clean columns; null where a row has no label.")
    description: str = Field(description="What is predicted, as the end of a sentence.")
    classes: list[str] = Field(
        [],
        description="For kind multiclass: the values of the SQL, as text; "
        "a row with any other value has no label.",
    )
    matures: Duration | None = Field(
        None,
        description="How long after the end of a partition all its labels are known, such as "
        "14 days; by default they arrive with the rows.",
    )

    @field_validator("matures")
    @classmethod
    def _has_a_time(cls, matures: timedelta | None, info: ValidationInfo) -> timedelta | None:
        context = context_of(info)
        if matures is not None and context and context.is_snapshot:
            raise ValueError("a snapshot has no time; leave it out, or add a schedule")
        return matures

    @field_validator("classes")
    @classmethod
    def _are_different(cls, classes: list[str]) -> list[str]:
        if len(set(classes)) < len(classes) or len(classes) == 1:
            raise ValueError("expected two classes or more, each once")
        return classes


class Catalog(Strict):
    """A name by which Spark SQL finds the features, as a Delta table with properties."""

    table: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="Its name in Spark's catalog.")
    properties: dict[str, str] = Field({}, description="The table's properties, such as its layer.")

    @field_validator("table")
    @classmethod
    def _is_not_a_table(cls, table: str) -> str:
        if table in TABLES or table in VIEWS:
            raise ValueError("is the name of a table that Updraft writes itself; name it otherwise")
        return table
