"""The sections for running a use case: ``spark``, ``drift``, ``serving`` and ``alerts``."""

from typing import Annotated

from pydantic import Field

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
