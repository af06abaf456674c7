"""The numbers in docs/faults.md and those of the tests' markers are the same, file by file."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from updraft.core.settings import REPO

LETTERS = {"fault": "F", "bad_input": "B"}
Files = dict[str, set[str]]  # For each number, the test files.


def documented() -> Files:
    """The test files that docs/faults.md names for each number."""
    files: Files = {}
    for line in (REPO / "docs/faults.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        numbers = re.findall(r"\b[FB]\d+\b", cells[1]) if line.startswith("|") else []
        for number in numbers:
            assert number not in files, f"docs/faults.md: {number} has two rows"
            files[number] = set(re.findall(r"`(tests/[\w/]+\.py)`", line))
    return files


@cache
def marked() -> Files:
    """The test files that mark a test with each number."""
    files: Files = defaultdict(set)
    for path in (REPO / "tests").rglob("test_*.py"):
        for _, number in markers(path):
            files[number].add(str(path.relative_to(REPO)))
    return dict(files)


def markers(path: Path) -> Iterator[tuple[str, str]]:
    """The names and numbers of all ``pytest.mark.fault(...)`` and ``bad_input(...)`` in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        module, _, name = ast.unparse(node.func).rpartition(".")
        if module == "pytest.mark" and name in LETTERS:
            for argument in node.args:
                yield name, ast.literal_eval(argument)


def test_every_documented_number_is_marked_and_every_marked_number_is_documented() -> None:
    assert documented().keys() == marked().keys()


@pytest.mark.parametrize("number", documented())
def test_the_files_of_a_number_are_those_that_the_document_names(number: str) -> None:
    assert marked().get(number) == documented()[number]


def test_faults_and_bad_inputs_are_marked_as_such() -> None:
    wrong = []
    for path in (REPO / "tests").rglob("test_*.py"):
        for name, number in markers(path):
            if not re.fullmatch(rf"{LETTERS[name]}\d+", number):
                wrong.append((str(path), name, number))
    assert wrong == []


def test_the_files_that_the_document_names_exist() -> None:
    names = re.findall(r"`(tests/[\w/]+\.py)`", (REPO / "docs/faults.md").read_text())
    assert names
    assert [name for name in names if not (REPO / name).exists()] == []


NUMBER = r"08\.\d+"  # As in a docstring: (08.7), or (08.7, 08.26).


def test_the_numbers_of_the_list_stand_in_the_files_that_the_document_names() -> None:
    """In docstrings, because one test may show several of them."""
    in_tests: Files = defaultdict(set)
    for path in (REPO / "tests").rglob("test_*.py"):
        if path == Path(__file__):
            continue
        for numbers in re.findall(rf"\(({NUMBER}(?:, {NUMBER})*)\)", path.read_text()):
            for number in numbers.split(", "):
                in_tests[number].add(str(path.relative_to(REPO)))
    in_document: Files = {}
    for line in (REPO / "docs/faults.md").read_text().splitlines():
        match = re.match(rf"\| ({NUMBER}) \|", line)
        if match:
            in_document[match[1]] = set(re.findall(r"`(tests/[\w/]+\.py)`", line))
    assert dict(in_tests) == in_document
