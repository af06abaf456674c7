"""What a trigger form may change in a use case for one run: its search, its drift window."""

import json
from typing import Any, TypeVar

from pydantic import ValidationError

from updraft.core.errors import UpdraftError
from updraft.core.mistakes import FOUND_LENGTH, suggest
from updraft.core.sections import Drift, Model, Search
from updraft.core.use_case import UseCase

ALGORITHMS = "algorithms"
S = TypeVar("S", Model, Drift)


def with_search(use_case: UseCase, text: str) -> UseCase:
    """Return the use case with another search.

    Args:
        use_case: The use case as it is declared.
        text: A JSON object with keys of ``Search``, and ``algorithms``: the names of those to try.

    Raises:
        UpdraftError: A key or an algorithm is unknown, or a value is invalid. The rules are those
            of use_case.yaml.
    """
    changes = _json_object(text)
    declared = list(use_case.model.algorithms)
    names = changes.pop(ALGORITHMS, declared)
    _check_algorithms(names, declared)
    for key in changes:
        if key not in Search.model_fields:
            end = suggest(key, Search.model_fields) or "."
            raise UpdraftError(f"{key}: not a key of the search{end}")
    content = use_case.model.model_dump(mode="json")
    content["algorithms"] = {
        name: algorithm for name, algorithm in content["algorithms"].items() if name in names
    }
    content["search"].update(changes)
    return use_case.model_copy(update={"model": _validate(Model, content)})


def with_window(use_case: UseCase, text: str) -> UseCase:
    """Return the use case with another ``drift.window``, in partitions.

    Raises:
        UpdraftError: It is not a number of partitions.
    """
    content = {**use_case.drift.model_dump(mode="json"), "window": text}
    return use_case.model_copy(update={"drift": _validate(Drift, content)})


def _check_algorithms(names: Any, declared: list[str]) -> None:
    if not isinstance(names, list):
        raise UpdraftError(f"algorithms: found {names!r}, expected a list of names.")
    for name in names:
        if name not in declared:
            end = suggest(name, declared) or "."
            raise UpdraftError(
                f"algorithms: {name!r} is not one of this use case's, "
                f"which are {', '.join(declared)}{end}"
            )


def _json_object(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise UpdraftError(f'search: found {text!r}, expected an object such as {{"trials": 8}}.')
    return content


def _validate(section: type[S], content: dict[str, Any]) -> S:
    try:
        return section.model_validate(content)
    except ValidationError as error:
        text = "; ".join(_clause(mistake) for mistake in error.errors())
        raise UpdraftError(f"{text}.") from None


def _clause(mistake: Any) -> str:
    place = ".".join(str(part) for part in mistake["loc"])
    text = f"{place}: {mistake['msg']}".lstrip(": ")
    value = f" (found {mistake['input']!r})"
    is_said = "found" in mistake["msg"]
    return text if is_said or len(value) > FOUND_LENGTH else text + value
