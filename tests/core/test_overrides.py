"""What a form changes for one run is checked as the use case is."""

import json

import pytest

from updraft.core.errors import UpdraftError
from updraft.core.overrides import with_search, with_window
from updraft.core.use_case import UseCase


def test_only_what_the_form_names_changes(flights: UseCase) -> None:
    changed = with_search(flights, json.dumps({"trials": 9, "algorithms": ["lightgbm"]}))
    assert changed.model.search == flights.model.search.model_copy(update={"trials": 9})
    assert changed.model.algorithms == {"lightgbm": flights.model.algorithms["lightgbm"]}
    assert changed.model_copy(update={"model": flights.model}) == flights
    assert with_window(flights, "3").drift == flights.drift.model_copy(update={"window": 3})


@pytest.mark.bad_input("B21")
@pytest.mark.parametrize(
    ("search", "message"),
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
def test_a_wrong_search_is_refused(flights: UseCase, search: object, message: str) -> None:
    with pytest.raises(UpdraftError, match=message):
        with_search(flights, json.dumps(search))


@pytest.mark.bad_input("B21")
@pytest.mark.parametrize("window", ["0", "-1", "seven", "1.5"])
def test_a_wrong_window_is_refused(flights: UseCase, window: str) -> None:
    with pytest.raises(UpdraftError, match="window"):
        with_window(flights, window)
