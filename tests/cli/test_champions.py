"""`updraft history`: who was champion when, as people read it and as they ask for it."""

from datetime import UTC, datetime, timedelta, timezone
from io import StringIO

import pytest
from rich.console import Console

from updraft.cli.champions import (
    champion_lines,
    ledger_table,
    parse_moment,
    restriction_lines,
)
from updraft.core.errors import UpdraftError
from updraft.core.ledger import Entry
from updraft.core.manifest import MODEL, Manifest

START = datetime(2013, 3, 8, 12, tzinfo=UTC)
PROMOTION = Entry(
    number=0,
    key="a",
    time=START,
    event="promoted",
    version=1,
    from_version=None,
    to_version=1,
    by="flights_training one",
    reasons=["first model"],
    evidence="e1",
    run_id="r1",
    features_version=7,
    code="0123abc",
)
ROLLBACK = Entry(
    number=1,
    key="b",
    time=START + timedelta(days=2),
    event="rolled back",
    version=3,
    from_version=1,
    to_version=3,
    by="ada",
    reasons=["complaints [by phone]"],
    evidence=None,
    run_id=None,
    features_version=None,
    code="0123abc",
)


def test_it_says_who_was_champion_at_a_time_and_why() -> None:
    refusal = PROMOTION._replace(
        number=1, event="refused", time=START + timedelta(days=1), reasons=["worse"]
    )
    ledger = [PROMOTION, refusal, ROLLBACK]
    assert champion_lines(ledger, START - timedelta(microseconds=1)) == [
        "At 2013-03-08 11:59:59 UTC nobody was champion."
    ]
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
    console.print(ledger_table([PROMOTION, ROLLBACK._replace(reasons=["see [/ops/12]"])]))
    output = console.export_text()
    assert "see [/ops/12]" in output
    assert "1 to 3" in output


def test_it_says_what_is_held_and_barred_and_how_to_release() -> None:
    manifest = Manifest(files={MODEL: "0123456789abcdef"}, facts={})
    trained = PROMOTION._replace(event="trained", model=manifest.model_dump_json())
    rollback = ROLLBACK._replace(version=0, to_version=None, holds=True)
    entries = [trained, PROMOTION, rollback]
    assert restriction_lines("flights", entries[:2], None) == []
    assert restriction_lines("flights", entries, ROLLBACK.time - timedelta(seconds=1)) == []
    done = "the rollback from version 1 to no champion at 2013-03-10 12:00 UTC by ada"
    held = [
        f"Promotions are held by {done} (complaints [by phone]).",
        "  to release them: updraft release flights --reason ...",
    ]
    barred = [f"The model file 0123456789ab is barred by {done} (complaints [by phone])."]
    assert restriction_lines("flights", entries, None) == [*held, *barred]
    released = [*entries, rollback._replace(event="released", holds=None)]
    assert restriction_lines("flights", released, None) == barred


def test_the_table_says_between_which_decisions_the_rules_have_changed() -> None:
    rules = {"policy": "p", "use_case": "u", "suites": "s"}
    entries = [
        PROMOTION._replace(**rules, reasons=["one"]),
        PROMOTION._replace(**rules, reasons=["two"]),
        PROMOTION._replace(**rules | {"policy": "q"}, reasons=["three"]),
        PROMOTION._replace(reasons=["without hashes"]),
        PROMOTION._replace(**rules | {"suites": "t"}, reasons=["five"]),
    ]
    console = Console(width=200, record=True, file=StringIO())
    console.print(ledger_table([PROMOTION, *entries]))
    output = [line.strip("│ ") for line in console.export_text().splitlines()]
    changes = [line.partition("changed: ")[2].rstrip("]") for line in output if "changed" in line]
    assert changes == ["gate", "gate, suites"]
    lines = champion_lines(entries[:1], None)
    assert lines[-1] == "  rules    gate p, use case u, suites s"
    assert "rules" not in " ".join(champion_lines([PROMOTION], None))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2013-03-08T12:00", START),
        ("2013-03-08T13:00+01:00", START),
        ("2013-03-08", datetime(2013, 3, 8, 23, 59, 59, 999999, UTC)),
        ("2013-03-08 07:00:00-05:00", START.astimezone(timezone(timedelta(hours=-5)))),
    ],
)
def test_a_moment_is_utc_unless_it_says_otherwise_and_a_day_means_its_end(
    text: str, moment: datetime
) -> None:
    assert parse_moment(text) == moment


def test_a_text_that_is_no_moment_is_refused() -> None:
    with pytest.raises(UpdraftError, match=r"--at: found 'yesterday', expected a day or a time"):
        parse_moment("yesterday")
