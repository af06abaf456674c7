"""What a label may be made of, and names that mean one thing."""

from typing import Any

import pytest
from pydantic import ValidationError

from updraft.core.sections import Data
from updraft.models.tracking import metric_key

BASE: dict[str, Any] = {
    "input": "landing/t",
    "files": ["*.csv"],
    "columns": {
        "k": "string",
        "Start": "timestamp",
        "stop": "timestamp",
        "y": "int",
        "a b": "int",
        "a`b": "int",
        "1st": "int",
        "2nd": "timestamp",
    },
    "event_time": "Start",
    "key": ["k"],
    "known_after": ["stop", "y", "a b", "a`b", "2nd"],
}


def data(sql: str, **changes: Any) -> Data:
    target = {"name": "t", "sql": sql, "description": "d"}
    return Data.model_validate({**BASE, "target": target, **changes})


@pytest.mark.parametrize(
    "sql",
    [
        "y > 0",
        "Y > 0",
        "`Y` > 0",
        "unix_timestamp(stop) - unix_timestamp(start)",
        "clean.stop > clean.Start",
        "`a b` > 1",
        "CASE WHEN k = 'y' THEN y END",
        "`a``b` > 0",
        "2nd > 0",
    ],
)
def test_a_label_may_use_what_is_known_earlier_beside_what_is_not(sql: str) -> None:
    """(08.18) Such as the duration of a trip. Spark does not distinguish upper and lower case."""
    data(sql)


@pytest.mark.parametrize(
    ("sql", "known_after"),
    [
        ("y > 0", ["stop"]),
        ("Y > 0", ["stop"]),
        ("`Y` > 0", ["stop"]),
        ("t.y > 0", ["stop"]),
        ("start > 0", ["stop", "y"]),
        ("CASE WHEN Start > 0 THEN 'stop' END", ["stop"]),
        ("START > 0 -- stop", ["stop"]),
        ("1.0", ["stop"]),
        ("hour(event_time)", ["stop"]),
        ("length(row_id)", ["stop"]),
        ("1st > 0", ["stop"]),
        ("`1st` > 0", ["stop"]),
        ("y(Start)", ["y"]),
        ("y.k", ["y"]),
        ("named_struct('y', k).y", ["y"]),
    ],
)
def test_a_label_that_is_known_at_prediction_time_is_refused(
    sql: str, known_after: list[str]
) -> None:
    """(08.18) Whatever the case of its names, and whatever texts and comments say."""
    with pytest.raises(ValidationError, match="the label would be known at prediction time"):
        data(sql, known_after=known_after)


@pytest.mark.parametrize("sql", ["STOP", "`Stop`", "coalesce(start, stop)", "coalesce(2nd, Start)"])
def test_an_event_time_that_is_known_too_late_is_refused(sql: str) -> None:
    """(08.18) The same thought about another key."""
    with pytest.raises(ValidationError, match=r"event_time: found \['(stop|2nd)'\]"):
        data("y", event_time=sql)


def test_a_use_case_may_rename_columns() -> None:
    """(08.17) To columns that there are, and from names that are none of them."""
    data("y", rename={"event_time": "Start", "label": "y"})
    for rename in ({"x": "missing"}, {"k": "y"}):
        with pytest.raises(ValidationError, match="column"):
            data("y", rename=rename)


def test_classes_have_metric_names_of_their_own() -> None:
    """(08.19) MLflow accepts few characters; no two classes share a name."""
    names = [
        "a+",
        "a-",
        "a_",
        "a*",
        "a",
        "a b",
        "a/b",
        "a:b",
        "a%b",
        "ä",
        "A+",
        "",
        "a..b",
        "日本",
        "a+_",
        "a" * 245,
        "a" * 244 + "b",
        "推" * 45,
        "推" * 44 + "敲",
    ]
    keys = [metric_key(f"recall_{name}") for name in names]
    assert len(set(keys)) == len(names)
    for key in keys:
        assert all((letter.isalnum() and letter.isascii()) or letter in "_-. :/" for letter in key)
        assert len(f"validation_{key}") <= 250, "MLflow refuses longer ones"
    assert metric_key("recall_late") == "recall_late"
