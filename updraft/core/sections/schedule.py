"""The section ``schedule``: how much time a partition covers, and when one becomes due."""

from datetime import UTC, date, datetime, timedelta

from croniter import croniter
from pydantic import Field, ValidationInfo, field_validator

from updraft.core.interval import Unit
from updraft.core.sections.base import Strict

DEFAULTS: dict[Unit, str] = {"hour": "@hourly", "day": "@daily", "month": "@monthly"}
# The shortest and the longest time between two ticks, by what a partition covers.
SHORTEST: dict[Unit, timedelta] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "month": timedelta(days=28),
}
LONGEST: dict[Unit, timedelta] = {**SHORTEST, "month": timedelta(days=31)}


class Schedule(Strict):
    """When partitions become due. A use case without it is one snapshot."""

    partition: Unit = Field("day", description="How much time one run covers.")
    cron: str = Field(
        "",
        validate_default=True,
        description="When a partition ends, UTC; by default immediately.",
    )
    start: date = Field(description="The first partition. Rows of earlier times are quarantined.")

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, cron: str, info: ValidationInfo) -> str:
        unit: Unit = info.data.get("partition", "day")
        cron = cron or DEFAULTS[unit]
        if not croniter.is_valid(cron):
            raise ValueError("expected a cron expression such as '0 6 * * *' or @daily")
        ticks = croniter(cron, datetime(2024, 1, 1, tzinfo=UTC))
        first = ticks.get_next(datetime)
        second = ticks.get_next(datetime)
        if not SHORTEST[unit] <= second - first <= LONGEST[unit]:
            raise ValueError(
                f"expected a tick for each {unit}, which schedule.partition asks for, "
                f"such as {DEFAULTS[unit]}"
            )
        return cron
