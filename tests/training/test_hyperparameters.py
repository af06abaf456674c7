"""The names of hyperparameters that use cases are checked against are those of the installed libraries."""

import json
import os
import textwrap

from pyspark.sql import SparkSession

from updraft.core.hyperparameters import FILE, group
from updraft.core.kinds import TRAITS
from updraft.core.settings import REPO
from updraft.training.families.parameters import settable

LIST = REPO / "updraft" / "core" / FILE


def written(listed: dict[str, dict[str, list[str]]]) -> str:
    """As JSON that people can read: an algorithm's names side by side."""
    pad = " " * 6
    wrap = textwrap.TextWrapper(120, initial_indent=pad, subsequent_indent=pad, break_long_words=False, break_on_hyphens=False)
    kinds = []
    for kind, algorithms in listed.items():
        lists = [f'    "{name}": [\n{wrap.fill(json.dumps(names)[1:-1])}\n    ]' for name, names in algorithms.items()]
        kinds.append(f'  "{kind}": {{\n' + ",\n".join(lists) + "\n  }")
    return "{\n" + ",\n".join(kinds) + "\n}\n"


def test_the_list_is_the_libraries(spark: SparkSession) -> None:
    """`make golden` writes the file anew; the change is then seen in the review."""
    now = settable()
    assert {(kind, name) for kind, names in now.items() for name in names} == {
        (group(kind), name) for kind, traits in TRAITS.items() for name in traits.algorithms
    }
    if os.environ.get("UPDRAFT_WRITE_GOLDEN"):
        LIST.write_text(written(now))
    text = LIST.read_text()
    assert json.loads(text) == now, "run `make golden` and commit what it writes"
    assert text == written(now)


def test_no_name_means_two_things(spark: SparkSession) -> None:
    for names in [names for algorithms in settable().values() for names in algorithms.values()]:
        single = [name for same in names for name in same.split("=")]
        assert single
        assert len(set(single)) == len(single)
