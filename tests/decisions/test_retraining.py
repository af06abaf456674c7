"""When a training starts: each rule with its figures and key, and no run of days without bound."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any, get_args

import pytest

from updraft.core.sections import Retraining
from updraft.core.triggers import Action, Cause, Trigger
from updraft.decisions.retraining import Decision, Look, Situation, decide

DAY = date(2013, 6, 30)
POLICY = Retraining()  # Drift or decay in 2 of 3 looks, 7 days apart, one a week, 7 new partitions.
Verdicts = Sequence[bool | None]
Y, N, U = True, False, None

NO_DRIFT = "drift was found in 0 of the newest 3 looks (retraining.confirmed 2)"
DRIFT = "drift was found in 2 of the newest 3 looks (retraining.confirmed 2)"
NO_DECAY = "decay was found in 0 of the newest 3 looks (retraining.confirmed 2)"
DECAY = "decay was found in 2 of the newest 3 looks (retraining.confirmed 2)"
NEW = "9 partitions with complete labels came after the champion's holdout (retraining.min_new 7)"
FEW = "6 partitions with complete labels came after the champion's holdout (retraining.min_new 7)"
BROKEN = "broken data start no training, whatever asks for one: repair them first"
UNDIAGNOSED = "the cause was not looked for on 2013-06-30, so the data may be broken"
HELD = (
    "a rollback holds all promotions (gate.hold_after_rollback), so a training would be in vain "
    "until they are released"
)
RUNNING = "1 training is queued or running"
UNKNOWN_TRAININGS = "how many trainings are queued or running is not known"
UNKNOWN_NEW = "how much is new to the champion is not known (retraining.min_new 7)"
UNKNOWN_LAST = (
    "the ledger does not say when the last training was (retraining.cool_down 7): train by hand"
)
STARTED = (
    "in the seven days until 2013-06-30, monitoring started 1 training (retraining.per_week 1)"
)


def cooling(last: str, day: date = DAY) -> str:
    return (
        f"the last training is of {last}, fewer than 7 days before {day} (retraining.cool_down 7)"
    )


def days_before(number: int) -> date:
    return DAY - timedelta(days=number)


def looks(drifted: Verdicts, decayed: Verdicts, day: date = DAY) -> list[Look]:
    days = [day - timedelta(days=number) for number in range(len(drifted))][::-1]
    return [Look(*look) for look in zip(days, drifted, decayed, strict=True)]


def started(day: date, action: Action = "retrain") -> Trigger:
    return Trigger(
        key="",
        time=datetime(2013, 7, 1, tzinfo=UTC),
        day=day,
        by="us",
        champion=1,
        run_id=None,
        drifted=True,
        decayed=None,
        cause=None,
        columns=[],
        action=action,
        reasons=[],
        replayed=False,
    )


def situation(
    drifted: Verdicts = (N, Y, Y), decayed: Verdicts = (N, N, N), **known: Any
) -> Situation:
    """A situation in which drift asks for a training and nothing forbids it, but for ``known``."""
    found = Situation(
        day=DAY,
        looks=looks(drifted, decayed),
        diagnosed=True,
        cause=None,
        columns=[],
        past=[],
        last_training=days_before(30),
        since_training=30,
        new_partitions=9,
        trainings=0,
        held=False,
    )
    return found._replace(**known)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (situation(), Decision("retrain", [DRIFT, NO_DECAY, NEW])),
        (
            situation(cause="covariate drift", columns=["temp", "dewp"]),
            Decision(
                "retrain", [DRIFT, NO_DECAY, "the cause is covariate drift, in temp, dewp", NEW]
            ),
        ),
        (
            situation((N, N, N), (Y, N, Y), cause="concept drift"),
            Decision("retrain", [NO_DRIFT, DECAY, "the cause is concept drift", NEW]),
        ),
        (situation((N, N, N)), Decision("nothing", [NO_DRIFT, NO_DECAY])),
        # Broken data need no confirmation, and no asker.
        (
            situation((N, N, Y), cause="broken data", columns=["temp"]),
            Decision(
                "alert",
                [
                    NO_DRIFT.replace("0 of", "1 of"),
                    NO_DECAY,
                    "the cause is broken data, in temp",
                    BROKEN,
                ],
            ),
        ),
        (
            situation(cause="broken data"),
            Decision("alert", [DRIFT, NO_DECAY, "the cause is broken data", BROKEN]),
        ),
        (situation(diagnosed=False), Decision("alert", [DRIFT, NO_DECAY, UNDIAGNOSED])),
        (
            situation((N, N, Y), diagnosed=False),
            Decision("nothing", [NO_DRIFT.replace("0", "1"), NO_DECAY]),
        ),
        # Waiting helps, or it does not.
        (situation(held=True), Decision("nothing", [DRIFT, NO_DECAY, HELD])),
        (situation(decayed=(N, Y, Y), held=True), Decision("alert", [DRIFT, DECAY, HELD])),
        (situation(new_partitions=6), Decision("nothing", [DRIFT, NO_DECAY, FEW])),
        (situation(decayed=(N, Y, Y), new_partitions=6), Decision("alert", [DRIFT, DECAY, FEW])),
        (situation(new_partitions=None), Decision("alert", [DRIFT, NO_DECAY, UNKNOWN_NEW])),
        (situation(trainings=1), Decision("nothing", [DRIFT, NO_DECAY, RUNNING])),
        (
            situation(trainings=2),
            Decision("nothing", [DRIFT, NO_DECAY, "2 trainings are queued or running"]),
        ),
        (situation(trainings=None), Decision("alert", [DRIFT, NO_DECAY, UNKNOWN_TRAININGS])),
        (situation(last_training=None), Decision("alert", [DRIFT, NO_DECAY, UNKNOWN_LAST])),
        (
            situation(last_training=days_before(6)),
            Decision("nothing", [DRIFT, NO_DECAY, cooling("2013-06-24")]),
        ),
        (situation(last_training=days_before(7)), Decision("retrain", [DRIFT, NO_DECAY, NEW])),
        # A training of a later day than the newest partition: of other rows, or by another clock.
        (
            situation(last_training=days_before(-3)),
            Decision("nothing", [DRIFT, NO_DECAY, cooling("2013-07-03")]),
        ),
        (
            situation(past=[started(days_before(6))]),
            Decision("nothing", [DRIFT, NO_DECAY, cooling("2013-06-24"), STARTED]),
        ),
        (situation(past=[started(days_before(7))]), Decision("retrain", [DRIFT, NO_DECAY, NEW])),
        (
            situation(past=[started(DAY, "alert"), started(DAY, "nothing")]),
            Decision("retrain", [DRIFT, NO_DECAY, NEW]),
        ),
        # All reasons are given, in one order; one that needs a person decides.
        (
            situation(
                decayed=(Y, N, Y),
                diagnosed=False,
                held=True,
                last_training=days_before(9),
                past=[started(days_before(5)), started(days_before(20))],
                new_partitions=6,
                trainings=1,
                unknown=["decay: few rows"],
            ),
            Decision(
                "alert",
                [
                    DRIFT,
                    DECAY,
                    "decay: few rows",
                    UNDIAGNOSED,
                    HELD,
                    cooling("2013-06-25"),
                    STARTED,
                    FEW,
                    RUNNING,
                ],
            ),
        ),
        (
            situation(last_training=days_before(1), trainings=1, new_partitions=6),
            Decision("nothing", [DRIFT, NO_DECAY, cooling("2013-06-29"), FEW, RUNNING]),
        ),
    ],
)
def test_each_rule_decides_and_says_why(known: Situation, expected: Decision) -> None:
    assert decide(POLICY, known) == expected


def test_what_the_policy_does_not_name_does_not_ask() -> None:
    """A champion that has become worse concerns a person then."""
    cases: list[tuple[list[str], Situation, Decision]] = [
        (
            ["decay"],
            situation(),
            Decision("nothing", [f"{DRIFT}, but retraining.on does not name drift", NO_DECAY]),
        ),
        (
            ["drift"],
            situation((N, N, N), (Y, N, Y)),
            Decision("alert", [NO_DRIFT, f"{DECAY}, but retraining.on does not name decay"]),
        ),
        (
            ["drift"],
            situation((N, N, N), (Y, N, N)),
            Decision("nothing", [NO_DRIFT, NO_DECAY.replace("0", "1")]),
        ),
        ([], situation((N, N, N)), Decision("nothing", [NO_DRIFT, NO_DECAY])),
        (
            [],
            situation((N, N, Y), cause="broken data"),
            Decision(
                "alert", [NO_DRIFT.replace("0", "1"), NO_DECAY, "the cause is broken data", BROKEN]
            ),
        ),
    ]
    for names, known, expected in cases:
        assert decide(Retraining(on=names), known) == expected, names


@pytest.mark.parametrize(
    ("since", "action", "reason"),
    [
        (29, "nothing", "since the last training, 29 partitions came (retraining.every 30)"),
        (30, "retrain", "since the last training, 30 partitions came (retraining.every 30)"),
        (1, "nothing", "since the last training, 1 partition came (retraining.every 30)"),
        (
            None,
            "nothing",
            "it is not known when the last training was (retraining.every 30)",
        ),
    ],
)
def test_a_schedule_counts_partitions(since: int | None, action: str, reason: str) -> None:
    policy = Retraining(on=["schedule"])
    decision = decide(policy, situation((N, N, N), since_training=since))
    new = [NEW] if action == "retrain" else []
    assert decision == Decision(action, [NO_DRIFT, NO_DECAY, reason, *new])
    unnamed = decide(POLICY, situation((N, N, N), since_training=since))
    assert unnamed == Decision("nothing", [NO_DRIFT, NO_DECAY])


def test_one_asker_is_enough_and_each_is_told() -> None:
    policy = Retraining(on=["schedule", "drift"], every=10)
    since = "since the last training, {} partitions came (retraining.every 10)"
    for drifted, number, action in [((Y, Y, Y), 9, "retrain"), ((N, N, N), 10, "retrain")]:
        decision = decide(policy, situation(drifted, since_training=number))
        assert decision.action == action
        assert since.format(number) in decision.reasons


@pytest.mark.parametrize("verdicts", product([Y, N, U], repeat=4))
@pytest.mark.parametrize("name", ["drift", "decay"])
def test_n_of_the_last_m_looks_confirm_the_newest_one_among_them(
    name: str, verdicts: tuple[bool | None, ...]
) -> None:
    """All patterns of four looks, for all numbers of looks and confirmations."""
    for number in range(1, 5):
        for confirmed in range(1, number + 1):
            policy = Retraining(on=[name], looks=number, confirmed=confirmed)
            none = [N] * 4
            drifted, decayed = (verdicts, none) if name == "drift" else (none, verdicts)
            decision = decide(policy, situation(drifted, decayed))
            newest = verdicts[4 - number :]
            is_confirmed = newest.count(Y) >= confirmed and newest[-1] is Y
            assert decision.action == ("retrain" if is_confirmed else "nothing")
            reason = decision.reasons[0 if name == "drift" else 1]
            looked = "1 look" if number == 1 else f"{number} looks"
            start = f"{name} was found in {newest.count(Y)} of the newest {looked}"
            assert reason.startswith(start)
            unknown = newest.count(U)
            rest = f", and {unknown} without a verdict" if unknown else ""
            if newest.count(Y) >= confirmed and not is_confirmed:
                rest += ", but not in that of 2013-06-30"
            assert reason == f"{start}{rest} (retraining.confirmed {confirmed})"


def test_fewer_looks_than_the_policy_counts_may_confirm_too() -> None:
    short = situation()._replace(looks=looks((Y, Y), (N, N)))
    assert decide(POLICY, short).action == "retrain"
    shorter = situation()._replace(looks=looks((Y,), (N,)))
    assert decide(POLICY, shorter).action == "nothing"


@pytest.mark.parametrize(
    "days",
    [
        [],
        [days_before(1)],
        [DAY, days_before(1)],
        [DAY, DAY],
        [days_before(1), DAY, days_before(-1)],
        [days_before(1), days_before(1), DAY],
    ],
)
def test_looks_that_are_not_one_a_day_until_the_day_are_refused(days: list[date]) -> None:
    """Two looks at one day would confirm each other."""
    twice = situation()._replace(looks=[Look(day, True, True) for day in days])
    with pytest.raises(ValueError, match=r"looks: found \[.*expected one a day.*until 2013-06-30"):
        decide(POLICY, twice)


@pytest.mark.parametrize(
    ("drifted", "new", "expected"),
    [
        (
            Y,
            1,
            Decision(
                "retrain",
                [
                    "drift was found in the snapshot",
                    "decay was not found in the snapshot",
                    "the features table has other rows than the champion's training",
                ],
            ),
        ),
        (
            Y,
            0,
            Decision(
                "nothing",
                [
                    "drift was found in the snapshot",
                    "decay was not found in the snapshot",
                    "the features table has the rows of the champion's training",
                ],
            ),
        ),
        (
            Y,
            None,
            Decision(
                "alert",
                [
                    "drift was found in the snapshot",
                    "decay was not found in the snapshot",
                    "how much is new to the champion is not known (retraining.min_new 1)",
                ],
            ),
        ),
        (
            N,
            1,
            Decision(
                "nothing",
                ["drift was not found in the snapshot", "decay was not found in the snapshot"],
            ),
        ),
        (
            U,
            1,
            Decision(
                "nothing",
                [
                    "drift could not be judged in the snapshot",
                    "decay was not found in the snapshot",
                ],
            ),
        ),
    ],
)
def test_a_snapshot_has_one_look_and_is_new_or_not(
    drifted: bool | None, new: int | None, expected: Decision
) -> None:
    known = situation((drifted,), (N,), new_partitions=new, is_snapshot=True)
    assert decide(POLICY, known._replace(looks=looks((drifted,), (N,)))) == expected


def test_a_snapshot_has_no_schedule() -> None:
    known = situation((N,), (N,), is_snapshot=True, since_training=1000)
    decision = decide(Retraining(on=["schedule"]), known)
    assert decision.action == "nothing"
    assert decision.reasons[2] == "a snapshot has no partitions to count (retraining.every 30)"


def all_situations() -> Iterable[tuple[Retraining, Situation]]:
    """Each combination of what may be known, unknown or against a training."""
    values = product(
        [["drift"], ["decay"], ["schedule"], []],
        [Y, N, U],
        [Y, N, U],
        [Y, N],
        [None, *get_args(Cause)],
        [[], [started(days_before(3))]],
        [None, days_before(2), days_before(30)],
        [None, 0, 9],
        [None, 0, 1],
        [Y, N],
    )
    for on, drifted, decayed, diagnosed, cause, past, last, new, trainings, held in values:
        yield (
            Retraining(on=on, looks=1, confirmed=1),
            situation(
                (drifted,),
                (decayed,),
                diagnosed=diagnosed,
                cause=cause,
                past=past,
                last_training=last,
                since_training=None if last is None else 30,
                new_partitions=new,
                trainings=trainings,
                held=held,
            ),
        )


def test_a_training_starts_only_if_everything_is_known_and_nothing_is_against_it() -> None:
    actions = set()
    for policy, known in all_situations():
        look = known.looks[-1]
        decision = decide(policy, known)
        actions.add(decision.action)
        asked = (
            ("drift" in policy.on and look.drifted is True)
            or ("decay" in policy.on and look.decayed is True)
            or ("schedule" in policy.on and known.since_training == 30)
        )
        is_allowed = (
            known.diagnosed
            and known.cause != "broken data"
            and not known.past
            and known.last_training == days_before(30)
            and known.new_partitions == 9
            and known.trainings == 0
            and not known.held
        )
        assert (decision.action == "retrain") == (asked and is_allowed)
        if known.cause == "broken data":
            assert decision.action == "alert"
        if look.decayed and (known.held or known.new_partitions in (None, 0)):
            assert decision.action == "alert"
        assert all(decision.reasons)
        assert len(set(decision.reasons)) == len(decision.reasons)
    assert actions == set(get_args(Action))


NEVER = 10**6


@pytest.mark.parametrize("hours", [0, 30, NEVER])
@pytest.mark.parametrize("enters", [True, False])
@pytest.mark.parametrize("cool_down", [0, 3])
@pytest.mark.parametrize("per_week", [1, 4])
def test_an_hourly_use_case_never_queues_trainings_without_bound(
    hours: int, enters: bool, cool_down: int, per_week: int
) -> None:
    """1,000 hourly runs that all find drift and decay, whatever becomes of the trainings.

    One that lasts no hour has ended at once, was never started, or failed. The ledger knows it only
    if it ``enters`` its holdout there.
    """
    policy = Retraining(
        on=["drift", "decay", "schedule"], every=1, cool_down=cool_down, per_week=per_week
    )
    first = datetime(2013, 1, 1, tzinfo=UTC)
    past: list[Trigger] = []
    ends: list[int] = []
    last_training = date(2012, 12, 1)
    for hour in range(1000):
        day = (first + timedelta(hours=hour)).date()
        running = sum(end > hour for end in ends)
        known = situation(
            day=day,
            looks=looks((Y, Y, Y), (Y, Y, Y), day),
            past=past,
            last_training=last_training,
            trainings=running,
        )
        decision = decide(policy, known)
        past = [*past, started(day, decision.action)]
        if decision.action == "retrain":
            assert running == 0, "no two trainings at once"
            ends.append(hour + hours)
            if enters:
                last_training = day
    days = [trigger.day for trigger in past if trigger.action == "retrain"]
    for day in days:
        week = [other for other in days if day <= other < day + timedelta(days=7)]
        assert len(week) <= per_week
    # 42 days, 6 weeks. What is in the way passes, but for a training that never ends.
    most = 6 * (min(per_week, 3) if cool_down else per_week)
    assert len(days) == 1 if hours == NEVER else 6 <= len(days) <= most
