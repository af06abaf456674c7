"""The days that monitoring looks at, each as if it were the newest."""

from collections.abc import Sequence
from datetime import date

from updraft.core.interval import Interval


def days_to_look_at(
    partitions: Sequence[date], learnt_until: date | None, looks: int, replayed: Interval | None
) -> list[date]:
    """The newest ``looks`` partitions; of a replay, its partitions and ``looks`` - 1 before them.

    ``partitions``: those that have rows, in order. ``learnt_until``: the last partition that the
    champion has learnt from, at which and before which nothing can be monitored; None for a
    snapshot, whose only partition can.
    """
    days = [day for day in partitions if learnt_until is None or day > learnt_until]
    if replayed is None:
        return days[-looks:]
    before = [day for day in days if day < replayed.first]
    during = [day for day in days if replayed.first <= day <= replayed.last]
    earlier = before[max(len(before) - looks + 1, 0) :]
    return [*earlier, *during] if during else []


def window_until(day: date, partitions: Sequence[date], length: int) -> list[date]:
    """The newest ``length`` partitions as ``day`` is the newest one."""
    return [partition for partition in partitions if partition <= day][-length:]
