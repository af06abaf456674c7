"""When monitoring starts a training: a pure function from policy and situation to a decision.

It fails closed: what is not clear starts no training. All rules are in this one file, so that a
reviewer sees the whole decision and `make mutants` changes all of it.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from updraft.core.sections import Retraining
from updraft.core.triggers import Action, Cause, Trigger

WEEK = timedelta(days=7)


class Look(NamedTuple):
    """What was found on one day; None where there was no verdict."""

    day: date
    drifted: bool | None
    decayed: bool | None


class Situation(NamedTuple):
    """What is known on one day. Whatever is None is not known, and starts no training.

    Attributes:
        day: The newest partition; for a snapshot, which has no time, the day of the decision.
        looks: The newest looks, at most one a day, the oldest first. The last one is that of
            ``day``.
        diagnosed: Whether the cause of what the last look has found was looked for; True if it has
            found nothing.
        cause: The cause; None if nothing has changed, or nothing explains it.
        columns: The columns that explain it.
        past: The earlier decisions that count: those of other runs, or those of earlier days of the
            same replay.
        last_training: When a training was last started, by whomever: the newest partition that it
            could know.
        since_training: The partitions after that one, until ``day``.
        new_partitions: Those with complete labels that the champion has neither learnt from nor
            been judged on. For a snapshot, 1 if its rows are not those of the champion's training.
        trainings: How many trainings are queued or running.
        held: Whether a rollback holds all promotions.
        is_snapshot: Whether the rows have no time.
        unknown: Why a verdict is missing, one sentence each.
    """

    day: date
    looks: Sequence[Look]
    diagnosed: bool
    cause: Cause | None
    columns: Sequence[str]
    past: Sequence[Trigger]
    last_training: date | None
    since_training: int | None
    new_partitions: int | None
    trainings: int | None
    held: bool
    is_snapshot: bool = False
    unknown: Sequence[str] = ()


class Decision(NamedTuple):
    """What follows, and why: one sentence for each reason."""

    action: Action
    reasons: list[str]


class _Finding(NamedTuple):
    """Whether something that may ask for a training is there, and the sentence that says it."""

    is_confirmed: bool
    reason: str


class _Obstacle(NamedTuple):
    """What forbids a training, and whether a person must act, since waiting does not help."""

    reason: str
    needs_person: bool


def decide(policy: Retraining, situation: Situation) -> Decision:
    """Start a training only if something asks for it and nothing forbids it.

    If something forbids it, or the policy does not let decay ask, somebody is told where waiting
    does not help.

    Raises:
        ValueError: The looks are not one a day and in order, or the last one is not of the day.
    """
    _check_looks(situation)
    findings = {
        "drift": _repeated("drift", [look.drifted for look in situation.looks], policy, situation),
        "decay": _repeated("decay", [look.decayed for look in situation.looks], policy, situation),
        "schedule": _scheduled(policy, situation),
    }
    is_worse = findings["decay"].is_confirmed
    found = [
        *(_explained(findings[name], name, policy) for name in ("drift", "decay")),
        *([findings["schedule"].reason] if "schedule" in policy.on else []),
        *_cause(situation),
        *situation.unknown,
    ]
    if not any(findings[name].is_confirmed for name in policy.on):
        broken = _broken(situation)
        must_act = bool(broken) or is_worse
        reasons = [*found, *(obstacle.reason for obstacle in broken)]
        return Decision("alert" if must_act else "nothing", reasons)
    obstacles = [
        *_broken(situation),
        *_undiagnosed(situation),
        *_held(situation, is_worse),
        *_cooling_down(policy, situation),
        *_over_budget(policy, situation),
        *_nothing_new(policy, situation, is_worse),
        *_not_alone(situation),
    ]
    if not obstacles:
        return Decision("retrain", [*found, _new(policy, situation)])
    must_act = any(obstacle.needs_person for obstacle in obstacles)
    reasons = [*found, *(obstacle.reason for obstacle in obstacles)]
    return Decision("alert" if must_act else "nothing", reasons)


def _check_looks(situation: Situation) -> None:
    days = [look.day for look in situation.looks]
    if days != sorted(set(days)) or days[-1:] != [situation.day]:
        raise ValueError(
            f"looks: found {days}, expected one a day, in order, until {situation.day}"
        )


def _repeated(
    name: str, verdicts: Sequence[bool | None], policy: Retraining, situation: Situation
) -> _Finding:
    """Whether enough of the newest looks have found something, the last one among them.

    The newest snapshot replaces the others, so that there is one look.
    """
    verdicts = verdicts[-policy.looks :]
    found = sum(verdict is True for verdict in verdicts)
    unknown = sum(verdict is None for verdict in verdicts)
    if situation.is_snapshot:
        result = {True: "was found", False: "was not found", None: "could not be judged"}
        return _Finding(found > 0, f"{name} {result[verdicts[-1]]} in the snapshot")
    share = f"{name} was found in {found} of the newest {_number_of(len(verdicts), 'look')}"
    if unknown:
        share += f", and {unknown} without a verdict"
    needed = f"(retraining.confirmed {policy.confirmed})"
    if found >= policy.confirmed and verdicts[-1] is not True:
        return _Finding(False, f"{share}, but not in that of {situation.day} {needed}")
    return _Finding(found >= policy.confirmed, f"{share} {needed}")


def _scheduled(policy: Retraining, situation: Situation) -> _Finding:
    """Whether so many partitions have come since the last training that another one is due."""
    key = f"(retraining.every {policy.every})"
    if situation.is_snapshot:
        return _Finding(False, f"a snapshot has no partitions to count {key}")
    since = situation.since_training
    if since is None:
        return _Finding(False, f"it is not known when the last training was {key}")
    reason = f"since the last training, {_number_of(since, 'partition')} came {key}"
    return _Finding(since >= policy.every, reason)


def _explained(finding: _Finding, name: str, policy: Retraining) -> str:
    """The finding's sentence; where it matters, also that the policy does not let it ask."""
    if finding.is_confirmed and name not in policy.on:
        return f"{finding.reason}, but retraining.on does not name {name}"
    return finding.reason


