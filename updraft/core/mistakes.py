"""Mistakes in a use case, as people read them: line, key, what was found, nearest spelling."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, get_args

import yaml
from pydantic import BaseModel

from updraft.core.errors import UpdraftError

FOUND_LENGTH = 80


class Mistake(NamedTuple):
    """One mistake.

    Attributes:
        file: The name of the file; empty for use_case.yaml, which is therefore sorted first.
        line: Its line, from 1.
        text: What is wrong.
    """

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file} line {self.line}: {self.text}".strip()


@dataclass(frozen=True)
class Document:
    """A YAML file with sections: its content, and the node that knows the lines."""

    content: dict[str, Any]
    node: yaml.MappingNode

    @classmethod
    def read(cls, file: Path) -> "Document":
        """Read a file.

        Raises:
            UpdraftError: It cannot be read, is not YAML, or contains no sections.
        """
        try:
            loader = yaml.SafeLoader(file.read_text(encoding="utf-8"))
            node = loader.get_single_node()
            content = loader.construct_document(node) if node else None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = f"line {mark.line + 1}: " if mark else ""
            raise UpdraftError(f"{file}: {line}not readable as YAML: {error.problem}") from None
        except (yaml.YAMLError, ValueError, OSError) as error:  # ValueError: such as a 30 February.
            raise UpdraftError(f"{file}: not readable as YAML: {error}") from None
        if not isinstance(node, yaml.MappingNode) or not isinstance(content, dict):
            raise UpdraftError(
                f"{file}: found {type(content).__name__}, expected sections such as data and model."
            )
        return cls(content, node)

    def line(self, place: Iterable[int | str]) -> int:
        """Return the line of a key, or of the nearest section around it that exists."""
        node: Any = self.node
        line = 1
        for part in place:
            child = _child(node, part)
            if child:
                line, node = child
        return line

    def text(self, *place: str) -> str | None:
        """Return the text at a place; None if there is no text."""
        value: Any = self.content
        for part in place:
            value = value.get(part) if isinstance(value, dict) else None
        return value if isinstance(value, str) else None

    def repeated(self) -> list[Mistake]:
        """Return the keys that occur twice in one section: YAML would silently take the last."""
        return list(_repeated(self.node, set()))


def mistake(error: Any, document: Document, model: type[BaseModel]) -> Mistake:
    """Convert an error of pydantic's.

    Args:
        error: One element of ``ValidationError.errors()``.
        document: The file that was validated.
        model: The model that it was validated by.
    """
    kind = error["type"]
    place = [part for part in error["loc"] if part != "[key]"]
    message = re.sub("^Value error, ", "", error["msg"])
    hint = ""
    if kind == "extra_forbidden":
        message = "not a key of this section"
        hint = suggest(str(place[-1]), _keys(model, place[:-1]))
    elif kind == "missing":
        message = "missing"
    elif kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        hint = suggest(str(error["input"]), allowed)
    value = f" (found {error['input']!r})"
    if kind in ("missing", "extra_forbidden") or len(value) > FOUND_LENGTH:
        value = ""
    key = ".".join(str(part) for part in place)
    return Mistake("", document.line(place), f"{key}: {message}{value}{hint}")


def invalid(file: Path, mistakes: list[Mistake]) -> UpdraftError:
    """Return the error that lists all mistakes in a file and in those that belong to it."""
    lines = "\n".join(f"  {each}" for each in sorted(mistakes))
    noun = "mistake" if len(mistakes) == 1 else "mistakes"
    return UpdraftError(f"{file}: {len(mistakes)} {noun}.\n{lines}")


def suggest(word: str, known: Iterable[object]) -> str:
    """Return ``. Did you mean ...?`` with the nearest known word, or an empty text."""
    matches = get_close_matches(word, [str(each) for each in known], n=1)
    return f". Did you mean {matches[0]!r}?" if matches else ""


def _child(node: Any, part: int | str) -> tuple[int, yaml.Node] | None:
    """Return a part of a node with its line, if it exists; for repeated keys, the last one."""
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        element = node.value[part]
        return element.start_mark.line + 1, element
    return None


def _repeated(node: yaml.Node, visited: set[int]) -> Iterator[Mistake]:
    if id(node) in visited:  # An alias, which may contain itself.
        return
    visited.add(id(node))
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in lines:
                first = lines[key.value]
                message = f"{key.value}: given twice, first in line {first}. Keep one"
                yield Mistake("", line, message)
            lines.setdefault(str(key.value), line)
            children.append(value)
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    for child in children:
        yield from _repeated(child, visited)


def _keys(model: type[BaseModel], place: list[int | str]) -> list[str]:
    """Return the keys of the section at a place.

    A part of the place that is not a key is the name of an entry or of a member of a union.
    """
    models = [model]
    for part in place:
        inner: list[type[BaseModel]] = []
        for section in models:
            field = section.model_fields.get(str(part))
            if field:
                inner += _models(field.annotation)
        models = inner or models
    return [key for section in models for key in section.model_fields]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
