"""How often a holdout has been looked at, and what a gain on it must show therefore.

Of twenty challengers that are no better than the champion, one has a gain that looks significant,
if all are judged on the same rows at the same confidence. So the error that the policy tolerates is
spent over the looks: half of ``1 - confidence`` on the first challenger, and the other half on all
later ones together, ``1 / (look * (look - 1))`` of it on each. However many challengers are judged
on overlapping partitions, at most ``1 - confidence`` of the cases see one of them promoted by luck.

Source: Lan and DeMets, Discrete sequential boundaries for clinical trials, Biometrika 70, 1983.
"""

from collections.abc import Sequence
from datetime import date

from updraft.core.ledger import Entry

DECISIONS = ("approved", "refused")


def look_at(entries: Sequence[Entry], version: int, days: tuple[date, date] | None) -> int:
    """The place of a challenger among those that were judged on rows of its holdout, from 1.

    Counts the versions on which the gate has decided before. ``days``: the first and last day of
    the holdout. For a snapshot, None: a key is in the holdout each time. An older entry that does
    not say its holdout counts if it was made after the first day.
    """
    judged = {
        entry.version for entry in entries if entry.event in DECISIONS and _overlaps(entry, days)
    }
    return len(judged - {version}) + 1


def confidence_at(confidence: float, look: int, intervals: int = 1) -> float:
    """The confidence level of an interval, such that all ``looks`` keep what the policy promises.

    ``confidence``: that of the policy. ``intervals``: how many have to hold at once (Bonferroni).
    """
    spent = (1 - confidence) / intervals
    return 1 - (spent if look == 1 else spent / (look * (look - 1)))


def _overlaps(entry: Entry, days: tuple[date, date] | None) -> bool:
    if days is None:
        return True
    first, last = days
    if entry.holdout_first is None or entry.holdout_last is None:
        return entry.time.date() > first
    return entry.holdout_first <= last and first <= entry.holdout_last
