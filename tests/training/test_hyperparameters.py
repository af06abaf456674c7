"""The list of hyperparameters that use cases are checked against is that of the libraries."""

import json
import os
import textwrap

from pyspark.sql import SparkSession

from updraft.core.hyperparameters import FILE, group
from updraft.core.kinds import TRAITS
from updraft.core.settings import REPO
from updraft.training.families.parameters import settable

LIST = REPO / "updraft" / "core" / FILE
INDENT = " " * 6


def as_json(parameters: dict[str, dict[str, list[str]]]) -> str:
    """JSON that people can read: the names of an algorithm in a paragraph."""
    wrapper = textwrap.TextWrapper(
        120,
        initial_indent=INDENT,
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    kinds = []
    for kind, algorithms in parameters.items():
        lists = []
        for name, names in algorithms.items():
            paragraph = wrapper.fill(json.dumps(names)[1:-1])
            lists.append(f'    "{name}": [\n{paragraph}\n    ]')
        kinds.append(f'  "{kind}": {{\n' + ",\n".join(lists) + "\n  }")
    return "{\n" + ",\n".join(kinds) + "\n}\n"


def test_the_list_is_that_of_the_libraries(spark: SparkSession) -> None:
    """`make golden` writes the file; a review then sees the change."""
    parameters = settable()
    assert {(kind, name) for kind, names in parameters.items() for name in names} == {
        (group(kind), name) for kind, traits in TRAITS.items() for name in traits.algorithms
    }
    if os.environ.get("UPDRAFT_WRITE_GOLDEN"):
        LIST.write_text(as_json(parameters))
    text = LIST.read_text()
    assert json.loads(text) == parameters, "run `make golden` and commit what it writes"
    assert text == as_json(parameters)


def test_no_name_means_two_things(spark: SparkSession) -> None:
    for algorithms in settable().values():
        for aliases in algorithms.values():
            names = [name for alias in aliases for name in alias.split("=")]
            assert names
            assert len(set(names)) == len(names)
