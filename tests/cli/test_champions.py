"""`updraft history`: who was champion when, as people read it and as they ask for it."""

from datetime import UTC, datetime, timedelta, timezone
from io import StringIO

import pytest
from rich.console import Console

from updraft.cli.champions import champion_lines, parse_moment, table
from updraft.core.errors import UpdraftError
from updraft.core.ledger import Entry

START = datetime(2013, 3, 8, 12, tzinfo=UTC)
FIRST = Entry(0, "a", START, "promoted", 1, None, 1, "flights_training one", ["first model"], "e1", "r1", 7, "0123abc")
SECOND = Entry(
    1, "b", START + timedelta(days=2), "rolled back", 3, 1, 3, "ada", ["complaints [by phone]"], None, None, None, "0123abc"
)


def test_it_says_who_was_champion_at_a_time_and_why() -> None:
    ledger = [FIRST, FIRST._replace(number=1, event="refused", time=START + timedelta(days=1), reasons=["worse"]), SECOND]
    assert champion_lines(ledger, START - timedelta(microseconds=1)) == ["At 2013-03-08 11:59:59 UTC nobody was champion."]
    assert champion_lines(ledger, START + timedelta(days=1, hours=1)) == [
        "At 2013-03-09 13:00:00 UTC version 1 was champion.",
        "  since    2013-03-08 12:00:00 UTC, promoted by flights_training one",
        "  because  first model",
        "  evidence e1, on features v7",
        "  code     0123abc",
    ]
    assert champion_lines(ledger, None)[:3] == [
        "Now version 3 is champion.",
        "  since    2013-03-10 12:00:00 UTC, rolled back by ada",
        "  because  complaints [by phone]",
    ]
    assert champion_lines([], None) == ["Nobody is champion yet."]


def test_the_table_shows_what_people_have_written_as_it_is() -> None:
    console = Console(width=200, record=True, file=StringIO())
    console.print(table([FIRST, SECOND._replace(reasons=["see [/ops/12]"])]))
    shown = console.export_text()
    assert "see [/ops/12]" in shown
    assert "1 to 3" in shown


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2013-03-08T12:00", START),
        ("2013-03-08T13:00+01:00", START),
        ("2013-03-08", datetime(2013, 3, 8, 23, 59, 59, 999999, UTC)),
        ("2013-03-08 07:00:00-05:00", START.astimezone(timezone(timedelta(hours=-5)))),
    ],
)
def test_a_moment_is_utc_unless_it_says_otherwise_and_a_day_means_its_end(text: str, means: datetime) -> None:
    assert parse_moment(text) == means


def test_a_moment_that_is_none_is_refused() -> None:
    with pytest.raises(UpdraftError, match=r"--at: found 'yesterday', expected a day or a time"):
        parse_moment("yesterday")
