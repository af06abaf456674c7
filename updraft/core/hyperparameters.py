"""Which hyperparameters a use case may set: their names, by kind and algorithm, without importing the libraries."""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic_core import InitErrorDetails, PydanticCustomError

from updraft.core.kinds import Kind
from updraft.core.mistakes import suggest

# Read off the libraries: `make golden` writes it anew, a test holds it to them. Names joined by = mean the same.
FILE = "hyperparameters.json"


def group(kind: Kind) -> str:
    """What the file calls a kind."""
    return "classification" if kind in ("binary", "multiclass") else kind


@cache
def hyperparameters(kind: Kind, algorithm: str) -> dict[str, str]:
    """The names of an algorithm's hyperparameters, each with the first of those that mean the same."""
    listed = json.loads(files("updraft.core").joinpath(FILE).read_text(encoding="utf-8"))
    return {name: same.split("=")[0] for same in listed[group(kind)].get(algorithm, []) for name in same.split("=")}


def wrong_names(kind: Kind, algorithms: Any) -> Iterator[InitErrorDetails]:
    """Names that no hyperparameter has, and second names for one that is given already, each at its own place.

    ``algorithms``: as a use case says them, right or wrong. What is no mapping or no algorithm is for others to tell.
    """
    for algorithm, content in algorithms.items() if isinstance(algorithms, dict) else ():
        known = hyperparameters(kind, algorithm)
        first: dict[str, str] = {}
        for part in ("fixed", "search") if known and isinstance(content, dict) else ():
            given = content.get(part)
            for name, value in given.items() if isinstance(given, dict) else ():
                place = (algorithm, part, name)
                if name not in known:
                    text = f"expected the name of a hyperparameter of {algorithm} that is for a use case to set"
                    yield _mistake(place, f"{text}{suggest(str(name), known)}", name)
                elif (other := first.setdefault(known[name], name)) != name:
                    yield _mistake(place, f"another name of {other}, which is given too; keep one", value)


def _mistake(place: tuple[str, ...], text: str, found: object) -> InitErrorDetails:
    return {"type": PydanticCustomError("value_error", "{text}", {"text": text}), "loc": place, "input": found}
