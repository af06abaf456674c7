"""The table of monitoring's decisions: its content, and that none is lost, doubled or torn."""

import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from updraft.core.errors import UpdraftError
from updraft.core.triggers import Trigger
from updraft.core.use_case import UseCase
from updraft.data import append_only
from updraft.data.append_only import HeldRows
from updraft.data.triggers import HeldTriggers, Triggers, with_key

DECISION = with_key(
    Trigger(
        key="",
        time=datetime(2013, 7, 1, 12, 0, 0, 1, UTC),
        day=date(2013, 6, 30),
        by="flights_monitoring one",
        champion=3,
        run_id="r",
        drifted=True,
        decayed=None,
        cause="covariate drift",
        columns=["temp", "dewp"],
        action="retrain",
        reasons=["drift was found", "nothing forbids it"],
        replayed=False,
    )
)
NOTHING = with_key(
    DECISION._replace(
        time=DECISION.time + timedelta(days=1),
        day=date(2013, 7, 1),
        by="flights_monitoring two",
        run_id=None,
        drifted=False,
        decayed=False,
        cause=None,
        columns=[],
        action="nothing",
        reasons=[],
        replayed=True,
    )
)
# Another process that decides histories of three days, one after the other, and says when it begins
# and when it has written each. It goes on where the table ends.
HISTORIES = """
    from datetime import UTC, date, datetime, timedelta
    from updraft.core.triggers import Trigger
    from updraft.core.use_case import load_use_case
    from updraft.data import append_only
    from updraft.data.triggers import Triggers
    append_only.MANY_FILES = 2
    triggers = Triggers(load_use_case("flights"))
    print("ready", flush=True)
    while True:
        with triggers.hold() as held:
            before = held.all()
            number = len(before) // 3
            days = [date(2013, 1, 1) + timedelta(days=day) for day in range(3)]
            now = datetime.now(UTC)
            by = str(number)
            history = [
                Trigger("", now, day, by, 1, None, None, None, None, [], "nothing", [], True)
                for day in days
            ]
            held.add(history, before)
        print(number, flush=True)
"""
# Another process that holds the table until it gets a line.
HOLDER = """
    import sys
    from updraft.core.use_case import load_use_case
    from updraft.data.triggers import Triggers
    with Triggers(load_use_case("flights")).hold():
        print("held", flush=True)
        sys.stdin.readline()
"""


