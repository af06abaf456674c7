"""What monitoring has decided for each day, and why: the rows of the table ``triggers``."""

from datetime import date, datetime
from typing import Literal, NamedTuple

# What follows from a day's monitoring: somebody is told, or a training starts.
Action = Literal["nothing", "alert", "retrain"]
# Why new rows differ: they are wrong; other rows come; the labels have other shares; the same
# rows have other labels.
Cause = Literal["broken data", "covariate drift", "prior drift", "concept drift"]


class Trigger(NamedTuple):
    """One decision of monitoring, kept for ever.

    Attributes:
        key: Equal for equal decisions, so that a repeated decision is recognized.
        time: When it was taken, with a time zone.
        day: The newest partition that was looked at.
        by: The DAG run that decided.
        champion: The version that was monitored.
        run_id: The MLflow run that trained it.
        drifted: Whether the rows have drifted; None without a verdict.
        decayed: Whether the champion has become worse; None without a verdict.
        cause: Why; None if nothing has changed, or nothing explains it.
        columns: The columns that explain it, the most important first.
        action: What follows.
        reasons: Why, one sentence each.
        replayed: Whether it is about a past day: then nothing was started or sent.
    """

    key: str
    time: datetime
    day: date
    by: str
    champion: int
    run_id: str | None
    drifted: bool | None
    decayed: bool | None
    cause: Cause | None
    columns: list[str]
    action: Action
    reasons: list[str]
    replayed: bool
