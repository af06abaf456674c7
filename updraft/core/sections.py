"""The sections of ``use_case.yaml``. Strict, frozen, and every mistake is named at its own key."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import partial
from math import prod
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, NamedTuple

from croniter import croniter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from updraft.core.interval import Unit
from updraft.core.kinds import TRAITS, Kind
from updraft.core.mistakes import suggest

ColumnType = Literal["string", "int", "bigint", "double", "boolean", "date", "timestamp"]
SUFFIXES = (".csv", ".json", ".jsonl", ".parquet")
RESERVED = {
    *("row_id", "event_time", "event_date", "label", "split", "raw", "reasons", "corrupt_record", "source_file"),
}
# How far apart two ticks of a schedule lie, by the partitions that they end.
LONGEST: dict[Unit, timedelta] = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=31)}
SHORTEST: dict[Unit, timedelta] = {**LONGEST, "month": timedelta(days=28)}
MAX_WINDOW = 366  # Partitions of a comparison, in use_case.yaml as in the form.


def _each_once(values: list[str | bool | int | float]) -> list[str | bool | int | float]:
    if len(set(values)) < len(values):
        raise ValueError("expected every value once")
    return values


Share = Annotated[float, Field(ge=0, le=1)]
# What a search may range over: the values of a list, or the numbers between two bounds.
Choices = Annotated[list[str | bool | int | float], Field(min_length=1), AfterValidator(_each_once)]


def _no_view_of_ours(name: str) -> str:
    if name in VIEWS:
        raise ValueError(f"is what features.sql calls {VIEWS[name]}; name the lookup otherwise")
    return name


VIEWS = {"clean": "the clean rows", "days": "the days to build"}
LookupName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"), AfterValidator(_no_view_of_ours)]


class Whole(NamedTuple):
    """What the sections must know of the whole use case, as pydantic's context. Without it a section is judged alone."""

    kind: Kind | None  # None where it is wrong itself.
    snapshot: bool


def _of_its_kind(what: Literal["algorithms", "metrics"], name: str, info: ValidationInfo) -> str:
    whole: Whole | None = info.context
    if whole and whole.kind and name not in (known := getattr(TRAITS[whole.kind], what)):
        raise ValueError(f"expected one of the {what} of kind {whole.kind}: {', '.join(known)}{suggest(name, known)}")
    return name


AlgorithmName = Annotated[str, AfterValidator(partial(_of_its_kind, "algorithms"))]
Metric = Annotated[str, AfterValidator(partial(_of_its_kind, "metrics"))]


def _with_metric(content: Any, info: ValidationInfo) -> Any:
    """A section's ``metric``, where none is given: the first of the kind."""
    whole: Whole | None = info.context
    if isinstance(content, dict) and "metric" not in content and whole and whole.kind:
        return {**content, "metric": TRAITS[whole.kind].metrics[0]}
    return content


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
        return self

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


