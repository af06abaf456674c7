"""What a form may change of a use case for one run: the search of a training, the window of a monitoring."""

import json
from typing import Any, TypeVar

from pydantic import ValidationError

from updraft.core.errors import UpdraftError
from updraft.core.mistakes import suggest
from updraft.core.sections import Drift, Model, Search
from updraft.core.use_case import UseCase

ALGORITHMS = "algorithms"
T = TypeVar("T", Model, Drift)


def with_search(use_case: UseCase, text: str) -> UseCase:
    """The use case with another search. ``text``: a JSON object of keys of ``Search``, and ``algorithms``, names to try.

    Raises:
        UpdraftError: a key or an algorithm is unknown, or a value does not fit; judged as use_case.yaml is.
    """
    found = _object(text)
    names = found.pop(ALGORITHMS, list(use_case.model.algorithms))
    if not isinstance(names, list):
        raise UpdraftError(f"algorithms: found {names!r}, expected a list of names")
    for name in names:
        if name not in use_case.model.algorithms:
            raise UpdraftError(
                f"algorithms: {name!r} is none of this use case's, which are {', '.join(use_case.model.algorithms)}"
                f"{suggest(name, use_case.model.algorithms)}"
            )
    for key in found:
        if key not in Search.model_fields:
            raise UpdraftError(f"{key}: not a key of the search{suggest(key, Search.model_fields)}")
    content = use_case.model.model_dump(mode="json")
    content["algorithms"] = {name: one for name, one in content["algorithms"].items() if name in names}
    content["search"] |= found
    return use_case.model_copy(update={"model": _checked(Model, content)})


def with_window(use_case: UseCase, text: str) -> UseCase:
    """The use case with another ``drift.window``, in partitions."""
    content = {**use_case.drift.model_dump(mode="json"), "window": text}
    return use_case.model_copy(update={"drift": _checked(Drift, content)})


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UpdraftError(f'search: found {text!r}, expected an object such as {{"trials": 8}}')
    return found


def _checked(kind: type[T], content: dict[str, Any]) -> T:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        wrong = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}".lstrip(": ") for one in error.errors()]
        raise UpdraftError("; ".join(wrong)) from None
