"""Partitions and the half-open intervals of event time that they mean."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Literal

from updraft.core.errors import UpdraftError

Unit = Literal["hour", "day", "month"]
EARLIEST_ZONE = timezone(timedelta(hours=14))  # Where on Earth a day begins first: partitions are local days.
SNAPSHOT = date(1970, 1, 1)  # The one partition of a use case without time.


@dataclass(frozen=True)
class Interval:
    """The partitions from ``first`` to ``last``, both included: ``start <= event_time < end`` in UTC.

    ``first`` and ``last`` are days: of months their first ones. Of hours, those from ``from_hour`` of the first day to
    ``to_hour`` of the last one, both included.
    """

    first: date
    last: date
    unit: Unit = "day"
    from_hour: int = 0
    to_hour: int = 23

    @property
    def start(self) -> datetime:
        return datetime.combine(self.first, datetime.min.time(), UTC) + timedelta(hours=self.from_hour)

    @property
    def end(self) -> datetime:
        if self.unit == "month":
            return datetime.combine(_next_month(self.last), datetime.min.time(), UTC)
        return datetime.combine(self.last, datetime.min.time(), UTC) + timedelta(hours=self.to_hour + 1)

    @property
    def days(self) -> list[date]:
        """The values of ``event_date``: the days, or the first days of the months."""
        if self.unit == "month":
            months = [self.first]
            while months[-1] < self.last:
                months.append(_next_month(months[-1]))
            return months
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    def predicate(self) -> str:
        """The interval as a condition, of which Delta resolves the partition column's part without reading a row."""
        days = f"event_date >= DATE'{self.first}' AND event_date <= DATE'{self.last}'"
        if (self.from_hour, self.to_hour) == (0, 23):
            return days
        start, end = (f"TIMESTAMP'{time:%Y-%m-%d %H:%M:%S}'" for time in (self.start, self.end))
        return f"{days} AND event_time >= {start} AND event_time < {end}"

    def __str__(self) -> str:
        first, last = str(self.first), str(self.last)
        if (self.from_hour, self.to_hour) != (0, 23):
            first, last = f"{first}T{self.from_hour:02d}", f"{last}T{self.to_hour:02d}"
        return first if first == last else f"{first}..{last}"


def on_days(days: list[date]) -> str:
    """Single days as a condition on the partition column: labelled days may have gaps between them."""
    listed = ", ".join(f"DATE'{day}'" for day in days)
    return f"event_date IN ({listed})"


def given(text: str | None) -> bool:
    """Whether an argument that came from a template carries a value: Airflow renders an absent one as ``None``."""
    return text not in (None, "", "None")


def parse_day(text: str, name: str) -> date:
    """The day that ``text`` means; ``name`` is what an error calls it.

    Raises:
        UpdraftError: it is no day, or one that has begun nowhere on Earth yet.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UpdraftError(f"{name}: found {text!r}, expected a day such as 2013-01-31.") from None
    if day > (today := datetime.now(EARLIEST_ZONE).date()):
        raise UpdraftError(f"{name}: found {day}, which lies in the future. Give a day until {today}.")
    return day


def parse_interval(start: str | None, end: str | None, unit: Unit = "day") -> Interval:
    """The interval from two days as text; of hourly partitions they may be hours (2013-01-31T05). Months count as wholes.

    Raises:
        UpdraftError: a day is missing or unreadable, or the end lies before the start.
    """
    if not given(start) or start is None:
        raise UpdraftError(
            "start: found none, and the run has no data interval either. "
            "Give start and end (days, both included) in the trigger form, or trigger with a logical date."
        )
    end = end if given(end) and end is not None else start
    (first, from_hour), (last, to_hour) = _parse(start, "start", unit), _parse(end, "end", unit)
    if (last, 23 if to_hour is None else to_hour) < (first, from_hour or 0):
        raise UpdraftError(f"end: found {end}, which lies before start {start}. Give an end on or after the start.")
    if unit == "month":
        return Interval(first.replace(day=1), last.replace(day=1), unit)
    return Interval(first, last, unit, from_hour or 0, 23 if to_hour is None else to_hour)


def _parse(text: str, name: str, unit: Unit) -> tuple[date, int | None]:
    """A day and, where partitions are hours and the text names one, its hour."""
    if unit != "hour" or "T" not in text:
        return parse_day(text, name), None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UpdraftError(f"{name}: found {text!r}, expected a day or an hour such as 2013-01-31T05.") from None
    time = time.astimezone(UTC) if time.tzinfo else time
    return parse_day(str(time.date()), name), time.hour


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
