"""The sections that say what happens when, and to whom: schedule, gate, drift, serving, alerts, and what the demo shows."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from croniter import croniter
from pydantic import Field, ValidationInfo, field_validator, model_validator

from updraft.core.interval import Unit
from updraft.core.kinds import RANKED
from updraft.core.sections.base import Metric, Strict, with_metric

# How far apart two ticks of a schedule lie, by the partitions that they end.
LONGEST: dict[Unit, timedelta] = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=31)}
SHORTEST: dict[Unit, timedelta] = {**LONGEST, "month": timedelta(days=28)}
MAX_WINDOW = 366  # Partitions of a comparison, in use_case.yaml as in the form.


class Spark(Strict):
    """What the Spark jobs of this use case are called and need beyond the shared settings."""

    app_name: str = Field(description="What the jobs are called in Spark, each with its task's name behind it.")
    conf: dict[str, str] = Field({}, description="Spark's own settings, such as spark.driver.memory, over the shared ones.")


class Slices(Strict):
    """Groups of holdout rows, in none of which a challenger may lose more than is borne."""

    columns: list[str] = Field(min_length=1, description="Text features, of which each value is a group.")
    max_loss: float = Field(
        ge=0, description="Largest loss in gate.metric that is borne in a group: its interval must end above."
    )
    min_rows: int = Field(
        500, ge=30, description="Fewest rows of a group that is judged. Of each column one group must have them."
    )


class Required(Strict):
    """Limits of what serving costs. Description, owner, card and a passed audit are required without being named."""

    latency_ms: float | None = Field(None, gt=0, description="Longest time for one row that is borne, in 19 of 20 calls.")
    size_mb: float | None = Field(None, gt=0, description="Largest model file that is borne, in millions of bytes.")


class Gate(Strict):
    """What a challenger must show on the holdout before it becomes champion."""

    metric: Metric = Field("auc", description="What is compared; by default the first metric of the kind.")
    rule: Literal["better", "not_worse"] = Field("better", description="What the challenger must be, against the champion.")
    min_gain: float = Field(
        0.0,
        ge=0,
        description="Of rule better: what the lower end of the gain's interval must exceed. By default a third of design_gain: "
        "a model that is only trained again gains a little by luck, too.",
    )
    margin: float = Field(0.0, ge=0, description="Of rule not_worse: the largest loss that is borne.")
    design_gain: float | None = Field(
        None,
        gt=0,
        description="Of rule better: a true gain that is to be seen in 9 of 10 cases. A refusal says how many rows it needs.",
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of the interval of the difference in the metric.")
    floors: dict[Metric, float] = Field(
        min_length=1,
        description="Holdout metrics that any champion must reach; of log_loss, calibration_error, rmse and mae the highest "
        "allowed.",
    )
    min_rows: int = Field(500, ge=1, description="Fewest labelled holdout rows on which a decision may rest.")
    slices: Slices | None = Field(None, description="Groups in which a challenger must not lose.")
    required: Required = Required()

    _default_metric = model_validator(mode="before")(with_metric)

    @model_validator(mode="before")
    @classmethod
    def _default_min_gain(cls, content: Any) -> Any:
        if isinstance(content, dict) and isinstance(design := content.get("design_gain"), int | float):
            return {"min_gain": design / 3, **content} if content.get("rule", "better") == "better" else content
        return content

    @model_validator(mode="after")
    def _keys_of_the_rule(self, info: ValidationInfo) -> "Gate":
        others = {"better": {"margin"}, "not_worse": {"min_gain", "design_gain"}}[self.rule]
        if idle := sorted(others & self.model_fields_set):
            raise ValueError(f"{', '.join(idle)}: does nothing under rule {self.rule}; leave it out, or change the rule")
        if info.context and self.rule == "better" and not {"min_gain", "design_gain"} & self.model_fields_set:
            raise ValueError(
                "design_gain: missing. Say which gain is worth a new model: without one, a model that is only trained again "
                "may get in by luck. Or take min_gain: 0, or rule: not_worse"
            )
        if self.design_gain is not None and self.design_gain <= self.min_gain:
            raise ValueError(f"design_gain: found {self.design_gain:g}, expected more than min_gain, {self.min_gain:g}")
        if self.slices and self.metric in RANKED:
            raise ValueError(f"slices: found for {self.metric}, which is a figure of users, not of rows; leave them out")
        return self


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
