"""The use-case model: what ``use_cases/<name>/use_case.yaml`` may say. Strict, frozen, and every mistake is named."""

from datetime import date
from math import prod
from pathlib import Path
from typing import Annotated, Literal

from croniter import croniter
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from updraft.core.errors import UpdraftError
from updraft.core.mistakes import Document, mistake, suggest
from updraft.core.settings import settings
from updraft.core.sql import sql_mistakes

ColumnType = Literal["string", "int", "bigint", "double", "boolean", "date", "timestamp"]
RESERVED = {"row_id", "event_time", "event_date", "label", "raw", "reasons", "corrupt_record", "source_file"}
Family = Literal["logistic_regression", "random_forest", "gradient_boosted_trees", "lightgbm"]
Floored = Literal["auc", "f1", "accuracy", "precision", "recall"]  # Of these, more is better.
Share = Annotated[float, Field(ge=0, le=1)]
# What a search may range over: the values of a list, or the numbers between two bounds.
Choices = Annotated[list[str | bool | int | float], Field(min_length=1)]


class Strict(BaseModel):
    """A section: unknown keys are mistakes, and nothing changes it later."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Spark(Strict):
    """What the Spark jobs of this use case are called and need beyond the shared settings."""

    app_name: str = Field(description="What the jobs are called in Spark, each with its task's name behind it.")
    conf: dict[str, str] = Field({}, description="Spark's own settings, such as spark.driver.memory, over the shared ones.")


class Lookup(Strict):
    """A small table that features.sql may join, read whole from the source folder (CSV with a header)."""

    file: str = Field(description="Its file, relative to the folder of the raw files.")
    columns: dict[str, ColumnType] = Field(description="Its columns.")


class Target(Strict):
    """The label: known only later, so it is computed from the clean rows, apart from the features."""

    name: str = Field(description="What is predicted, in a word.")
    sql: str = Field(description="Spark SQL over the clean columns; null where a row has no label.")
    description: str = Field(description="When the label is true, in a sentence.")


class Data(Strict):
    """The raw rows: where they land, what they look like, when each happened, what identifies it."""

    input: str = Field(description="Folder of the raw files, relative to UPDRAFT_ROOT, or a URI.")
    files: str = Field(description="Name of a partition's raw file (CSV with a header), with {day} for its day.")
    columns: dict[str, ColumnType] = Field(min_length=1, description="Every column, in the file's order.")
    null_values: list[str] = Field([""], description="Raw texts that mean: no value.")
    event_time: str = Field(description="Spark SQL over the columns, a timestamp; null where it cannot be read.")
    key: list[str] = Field(min_length=1, description="Columns that, with event_time, identify a row.")
    known_after: list[str] = Field([], description="Columns not yet known at prediction time; features.sql sees none.")
    target: Target
    lookups: dict[str, Lookup] = Field({}, description="Tables that features.sql may join, by the names that it uses.")
    max_quarantine: Share = Field(0.1, description="A partition with a larger share of failing rows is refused.")

    # One validator a key, so that its mistakes are told with its own line, and beside those of all other keys.
    @field_validator("files")
    @classmethod
    def _one_file_a_day(cls, files: str) -> str:
        if "/" in files:
            raise ValueError("expected a name without folders; data.input names the folder")
        try:
            dated = files.format(day="2024-01-31")
        except (ValueError, LookupError):
            dated = files
        if dated == files or "2024-01-31" not in dated:
            raise ValueError("expected a name with {day} in it, and no other braces")
        return files

    @field_validator("columns")
    @classmethod
    def _not_reserved(cls, columns: dict[str, ColumnType]) -> dict[str, ColumnType]:
        if reserved := {name.lower() for name in columns} & RESERVED:
            raise ValueError(f"{sorted(reserved)} are names of Updraft's own columns; name them otherwise")
        return columns

    @field_validator("key", "known_after")
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


class Bounds(Strict):
    """A range of numbers to search, evenly or, with ``log``, evenly in orders of magnitude."""

    low: int | float = Field(description="Lowest value.")
    high: int | float = Field(description="Highest value, included.")
    log: bool = Field(False, description="Evenly in orders of magnitude.")


class Algorithm(Strict):
    """An algorithm's hyperparameters, by its library's own names: those that are fixed, and those that are searched."""

    fixed: dict[str, str | bool | int | float] = Field({}, description="Hyperparameters that every trial has.")
    search: dict[str, Choices | Bounds] = Field({}, description="Those that are searched: a list of values, or a range.")

    @property
    def combinations(self) -> int | None:
        """How many there are to try; None where a range gives no end of them."""
        lists = [values for values in self.search.values() if not isinstance(values, Bounds)]
        return prod(map(len, lists)) if len(lists) == len(self.search) else None

    @model_validator(mode="after")
    def _fixed_or_searched(self) -> "Algorithm":
        if both := sorted(set(self.fixed) & set(self.search)):
            raise ValueError(f"{both} are fixed and searched; keep one")
        return self


class Search(Strict):
    """How hyperparameters are searched. The same seed, parallelism and trials give the same trials and the same winner."""

    method: Literal["grid", "random", "tpe"] = Field("random", description="How the next trials are chosen.")
    trials: int = Field(4, ge=1, description="Trials of each algorithm that has something to search.")
    minutes: float | None = Field(None, gt=0, description="No batch of trials starts after these; the first one always does.")
    parallelism: int = Field(2, ge=1, description="Trials of a batch, which run at the same time; not taken from the machine.")
    pruning: bool = Field(True, description="Stop a trial after a fold in which it is below the median of those before it.")
    folds: int = Field(2, ge=1, description="Validation blocks, in time order, each as long as the holdout.")
    seed: int = Field(0, description="Of the search and of the algorithms.")


class Model(Strict):
    """How challengers come about: on which partitions, by which algorithms, judged by what."""

    window: int = Field(ge=2, description="Partitions to train and tune on, the newest before the holdout.")
    holdout: int = Field(ge=1, description="Newest labelled partitions, kept for the evaluation alone.")
    min_rows: int = Field(100, ge=2, description="Fewest labelled rows that any model of the search may learn from.")
    metric: Literal["auc", "log_loss"] = Field("auc", description="By which the search chooses the best trial.")
    algorithms: dict[Family, Algorithm] = Field(min_length=1, description="Those that are tried.")
    search: Search = Search()

    @model_validator(mode="after")
    def _grids_are_finite(self) -> "Model":
        if self.search.method != "grid":
            return self
        ranges = [name for one in self.algorithms.values() for name, values in one.search.items() if isinstance(values, Bounds)]
        if ranges:
            raise ValueError(f"search.method: grid needs lists of values, but {sorted(ranges)} are ranges; use random or tpe")
        for name, one in self.algorithms.items():
            if (size := one.combinations or 1) > self.search.trials:
                raise ValueError(
                    f"search.trials: found {self.search.trials}, but the grid of {name} has {size} combinations; "
                    "raise trials, shorten its lists, or use random or tpe"
                )
        return self


class Gate(Strict):
    """What a challenger must show on the holdout before it becomes champion."""

    metric: Literal["auc"] = Field("auc", description="In which challenger and champion are compared.")
    rule: Literal["better", "not_worse"] = Field(
        "better", description="What the challenger must be, compared with the champion."
    )
    margin: float = Field(0.0, ge=0, description="better: the least gain. not_worse: the largest loss that is borne.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of the interval of the difference in the metric.")
    floors: dict[Floored, float] = Field(min_length=1, description="Lowest holdout metrics that any champion must reach.")
    min_rows: int = Field(500, ge=1, description="Fewest labelled holdout rows on which a decision may rest.")


class Drift(Strict):
    """When the newest rows count as drifted from those that the champion has learnt from."""

    window: int = Field(7, ge=1, description="Newest partitions that are compared.")
    psi: float = Field(0.25, gt=0, description="Population stability index from which a column counts as drifted.")
    min_columns: int = Field(1, ge=1, description="Drifted columns from which the use case counts as drifted.")


class Schedule(Strict):
    """When partitions become due."""

    cron: str = Field("@daily", description="When a partition's interval ends, UTC.")
    start: date = Field(description="First day that the DAG knows of.")

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, cron: str) -> str:
        if not croniter.is_valid(cron):
            raise ValueError("expected a cron expression such as '0 6 * * *' or @daily")
        return cron


class Alerts(Strict):
    """Who is told when a task has finally failed. By default nobody, so that nothing tries to mail where nobody asked."""

    email: list[Annotated[str, Field(pattern=r"^[^@\s,;<>{}]+@[^@\s,;<>{}]+$")]] = Field(
        [], description="Addresses, told by smtp_default."
    )


class Days(Strict):
    """Days from start to end, both included."""

    start: date = Field(description="First day.")
    end: date = Field(description="Last day.")

    def __str__(self) -> str:
        return f"{self.start} to {self.end}"


class Demo(Strict):
    """What `updraft demo` shows: a range in one run, a daily backfill, and later days that have drifted."""

    range: Days
    backfill: Days
    later: Days


class UseCase(Strict):
    """One use case. Its name is its folder's name, its registered model's and its tables'."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    folder: Path
    title: str = Field(description="What people call it; the DAGs' names begin with it.")
    description: str = Field(description="Which question the model answers, when it is asked, and with what.")
    owner: str = Field(description="Who answers for it; the DAGs' owner.")
    tags: list[str] = Field([], description="More tags for its DAGs.")
    kind: Literal["binary"] = Field(description="What the label is; binary: yes or no.")
    schedule: Schedule
    spark: Spark
    data: Data
    model: Model
    gate: Gate
    drift: Drift = Drift()
    alerts: Alerts = Alerts()
    demo: Demo | None = None

    @property
    def features_sql(self) -> str:
        return (self.folder / "features.sql").read_text()


def use_case_names() -> list[str]:
    """The folders of use cases, in order of name."""
    return sorted(p.parent.name for p in settings().use_cases.glob("*/use_case.yaml"))


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
    return found


def load_use_case(name: str) -> UseCase:
    """Read and check one use case.

    Raises:
        UpdraftError: there is no such use case, or its files are wrong; the text lists every mistake with its line.
    """
    folder = settings().use_cases / name
    file = folder / "use_case.yaml"
    if not file.exists():
        known = use_case_names()
        raise UpdraftError(f"use case {name!r}: not found{suggest(name, known)} Known: {', '.join(known) or 'none'}.")
    document = Document.read(file)
    wrong = [*document.repeated(), *sql_mistakes(folder, document)]
    try:
        use_case = UseCase.model_validate({**document.content, "name": name, "folder": folder})
    except ValidationError as error:
        wrong += [mistake(found, document, UseCase) for found in error.errors()]
    if wrong:
        listed = "\n".join(f"  {one}" for one in sorted(wrong))
        raise UpdraftError(f"{file}: {len(wrong)} mistake{'s' * (len(wrong) > 1)}.\n{listed}")
    return use_case
