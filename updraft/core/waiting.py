"""Waiting for something that another process or thread does."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_fixed

T = TypeVar("T")


def wait_for(probe: Callable[[], T | None], *, seconds: float, every: float) -> T | None:
    """Call ``probe`` until it returns something that is not None, and return that.

    Args:
        probe: Is called at least once. Its exceptions pass through.
        seconds: After how long to give up; ``math.inf`` for never.
        every: The pause between two calls, in seconds.

    Returns:
        The first result that is not None; None if there was none in time.
    """
    retrying = Retrying(
        retry=retry_if_result(_is_none),
        stop=stop_after_delay(seconds),
        wait=wait_fixed(every),
        retry_error_callback=_give_up,
    )
    return retrying(probe)


def _is_none(result: object) -> bool:
    return result is None


def _give_up(_state: RetryCallState) -> None:
    return None
