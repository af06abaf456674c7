"""A use case's demo.yaml is read strictly, and its mistakes have lines."""

import shutil
from pathlib import Path

import pytest

from updraft.cli.demo_plan import load_demo_plan
from updraft.core.errors import UpdraftError
from updraft.core.use_case import UseCase


@pytest.fixture
def copied(flights: UseCase, tmp_path: Path) -> UseCase:
    """The flights, in a folder whose files may be changed."""
    folder = tmp_path / "flights"
    shutil.copytree(flights.folder, folder)
    return flights.model_copy(update={"folder": folder})


def test_the_demo_of_the_flights_is_valid(flights: UseCase) -> None:
    plan = load_demo_plan(flights)
    assert str(plan.range) == "2013-01-01 to 2013-03-05"
    assert plan.range.end < plan.backfill.start <= plan.backfill.end < plan.later.start


def test_a_use_case_without_a_demo_is_refused(copied: UseCase) -> None:
    (copied.folder / "demo.yaml").unlink()
    with pytest.raises(UpdraftError, match=r"flights: has no demo\.yaml, so there is nothing"):
        load_demo_plan(copied)


@pytest.mark.parametrize(
    ("text", "replacement", "message"),
    [
        ("later: {start", "latr: {start", "latr: not a key of this section. Did you mean 'later'?"),
        ("{start: 2013-05-15", "{start: 2013-08-01", "line 4: later: expected an end on or after"),
        (
            "range: {start: 2013-01-01",
            "range: {start: soon",
            "line 2: range.start: Input",
        ),
        ("backfill:", "range:", "line 3: range: given twice, first in line 2."),
    ],
)
def test_a_mistake_in_a_demo_has_its_line_and_key(
    copied: UseCase, text: str, replacement: str, message: str
) -> None:
    file = copied.folder / "demo.yaml"
    file.write_text(file.read_text().replace(text, replacement))
    with pytest.raises(UpdraftError) as error:
        load_demo_plan(copied)
    assert message in str(error.value)
