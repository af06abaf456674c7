"""Days and the half-open intervals of event time that they mean."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

from updraft.core.errors import UpdraftError

EARLIEST_ZONE = timezone(timedelta(hours=14))  # Where on Earth a day begins first: partitions are local days.


@dataclass(frozen=True)
class Interval:
    """The days from ``first`` to ``last``, both included: ``start <= event_time < end`` in UTC."""

    first: date
    last: date

    @property
    def start(self) -> datetime:
        return datetime.combine(self.first, datetime.min.time(), UTC)

    @property
    def end(self) -> datetime:
        return datetime.combine(self.last + timedelta(days=1), datetime.min.time(), UTC)

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    def predicate(self) -> str:
        """The interval as a condition on the partition column, which Delta resolves without reading a row."""
        return f"event_date >= DATE'{self.first}' AND event_date <= DATE'{self.last}'"

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}..{self.last}"


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


def parse_interval(start: str | None, end: str | None) -> Interval:
    """The interval from two days as text.

    Raises:
        UpdraftError: a day is missing or unreadable, or the end lies before the start.
    """
    if not given(start) or start is None:
        raise UpdraftError(
            "start: found none, and the run has no data interval either. "
            "Give start and end (days, both included) in the trigger form, or trigger with a logical date."
        )
    first = parse_day(start, "start")
    last = parse_day(end, "end") if end is not None and given(end) else first
    if last < first:
        raise UpdraftError(f"end: found {last}, which lies before start {first}. Give an end on or after the start.")
    return Interval(first, last)