class Bounds(Strict):
    """A range of numbers to search, evenly or, with ``log``, evenly in orders of magnitude."""

    low: int | float = Field(description="Lowest value.")
    high: int | float = Field(description="Highest value, included.")
    log: bool = Field(False, description="Evenly in orders of magnitude.")

    @model_validator(mode="after")
    def _a_range(self) -> "Bounds":
        if not self.low < self.high:
            raise ValueError(f"expected low below high, found {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"expected low above 0, because of log, found {self.low}")
        return self


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
    trials: int = Field(4, ge=1, le=1000, description="Trials of each algorithm that has something to search.")
    minutes: float | None = Field(
        None, gt=0, le=110, description="No batch of trials starts after these; the first one always does."
    )
    parallelism: int = Field(
        2, ge=1, le=64, description="Trials of a batch, which run at the same time; not taken from the machine."
    )
    pruning: bool = Field(True, description="Stop a trial after a fold in which it is below the median of those before it.")
    folds: int = Field(2, ge=1, le=20, description="Validation blocks, in time order, each as long as the holdout.")
    seed: int = Field(0, ge=0, lt=2**32, description="Of the sampler and of every fit.")


class Costs(Strict):
    """What a decision of a binary model is worth, in any one currency."""

    true_positive: float = Field(description="Of a yes that was right.")
    false_positive: float = Field(description="Of a yes that was wrong.")
    true_negative: float = Field(description="Of a no that was right.")
    false_negative: float = Field(description="Of a no that was wrong.")


class Model(Strict):
    """How challengers come about: on which partitions, by which algorithms, judged by what."""

    window: int = Field(60, ge=2, description="Days (or months) to train and tune on, the newest before the holdout.")
    holdout: int | float = Field(
        gt=0, description="Newest labelled days (or months), kept for the evaluation alone; of a snapshot, a share of its rows."
    )
    min_rows: int = Field(100, ge=2, description="Fewest labelled rows that any model of the search may learn from.")
    metric: Metric = Field("auc", description="What the search is for; by default the first metric of the kind.")
    balance: bool = Field(False, description="Weigh rows so that each class counts the same in training.")
    costs: Costs | None = Field(None, description="kind binary: the worth of each decision, for the metric value.")
    algorithms: dict[AlgorithmName, Algorithm] = Field(min_length=1, description="Those that are tried.")
    search: Search = Search()

    _default_metric = model_validator(mode="before")(_with_metric)

    @field_validator("holdout")
    @classmethod
    def _partitions_or_share(cls, holdout: int | float, info: ValidationInfo) -> int | float:
        whole: Whole | None = info.context
        if whole and whole.snapshot and not 0 < holdout < 1:
            raise ValueError("expected the share of a snapshot's rows that is kept for the evaluation, such as 0.2")
        if whole and not whole.snapshot and not float(holdout).is_integer():
            raise ValueError("expected a number of partitions, such as 7")
        return holdout

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

    metric: Metric = Field("auc", description="What is compared; by default the first metric of the kind.")
    rule: Literal["better", "not_worse"] = Field("better", description="What the challenger must be, against the champion.")
    margin: float = Field(0.0, ge=0, description="better: the least gain. not_worse: the largest loss that is borne.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of the interval of the difference in the metric.")
    floors: dict[Metric, float] = Field(
        min_length=1, description="Holdout metrics that any champion must reach; of rmse, mae and log_loss the highest allowed."
    )
    min_rows: int = Field(500, ge=1, description="Fewest labelled holdout rows on which a decision may rest.")

    _default_metric = model_validator(mode="before")(_with_metric)


class Drift(Strict):
    """When the newest rows count as drifted from those that the champion has learnt from."""

    window: int = Field(7, ge=1, le=MAX_WINDOW, description="Newest partitions that are compared.")
    psi: float = Field(0.25, gt=0, description="Population stability index from which a column counts as drifted.")
    min_columns: int = Field(1, ge=1, description="Drifted columns from which the use case counts as drifted.")


class Serving(Strict):
    """What the champion scores."""

    partitions: int | None = Field(
        None, ge=1, description="Newest days (or months) scored after each training; by default, as many as the holdout."
    )


class Schedule(Strict):
    """When partitions become due. A use case without it is one snapshot."""

    partition: Unit = Field("day", description="How much time one run covers.")
    cron: str = Field("", validate_default=True, description="When a partition ends, UTC; by default at once after it.")
    start: date = Field(description="The first partition. Rows of earlier times are quarantined.")

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, cron: str, info: ValidationInfo) -> str:
        unit: Unit = info.data.get("partition", "day")
        defaults: dict[Unit, str] = {"hour": "@hourly", "day": "@daily", "month": "@monthly"}
        cron = cron or defaults[unit]
        if not croniter.is_valid(cron):
            raise ValueError("expected a cron expression such as '0 6 * * *' or @daily")
        ticks = croniter(cron, datetime(2024, 1, 1, tzinfo=UTC))
        first, second = ticks.get_next(datetime), ticks.get_next(datetime)
        if not SHORTEST[unit] <= second - first <= LONGEST[unit]:
            raise ValueError(f"expected a tick for each {unit}, which schedule.partition asks for, such as {defaults[unit]}")
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

    @model_validator(mode="after")
    def _in_order(self) -> "Days":
        if self.end < self.start:
            raise ValueError(f"expected an end on or after the start, found {self.start} to {self.end}")
        return self

    def __str__(self) -> str:
        return f"{self.start} to {self.end}"


class Demo(Strict):
    """What `updraft demo` shows: a range in one run, a daily backfill, and later days that have drifted."""

    range: Days
    backfill: Days
    later: Days
