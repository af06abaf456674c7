"""Errors of a use case's SQL: which one it is, what Spark says, and what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from updraft.core.errors import UpdraftError
from updraft.core.use_case import UseCase

FEATURES_SQL = "features.sql"
EVENT_TIME_SQL = "use_case.yaml: data.event_time"
TARGET_SQL = "use_case.yaml: data.target.sql"
USABLE = {
    FEATURES_SQL: "the columns of data.columns that are not in data.known_after, and lookups",
    EVENT_TIME_SQL: "the columns of data.columns",
    TARGET_SQL: "the columns of data.columns, row_id and event_time",
}
ANALYSIS = ("0A", "42")  # Classes of SQLSTATE: what cannot be computed for any row.
DATA = ("21", "22", "P0")  # What cannot be computed for some row.
STATE = re.compile(r"SQLSTATE: (\w\w)\w{3}")
# ANSI mode is what makes an error of a text that is no number; switched off, it would be null.
NOISE = re.compile(r" SQLSTATE: .*| If necessary set \S+ to \S+ to bypass this error\.")


@contextmanager
def sql_errors(use_case: UseCase, place: str) -> Iterator[None]:
    """Turn Spark's errors about the SQL of a place into sentences.

    Raises:
        UpdraftError: names the file and key, with Spark's first line and the next step.
    """
    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        text = _text(error)
        state = STATE.search(text)
        if state is None or state[1] not in ANALYSIS + DATA:
            raise
        step = f"It may use {USABLE[place]}. Correct it, then clear this task."
        if state[1] in DATA:
            step = (
                "Let it be null where there is no value, such as by try_cast, try_to_timestamp, "
                "try_divide or get, then clear this task."
            )
        line = NOISE.sub("", text.strip().splitlines()[0])
        raise UpdraftError(f"{use_case.folder}/{place}: {line} {step}") from None


def _text(error: PySparkException | Py4JJavaError) -> str:
    if isinstance(error, Py4JJavaError):
        return str(error.java_exception.getMessage())
    return str(error)
