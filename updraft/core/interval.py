"""Partitions, and the half-open intervals of event time that they cover."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Literal, NamedTuple

from updraft.core.errors import UpdraftError

Unit = Literal["hour", "day", "month"]
EARLIEST_ZONE = timezone(timedelta(hours=14))  # Where a new day begins first. Days are local days.
SNAPSHOT = date(1970, 1, 1)  # The only partition of a use case without time.
LAST_HOUR = 23


class Span(NamedTuple):
    """A half-open interval of event time, in UTC."""

    start: datetime
    end: datetime

    def overlaps(self, other: "Span") -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class Interval:
    """The partitions from ``first`` to ``last``, both included.

    They cover ``start <= event_time < end`` in UTC.

    Attributes:
        first: The first day; for monthly partitions, the first day of the first month.
        last: The last day; for monthly partitions, the first day of the last month.
        unit: How much time a partition covers.
        from_hour: For hourly partitions, the first hour of the first day.
        to_hour: For hourly partitions, the last hour of the last day, included.
    """

    first: date
    last: date
    unit: Unit = "day"
    from_hour: int = 0
    to_hour: int = LAST_HOUR

    @property
    def start(self) -> datetime:
        return datetime.combine(self.first, time(self.from_hour), UTC)

    @property
    def end(self) -> datetime:
        if self.unit == "month":
            return datetime.combine(_next_month(self.last), time(), UTC)
        return datetime.combine(self.last, time(self.to_hour), UTC) + timedelta(hours=1)

    @property
    def days(self) -> list[date]:
        """The values of ``event_date``: the days, or the first days of the months."""
        if self.unit == "month":
            months = [self.first]
            while months[-1] < self.last:
                months.append(_next_month(months[-1]))
            return months
        number = (self.last - self.first).days + 1
        return [self.first + timedelta(days=offset) for offset in range(number)]

    @property
    def partitions(self) -> list["Span"]:
        """Each partition as an interval of event time."""
        starts = [datetime.combine(day, time(), UTC) for day in self.days]
        if self.unit == "hour":
            hours = int((self.end - self.start).total_seconds() // 3600)
            starts = [self.start + timedelta(hours=hour) for hour in range(hours)]
        ends = [*starts[1:], self.end]
        return [Span(start, end) for start, end in zip(starts, ends, strict=True)]

    def with_history(self, days: int) -> "Interval":
        """The interval and some days before it; months are complete."""
        first = self.first - timedelta(days=days)
        return Interval(
            first.replace(day=1) if self.unit == "month" else first, self.last, self.unit
        )

    def predicate(self) -> str:
        """Return the interval as an SQL condition.

        Delta prunes partitions by its condition on ``event_date`` without reading a row.
        """
        days = f"event_date >= DATE'{self.first}' AND event_date <= DATE'{self.last}'"
        if self._has_complete_days:
            return days
        start = f"TIMESTAMP'{self.start:%Y-%m-%d %H:%M:%S}'"
        end = f"TIMESTAMP'{self.end:%Y-%m-%d %H:%M:%S}'"
        return f"{days} AND event_time >= {start} AND event_time < {end}"

    def __str__(self) -> str:
        first = str(self.first)
        last = str(self.last)
        if not self._has_complete_days:
            first = f"{first}T{self.from_hour:02d}"
            last = f"{last}T{self.to_hour:02d}"
        return first if first == last else f"{first}..{last}"

    @property
    def _has_complete_days(self) -> bool:
        return self.from_hour == 0 and self.to_hour == LAST_HOUR


def ranges(days: Sequence[date], unit: Unit) -> list[tuple[date, date]]:
    """Return the first and last of each row of neighbours among partitions, which are in order."""
    if not days:
        return []
    position = {day: number for number, day in enumerate(Interval(days[0], days[-1], unit).days)}
    found = [(days[0], days[0])]
    for day in days[1:]:
        first, last = found[-1]
        if position[day] == position[last] + 1:
            found[-1] = (first, day)
        else:
            found.append((day, day))
    return found


def on_days(days: list[date]) -> str:
    """Return an SQL condition for single days, which may have gaps between them."""
    dates = ", ".join(f"DATE'{day}'" for day in days)
    return f"event_date IN ({dates})"


def has_value(text: str | None) -> bool:
    """Return whether an argument has a value: Airflow renders a missing one as ``None``."""
    return text not in (None, "", "None")


def parse_day(text: str, name: str) -> date:
    """Parse a day such as 2013-01-31.

    Args:
        text: The day.
        name: The name of the argument, for errors.

    Raises:
        UpdraftError: The text is not a day, or the day has not begun anywhere on Earth yet.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UpdraftError(f"{name}: found {text!r}, expected a day such as 2013-01-31.") from None
    latest = latest_day()
    if day > latest:
        raise UpdraftError(
            f"{name}: found {day}, which lies in the future. Give a day until {latest}."
        )
    return day


def latest_day() -> date:
    """Return the newest day that has begun anywhere on Earth. What is later is the future."""
    return datetime.now(EARLIEST_ZONE).date()


def parse_interval(start: str | None, end: str | None, unit: Unit = "day") -> Interval:
    """Parse an interval of partitions.

    Args:
        start: The first day; for hourly partitions also an hour such as 2013-01-31T05. For monthly
            partitions, any day of the first month.
        end: The last day, hour or month, included. Without it, the start alone.
        unit: How much time a partition covers.

    Raises:
        UpdraftError: The start is missing, a day cannot be parsed, or the end is before the start.
    """
    if start is None or not has_value(start):
        raise UpdraftError(
            "start: found none, and the run has no data interval either. Give start and end "
            "(days, both included) in the trigger form, or trigger with a logical date."
        )
    if end is None or not has_value(end):
        end = start
    first, first_hour = _parse(start, "start", unit)
    last, last_hour = _parse(end, "end", unit)
    from_hour = 0 if first_hour is None else first_hour
    to_hour = LAST_HOUR if last_hour is None else last_hour
    if (last, to_hour) < (first, from_hour):
        raise UpdraftError(
            f"end: found {end}, which lies before start {start}. Give an end on or after the start."
        )
    if unit == "month":
        return Interval(first.replace(day=1), last.replace(day=1), unit)
    return Interval(first, last, unit, from_hour, to_hour)


def _parse(text: str, name: str, unit: Unit) -> tuple[date, int | None]:
    """Parse a day and, for hourly partitions, its hour if the text names one."""
    if unit != "hour" or "T" not in text:
        return parse_day(text, name), None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UpdraftError(
            f"{name}: found {text!r}, expected a day or an hour such as 2013-01-31T05."
        ) from None
    if moment.tzinfo:
        moment = moment.astimezone(UTC)
    return parse_day(str(moment.date()), name), moment.hour


def _next_month(day: date) -> date:
    """Return the first day of the next month."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