def _cause(situation: Situation) -> list[str]:
    if situation.cause is None:
        return []
    if not situation.columns:
        return [f"the cause is {situation.cause}"]
    return [f"the cause is {situation.cause}, in {', '.join(situation.columns)}"]


def _broken(situation: Situation) -> list[_Obstacle]:
    """A model must not learn broken rows. They are worth an alert at the first look."""
    if situation.cause != "broken data":
        return []
    reason = "broken data start no training, whatever asks for one: repair them first"
    return [_Obstacle(reason, needs_person=True)]


def _undiagnosed(situation: Situation) -> list[_Obstacle]:
    if situation.diagnosed:
        return []
    reason = f"the cause was not looked for on {situation.day}, so the data may be broken"
    return [_Obstacle(reason, needs_person=True)]


def _held(situation: Situation, is_worse: bool) -> list[_Obstacle]:
    """While promotions are held, no challenger can become champion: training is in vain."""
    if not situation.held:
        return []
    reason = (
        "a rollback holds all promotions (gate.hold_after_rollback), so a training would be in "
        "vain until they are released"
    )
    return [_Obstacle(reason, needs_person=is_worse)]


def _cooling_down(policy: Retraining, situation: Situation) -> list[_Obstacle]:
    if situation.last_training is None:
        reason = (
            "the ledger does not say when the last training was "
            f"(retraining.cool_down {policy.cool_down}): train by hand"
        )
        return [_Obstacle(reason, needs_person=True)]
    last = max([situation.last_training, *_started(situation)])
    if (situation.day - last).days >= policy.cool_down:
        return []
    reason = (
        f"the last training is of {last}, fewer than {_number_of(policy.cool_down, 'day')} before "
        f"{situation.day} (retraining.cool_down {policy.cool_down})"
    )
    return [_Obstacle(reason, needs_person=False)]


def _over_budget(policy: Retraining, situation: Situation) -> list[_Obstacle]:
    recent = sum(day > situation.day - WEEK for day in _started(situation))
    if recent < policy.per_week:
        return []
    reason = (
        f"in the seven days until {situation.day}, monitoring started "
        f"{_number_of(recent, 'training')} (retraining.per_week {policy.per_week})"
    )
    return [_Obstacle(reason, needs_person=False)]


def _nothing_new(policy: Retraining, situation: Situation, is_worse: bool) -> list[_Obstacle]:
    """Without something new, a training gives the same model: it does not help against decay."""
    new = situation.new_partitions
    if new is None:
        reason = (
            "how much is new to the champion is not known "
            f"(retraining.min_new {_least_new(policy, situation)})"
        )
        return [_Obstacle(reason, needs_person=True)]
    if new >= _least_new(policy, situation):
        return []
    return [_Obstacle(_new(policy, situation), needs_person=is_worse)]


def _not_alone(situation: Situation) -> list[_Obstacle]:
    if situation.trainings is None:
        reason = "how many trainings are queued or running is not known"
        return [_Obstacle(reason, needs_person=True)]
    if situation.trainings == 0:
        return []
    number = _number_of(situation.trainings, "training")
    verb = "is" if situation.trainings == 1 else "are"
    return [_Obstacle(f"{number} {verb} queued or running", needs_person=False)]


def _started(situation: Situation) -> list[date]:
    """The days on which monitoring has started a training."""
    return [trigger.day for trigger in situation.past if trigger.action == "retrain"]


def _least_new(policy: Retraining, situation: Situation) -> int:
    """A snapshot has one partition, which is new or not."""
    return 1 if situation.is_snapshot else policy.min_new


def _new(policy: Retraining, situation: Situation) -> str:
    """How much is new to the champion, in words."""
    new = situation.new_partitions
    assert new is not None
    if situation.is_snapshot:
        rows = "other rows than" if new else "the rows of"
        return f"the features table has {rows} the champion's training"
    number = _number_of(new, "partition")
    return f"{number} with complete labels came after the champion's holdout " + (
        f"(retraining.min_new {policy.min_new})"
    )


def _number_of(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