@contextmanager
def other_process(program: str) -> Iterator["subprocess.Popen[str]"]:
    """Another process, once it has printed its first line. It is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        assert process.stdout.readline() in ("ready\n", "held\n")
        yield process
    finally:
        process.kill()
        process.wait()


def add(triggers: Triggers, *decisions: Trigger) -> None:
    with triggers.hold() as held:
        held.add(decisions, held.all())


def test_decisions_come_back_as_they_were_in_the_order_of_their_times(
    root: Path, flights: UseCase
) -> None:
    triggers = Triggers(flights)
    assert triggers.all() == []
    add(triggers, NOTHING)
    add(triggers, DECISION)
    assert triggers.all() == [DECISION, NOTHING]
    earlier_day = with_key(NOTHING._replace(day=date(2013, 1, 1)))
    add(triggers, earlier_day)
    assert triggers.all() == [DECISION, earlier_day, NOTHING]


@pytest.mark.parametrize(
    "change",
    [
        {"day": date(2013, 6, 29)},
        {"by": "flights_monitoring three"},
        {"champion": 4},
        {"run_id": "s"},
        {"drifted": None},
        {"decayed": False},
        {"cause": None},
        {"columns": ["temp"]},
        {"action": "alert"},
        {"reasons": ["drift was found"]},
        {"replayed": True},
    ],
)
def test_equal_decisions_have_one_key_whenever_they_are_taken(change: dict[str, Any]) -> None:
    later = DECISION._replace(key="", time=DECISION.time + timedelta(hours=1))
    assert with_key(later).key == DECISION.key
    assert with_key(DECISION._replace(**change)).key != DECISION.key


def test_a_decision_is_written_once(root: Path, flights: UseCase) -> None:
    triggers = Triggers(flights)
    add(triggers, DECISION)
    add(triggers, DECISION._replace(time=DECISION.time + timedelta(hours=1)), NOTHING)
    add(triggers, NOTHING, DECISION)
    assert triggers.all() == [DECISION, NOTHING]


def test_decisions_that_come_between_reading_and_writing_refuse_the_others(
    root: Path, flights: UseCase
) -> None:
    """On an object store, where nothing is locked."""
    triggers = Triggers(flights)
    without_lock = HeldTriggers(triggers, HeldRows(triggers.table))
    without_lock.add([NOTHING], after=[])
    message = r"the decision on 2013-06-30 was not written: .*Expected the 0 rows.* decides anew"
    with pytest.raises(UpdraftError, match=message):
        without_lock.add([DECISION], after=[])

    def decide(number: int) -> bool:
        try:
            without_lock.add([DECISION._replace(champion=number)], after=[NOTHING])
        except UpdraftError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        written = list(threads.map(decide, range(8)))
    assert sum(written) == 1
    assert [decision.champion for decision in triggers.all()] == [written.index(True), 3]


def test_decisions_wait_for_each_other(root: Path, flights: UseCase) -> None:
    """None of several at the same time starts a training that the others do not know of."""
    triggers = Triggers(flights)

    def decide(number: int) -> None:
        with triggers.hold() as held:
            before = held.all()
            action = "nothing" if before else "retrain"
            held.add([DECISION._replace(by=str(number), action=action)], after=before)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(decide, range(16)))
    decisions = triggers.all()
    assert {decision.by for decision in decisions} == set(map(str, range(16)))
    assert [decision.action for decision in decisions].count("retrain") == 1


def test_many_decisions_lie_in_few_files(
    root: Path, flights: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hourly use case decides 8,760 times a year, and each decision reads all earlier ones."""
    monkeypatch.setattr(append_only, "MANY_FILES", 4)
    triggers = Triggers(flights)
    decisions = [
        with_key(DECISION._replace(by=str(number), time=DECISION.time + timedelta(hours=number)))
        for number in range(10)
    ]
    files = []
    for decision in decisions:
        add(triggers, decision)
        files.append(len(DeltaTable(triggers.table.location.deltalake).file_uris()))
    assert files == [1, 2, 3, 4, 2, 3, 4, 2, 3, 4]
    assert triggers.all() == decisions


def test_who_decides_is_alone_until_it_ends(
    root: Path, flights: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(append_only, "LOCK_SECONDS", 0.2)
    with other_process(HOLDER) as process:
        message = r"another process has held .*triggers\.lock"
        with pytest.raises(UpdraftError, match=message), Triggers(flights).hold():
            pass
        process.kill()
        process.wait()
        add(Triggers(flights), DECISION)
    assert Triggers(flights).all() == [DECISION]


def test_nothing_is_added_once_the_lock_is_released(root: Path, flights: UseCase) -> None:
    with Triggers(flights).hold() as held:
        held.add([DECISION], after=[])
    with pytest.raises(RuntimeError, match="lock has been released"):
        held.add([NOTHING], after=[DECISION])
    assert Triggers(flights).all() == [DECISION]


def test_a_process_killed_at_any_point_leaves_whole_histories_and_no_lock(
    root: Path, flights: UseCase
) -> None:
    for seconds in (0, 0.03, 0.11, 0.3):
        said = killed_while_it_decides(seconds)
        decisions = Triggers(flights).all()
        histories = [decision.by for decision in decisions]
        numbers = range(len(histories) // 3)
        assert sorted(histories) == sorted(str(number) for number in numbers for _ in range(3))
        assert len({decision.key for decision in decisions}) == len(decisions)
        assert not said or len(numbers) - said[-1] in (1, 2), "what was said to be there is there"


def killed_while_it_decides(seconds: float) -> list[int]:
    """The numbers of the histories that a process says it has written before it is killed."""
    with other_process(HISTORIES) as process:
        time.sleep(seconds)
        process.kill()
        written, _ = process.communicate()
    return [int(number) for number in written.split()]
