"""What a form changes for one run is judged as the use case is."""

import json

import pytest

from updraft.core.errors import UpdraftError
from updraft.core.job import check_arguments, parse_arguments
from updraft.core.overrides import with_search, with_window
from updraft.core.use_case import UseCase


def test_only_what_is_given_changes(flights: UseCase) -> None:
    changed = with_search(flights, json.dumps({"trials": 9, "algorithms": ["lightgbm"]}))
    assert changed.model.search == flights.model.search.model_copy(update={"trials": 9})
    assert changed.model.algorithms == {"lightgbm": flights.model.algorithms["lightgbm"]}
    assert changed.model_copy(update={"model": flights.model}) == flights
    assert with_window(flights, "3").drift == flights.drift.model_copy(update={"window": 3})


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ({"trails": 3}, "Did you mean 'trials'"),
        ({"trials": 0}, "search.trials"),
        ({"method": "guess"}, "search.method"),
        ({"method": "grid"}, "use random or tpe"),
        ({"algorithms": ["lightgmb"]}, "Did you mean 'lightgbm'"),
        ({"algorithms": []}, "algorithms"),
        ({"algorithms": "lightgbm"}, "list of names"),
        ([], "expected an object"),
    ],
)
def test_b21_a_wrong_search_is_refused(flights: UseCase, search: object, says: str) -> None:
    with pytest.raises(UpdraftError, match=says):
        with_search(flights, json.dumps(search))


@pytest.mark.parametrize("window", ["0", "-1", "seven", "1.5"])
def test_b21_a_wrong_window_is_refused(flights: UseCase, window: str) -> None:
    with pytest.raises(UpdraftError, match="window"):
        with_window(flights, window)


def test_a_jobs_arguments_are_checked_together() -> None:
    words = ["--use-case", "flights", "--report", "reports/x.json"]
    arguments = check_arguments(parse_arguments([*words, "--search", '{"trials": 9}', "--window", "3", "--end", "None"]))
    assert (arguments.use_case.model.search.trials, arguments.use_case.drift.window, arguments.until) == (9, 3, None)
    for more, says in ((["--start", "None"], "no data interval"), (["--end", "2999-01-01"], "in the future")):
        with pytest.raises(UpdraftError, match=says):
            check_arguments(parse_arguments([*words, *more]))
