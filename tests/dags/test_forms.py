"""Mistakes in a run's configuration that Airflow accepts, and a job refuses at its start."""

from types import SimpleNamespace
from typing import Any

import pytest

from updraft.core.errors import UpdraftError
from updraft.orchestration.forms import check_form

FIELDS = ["start", "end"]


def run(run_type: str, conf: dict[str, Any] | None, made_by: str | None = None) -> Any:
    run_id = f"{made_by or run_type}__2013-01-01"
    return SimpleNamespace(run_type=run_type, conf=conf, run_id=run_id)


@pytest.mark.bad_input("B21")
def test_a_backfill_with_days_of_its_own_is_refused() -> None:
    """Each of its runs would do all of them."""
    with pytest.raises(UpdraftError, match="in a backfill, each of whose runs"):
        check_form(run("backfill", {"start": "2013-01-01", "end": "2013-01-31"}), FIELDS)
    check_form(run("backfill", {"start": None, "end": None}), FIELDS)
    check_form(run("manual", {"start": "2013-01-01"}), FIELDS)


def test_a_backfill_that_uses_a_run_by_hand_goes_before_its_form() -> None:
    """(08.29) Otherwise it would fail for ever: nobody can change the form of a run."""
    for other in ("manual", "fix_of_may", "scheduled"):
        check_form(run("backfill", {"start": "2013-01-01"}, made_by=other), FIELDS)


@pytest.mark.bad_input("B21")
def test_an_unknown_key_is_refused_with_the_nearest_right_spelling() -> None:
    expected = r"'strat' is not a field of the form\. Did you mean 'start'\?"
    with pytest.raises(UpdraftError, match=expected):
        check_form(run("manual", {"strat": "2013-01-01"}), FIELDS)
