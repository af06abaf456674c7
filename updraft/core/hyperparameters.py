"""Which hyperparameters a use case may set, by kind and algorithm, without the libraries."""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic_core import InitErrorDetails, PydanticCustomError

from updraft.core.kinds import TRAITS, Kind
from updraft.core.mistakes import suggest

# Generated from the libraries by `make golden`; a test compares it with them. In one entry, names
# that are joined by = are synonyms.
FILE = "hyperparameters.json"
PARTS = ("fixed", "search")  # Where a use case names hyperparameters.


def group(kind: Kind) -> str:
    """Return what the file calls a kind: both classifications have the same hyperparameters."""
    return "classification" if TRAITS[kind].has_classes else kind


@cache
def hyperparameters(kind: Kind, algorithm: str) -> dict[str, str]:
    """Return the names of an algorithm's hyperparameters, each with its first synonym."""
    text = files("updraft.core").joinpath(FILE).read_text(encoding="utf-8")
    entries: list[str] = json.loads(text)[group(kind)].get(algorithm, [])
    names = {}
    for entry in entries:
        synonyms = entry.split("=")
        for name in synonyms:
            names[name] = synonyms[0]
    return names


def wrong_names(kind: Kind, algorithms: Any) -> Iterator[InitErrorDetails]:
    """Find unknown hyperparameters, and synonyms of one that is set already.

    Args:
        kind: The kind of the use case.
        algorithms: ``model.algorithms`` before validation. What is not a mapping or not an
            algorithm is reported elsewhere.

    Yields:
        Each mistake at its own place, for pydantic.
    """
    if not isinstance(algorithms, dict):
        return
    for algorithm, content in algorithms.items():
        known = hyperparameters(kind, algorithm)
        if known and isinstance(content, dict):
            yield from _wrong_names(algorithm, content, known)


def _wrong_names(
    algorithm: str, content: dict[str, Any], known: dict[str, str]
) -> Iterator[InitErrorDetails]:
    names: dict[str, str] = {}  # By the first synonym of each.
    for part in PARTS:
        values = content.get(part)
        if not isinstance(values, dict):
            continue
        for name, value in values.items():
            place = (algorithm, part, name)
            if name not in known:
                message = (
                    f"expected the name of a hyperparameter of {algorithm} "
                    f"that is for a use case to set{suggest(str(name), known)}"
                )
                yield _mistake(place, message, name)
                continue
            first = names.setdefault(known[name], name)
            if first != name:
                message = f"another name of {first}, which is given too; keep one"
                yield _mistake(place, message, value)


def _mistake(place: tuple[str, ...], message: str, value: object) -> InitErrorDetails:
    error = PydanticCustomError("value_error", "{text}", {"text": message})
    return {"type": error, "loc": place, "input": value}
