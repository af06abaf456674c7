"""A cron has one tick for each partition, over the whole of its cycle."""

from datetime import UTC, date, datetime, timedelta

import pytest
from croniter import croniter
from pydantic import ValidationError

from updraft.core.interval import Unit
from updraft.core.sections import Schedule

COMPLETE: list[tuple[Unit, str]] = [
    ("hour", "@hourly"),
    ("hour", "15 0-23 * * *"),
    ("day", "@daily"),
    ("day", "0 6 * * *"),
    ("day", "30 23 1-31 * *"),
    ("day", "0 6 */1 JAN-DEC *"),
    ("month", "@monthly"),
    ("month", "0 5 28 * *"),
    ("month", "0 5 L * *"),
]
WITH_GAPS: list[tuple[Unit, str]] = [
    ("day", "0 6 * * 1-5"),
    ("day", "0 6 * 1-11 *"),
    ("day", "0 6 1-30 * *"),
    ("day", "0 6 */2 * *"),
    ("day", "0 6,18 * * *"),
    ("day", "@weekly"),
    ("hour", "0 9-17 * * *"),
    ("hour", "0 */2 * * *"),
    ("hour", "0 * * * 1-5"),
    ("hour", "*/30 * * * *"),
    ("month", "0 0 29 * *"),
    ("month", "0 0 31 * *"),
    ("month", "0 0 1 */2 *"),
    ("month", "0 0 1,15 * *"),
    ("month", "0 0 1 * 1"),
    ("day", "0 0 * * 0#1,1#1,2#1,3#1,4#1,5#1,6#1"),
    ("day", "R 6 * * *"),
    ("day", "0 6 * * * 30"),
]


@pytest.mark.parametrize(("unit", "cron"), COMPLETE)
def test_a_cron_that_ticks_once_for_each_partition_is_accepted(unit: Unit, cron: str) -> None:
    """(08.6) Four years of ticks confirm it: no partition lacks one, none has two."""
    Schedule(partition=unit, cron=cron, start=date(2024, 1, 1))
    first = datetime(2024, 1, 1, tzinfo=UTC) - timedelta(minutes=1)
    days = 1462 if unit != "hour" else 60
    ticks = croniter(cron, first)
    partitions = []
    while True:
        tick = ticks.get_next(datetime)
        if tick >= first + timedelta(days=days):
            break
        shape = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m"}[unit]
        partitions.append(tick.strftime(shape))
    assert len(partitions) == len(set(partitions))
    expected = {"hour": days * 24, "day": days, "month": 49}[unit]
    assert abs(len(partitions) - expected) <= 1


@pytest.mark.parametrize(("unit", "cron"), WITH_GAPS)
def test_a_cron_that_skips_partitions_is_refused(unit: Unit, cron: str) -> None:
    """(08.6) Also where the first ticks have no gap between them."""
    with pytest.raises(ValidationError, match=r"expected a (tick for each|cron expression)"):
        Schedule(partition=unit, cron=cron, start=date(2024, 1, 1))
