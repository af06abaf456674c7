"""The section ``gate``: what a challenger must show before it becomes champion."""

from typing import Any, Literal

from pydantic import Field, ValidationInfo, model_validator

from updraft.core.metrics import metric_of
from updraft.core.sections.base import MetricName, Strict, with_metric

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
        0.95, gt=0.5, lt=1, description="Confidence level of the gain's interval."
    )
    floors: dict[MetricName, float] = Field(
        min_length=1,
        description="Holdout metrics that any champion must reach; "
        "for log_loss, calibration_error, rmse and mae the highest allowed.",
    )
    min_rows: int = Field(
        500, ge=1, description="Fewest labelled holdout rows on which a decision may rest."
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
