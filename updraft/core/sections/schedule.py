"""The section ``schedule``: how much time a partition covers, and when one becomes due."""

import re
from datetime import date

from croniter import croniter
from pydantic import Field, ValidationInfo, field_validator

from updraft.core.interval import Unit
from updraft.core.sections.base import Strict

DEFAULTS: dict[Unit, str] = {"hour": "@hourly", "day": "@daily", "month": "@monthly"}
EVERY = ["*"]  # How croniter expands a field that leaves nothing out, however it is written.
LAST_DAY = ["l"]
SHORTEST_MONTH = 28  # Days that every month has.
RANDOM = re.compile(r"\b[RH]\b", re.IGNORECASE)  # Other times each time it is read.


class Schedule(Strict):
    """When partitions become due. A use case without it is one snapshot."""

    partition: Unit = Field("day", description="How much time one run covers.")
    cron: str = Field(
        "",
        validate_default=True,
        description="When a partition ends, UTC; by default immediately.",
    )
    start: date = Field(
        description="The first partition. Rows of earlier times belong to no partition."
    )

    @field_validator("cron")
    @classmethod
    def _ticks_once_for_each_partition(cls, cron: str, info: ValidationInfo) -> str:
        """Refuse a cron that skips partitions: no run would ever ask for their rows."""
        unit: Unit = info.data.get("partition", "day")
        cron = cron or DEFAULTS[unit]
        if not croniter.is_valid(cron) or RANDOM.search(cron):
            raise ValueError("expected a cron expression such as '0 6 * * *' or @daily")
        fields, nth_weekdays = croniter.expand(cron)
        if nth_weekdays or not _ticks_once(fields, unit):
            raise ValueError(
                f"expected a tick for each {unit}, which schedule.partition asks for, "
                f"such as {DEFAULTS[unit]}: a {unit} without a tick would never be ingested"
            )
        return cron


def _ticks_once(fields: list[list[int | str]], unit: Unit) -> bool:
    """Whether a cron's fields, as croniter expands them, tick once in each partition."""
    if len(fields) != len(("minute", "hour", "day", "month", "weekday")):
        return False
    minute, hour, day, month, weekday = fields
    if not _is_single(minute) or month != EVERY or weekday != EVERY:
        return False
    if unit == "hour":
        return hour == EVERY and day == EVERY
    if unit == "day":
        return _is_single(hour) and day == EVERY
    in_every_month = day == LAST_DAY or all(
        isinstance(number, int) and number <= SHORTEST_MONTH for number in day
    )
    return _is_single(hour) and len(day) == 1 and in_every_month


def _is_single(field: list[int | str]) -> bool:
    return len(field) == 1 and field != EVERY
