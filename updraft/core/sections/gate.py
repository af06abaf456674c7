"""The section ``gate``: what a challenger must show before it becomes champion."""

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from updraft.core.metrics import metric_of
from updraft.core.sections.base import MetricName, Strict, context_of, with_metric

# What gate.unit may say besides the name of a column.
PARTITION = "partition"
DAY = "day"
ROW = "row"
FEWEST_UNITS = 30  # Fewest rows, users or values of a column from which a gain has an interval.
FEWEST_PARTITIONS = 5  # The same for partitions and days, each of which has many rows.
KEYS_OF_OTHER_RULES = {"better": {"margin"}, "not_worse": {"min_gain", "design_gain"}}


class Slices(Strict):
    """Groups of holdout rows, in none of which a challenger may lose more than is tolerated."""

    columns: list[str] = Field(
        min_length=1, description="Text features, of which each value is a group."
    )
    max_loss: float = Field(
        ge=0,
        description="Largest tolerated loss in a group: "
        "the lower end of its gain's interval must not be below -max_loss.",
    )
    min_rows: int = Field(
        500,
        ge=30,
        description="Fewest rows of a group that is judged. "
        "At least one group of each column must have as many.",
    )


class Required(Strict):
    """Limits on the cost of serving.

    Description, owner, card and a passed audit are required without being named.
    """

    latency_ms: float | None = Field(
        None,
        gt=0,
        description="Longest tolerated 95th percentile of the time for one row.",
    )
    size_mb: float | None = Field(
        None, gt=0, description="Largest model file that is tolerated, in millions of bytes."
    )


class Gate(Strict):
    """What a challenger must show on the holdout before it becomes champion."""

    metric: MetricName = Field(
        "auc", description="What is compared; by default the first metric of the kind."
    )
    rule: Literal["better", "not_worse"] = Field(
        "better", description="What the challenger must be, against the champion."
    )
    min_gain: float = Field(
        0.0,
        ge=0,
        description="For rule better: what the lower end of the gain's interval must exceed. "
        "By default a third of design_gain: "
        "a model that is only trained again gains a little by luck, too.",
    )
    margin: float = Field(
        0.0, ge=0, description="For rule not_worse: the largest loss that is tolerated."
    )
    design_gain: float | None = Field(
        None,
        gt=0,
        description="For rule better: a true gain that is to be detected in 9 of 10 cases. "
        "A refusal says how many rows it needs.",
    )
    confidence: float = Field(
        0.95,
        gt=0.5,
        lt=1,
        description="Confidence level of the gain's interval for the first challenger that is "
        "judged on some partitions; for later ones it is higher.",
    )
    unit: str | None = Field(
        None,
        description="Which rows depend on each other and so count as one: partition (those of one "
        "day or month), day (those of one day of event_time), row (no others), or a column, such "
        "as the customer. By default partition; row for a snapshot; user for recommendation.",
    )
    floors: dict[MetricName, float] = Field(
        min_length=1,
        description="Holdout metrics that any champion must reach; "
        "for log_loss, calibration_error, rmse and mae the highest allowed.",
    )
    min_rows: int = Field(
        500, ge=1, description="Fewest labelled holdout rows on which a decision may rest."
    )
    min_labelled: float = Field(
        0.75,
        gt=0,
        le=1,
        description="Smallest share of the holdout's rows that have a label, as a part of that "
        "share among the training rows. With less, labels are still coming in.",
    )
    slices: Slices | None = Field(None, description="Groups in which a challenger must not lose.")
    required: Required = Required()
    hold_after_rollback: bool = Field(
        True,
        description="Whether a rollback holds all promotions until somebody releases them, "
        "by `updraft release` or the DAG for it.",
    )

    _default_metric = model_validator(mode="before")(with_metric)

    @model_validator(mode="before")
    @classmethod
    def _default_min_gain(cls, content: Any) -> Any:
        if not isinstance(content, dict) or content.get("rule", "better") != "better":
            return content
        design_gain = content.get("design_gain")
        if isinstance(design_gain, int | float):
            return {"min_gain": design_gain / 3, **content}
        return content

    @field_validator("unit")
    @classmethod
    def _is_a_unit_of_the_kind(cls, unit: str | None, info: ValidationInfo) -> str | None:
        context = context_of(info)
        if context and context.is_snapshot and unit in (PARTITION, DAY):
            raise ValueError(
                f"found {unit}, but a use case without schedule has no time; "
                f"expected {ROW}, or a column such as the customer"
            )
        return unit

    @model_validator(mode="after")
    def _keys_fit_the_rule(self, info: ValidationInfo) -> "Gate":
        unused = sorted(KEYS_OF_OTHER_RULES[self.rule] & self.model_fields_set)
        if unused:
            raise ValueError(
                f"{', '.join(unused)}: does nothing under rule {self.rule}; "
                "leave it out, or change the rule"
            )
        states_gain = bool({"min_gain", "design_gain"} & self.model_fields_set)
        if info.context and self.rule == "better" and not states_gain:
            raise ValueError(
                "design_gain: missing. Say which gain is worth a new model: without one, a model "
                "that is only trained again may get in by luck. "
                "Or take min_gain: 0, or rule: not_worse"
            )
        if self.design_gain is not None and self.design_gain <= self.min_gain:
            raise ValueError(
                f"design_gain: found {self.design_gain:g}, "
                f"expected more than min_gain, {self.min_gain:g}"
            )
        return self

    @model_validator(mode="after")
    def _slices_are_of_rows(self) -> "Gate":
        if self.slices and metric_of(self.metric).unit != "rows":
            raise ValueError(
                f"slices: found for {self.metric}, which is a metric of users, not of rows; "
                "leave them out"
            )
        return self
