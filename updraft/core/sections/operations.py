"""The sections for running a use case, from ``spark`` to ``alerts``."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from updraft.core.sections.base import Strict

MAX_WINDOW = 366  # Partitions of a drift comparison, in use_case.yaml as in the trigger form.

Address = Annotated[str, Field(pattern=r"^[^@\s,;<>{}]+@[^@\s,;<>{}]+$")]


class Spark(Strict):
    """The name of the Spark jobs, and their settings beyond the shared ones."""

    app_name: str = Field(
        description="What the jobs are called in Spark, each followed by its task's name."
    )
    conf: dict[str, str] = Field(
        {},
        description="Spark's own settings, such as spark.driver.memory, over the shared ones.",
    )


class Drift(Strict):
    """When the newest rows count as drifted from those that the champion was trained on.

    A column has drifted if it lies outside the spread of blocks of the training rows that are as
    long as the window, and by enough to matter.
    """

    window: int = Field(7, ge=1, le=MAX_WINDOW, description="Newest partitions that are compared.")
    psi: float = Field(
        0.1,
        gt=0,
        description="Least population stability index that matters, however rare it is by chance.",
    )
    min_columns: int = Field(
        1, ge=1, description="Drifted columns from which the use case counts as drifted."
    )
    false_alarms: float = Field(
        0.05,
        gt=0,
        le=0.5,
        description="Share of the drifted columns that may be wrong; without drift, the share of "
        "windows in which any column may drift by chance.",
    )


class Decay(Strict):
    """When the champion counts as worse than it was on its holdout."""

    max_loss: float = Field(
        0.0,
        ge=0,
        description="Loss in gate.metric that is tolerated; a larger one is decay.",
    )
    false_alarms: float = Field(
        0.05,
        gt=0,
        le=0.5,
        description="Chance that decay is ever reported for a champion as good as on its holdout, "
        "however often it is looked at.",
    )


class Retraining(Strict):
    """When monitoring starts a training. All conditions must be met."""

    on: list[Literal["drift", "decay", "schedule"]] = Field(
        ["drift", "decay"],
        description="What asks for a training. With schedule, one is asked for after every "
        "retraining.every partitions.",
    )
    every: int = Field(
        30, ge=1, description="With schedule in retraining.on: partitions between trainings."
    )
    looks: int = Field(3, ge=1, description="The newest looks, one a day, that are counted.")
    confirmed: int = Field(
        2, ge=1, description="Of these looks, how many must have found drift (or decay)."
    )
    cool_down: int = Field(
        7, ge=0, description="Days after a training in which monitoring starts no other."
    )
    per_week: int = Field(1, ge=1, description="Trainings that monitoring starts in seven days.")
    min_new: int = Field(
        7,
        ge=1,
        description="Mature partitions that the champion has neither learnt from nor been judged "
        "on: without something new, a training gives the same model.",
    )

    @model_validator(mode="after")
    def _can_be_confirmed(self) -> Self:
        if self.confirmed > self.looks:
            raise ValueError(
                f"confirmed: found {self.confirmed} of the newest {self.looks} looks (looks), "
                "expected at most all of them"
            )
        return self


class Serving(Strict):
    """What the champion scores."""

    partitions: int | None = Field(
        None,
        ge=1,
        description="Newest days (or months) scored after each training; "
        "by default, as many as the holdout.",
    )


class Alerts(Strict):
    """Who gets a mail when a task has finally failed.

    By default nobody, so that nothing tries to send mail where nobody asked for it.
    """

    email: list[Address] = Field([], description="Addresses, reached by smtp_default.")
