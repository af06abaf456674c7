"""Waiting ends with the first result, with an exception, or when the time is up."""

import time

import pytest

from updraft.core.waiting import wait_for


def test_it_returns_the_first_result_that_is_not_none() -> None:
    results = iter([None, None, 0, 1])
    assert wait_for(lambda: next(results), seconds=10, every=0.01) == 0
    assert next(results) == 1, "not called again"


def test_it_gives_up_when_the_time_is_up() -> None:
    calls: list[float] = []

    def probe() -> None:
        calls.append(time.monotonic())

    assert wait_for(probe, seconds=0.1, every=0.02) is None
    assert len(calls) > 1
    assert calls[-1] - calls[0] >= 0.05


def test_it_calls_at_least_once() -> None:
    assert wait_for(lambda: "ready", seconds=0, every=1) == "ready"
    assert wait_for(lambda: None, seconds=0, every=1) is None


def test_exceptions_pass_through() -> None:
    def probe() -> None:
        raise KeyError("a mistake of the probe")

    with pytest.raises(KeyError, match="a mistake of the probe"):
        wait_for(probe, seconds=10, every=0.01)
