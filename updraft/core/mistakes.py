"""A use case's mistakes as people read them: the line, the key, what was found, the nearest right spelling."""

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
    """One mistake. ``file`` is empty where it is use_case.yaml, which then comes first."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file} line {self.line}: {self.text}".strip()


@dataclass(frozen=True)
class Document:
    """A YAML file: what it says, and where it says it."""

    content: dict[str, Any]
    node: yaml.MappingNode

    @classmethod
    def read(cls, file: Path) -> "Document":
        """Read a file of sections.

        Raises:
            UpdraftError: it cannot be read, is not YAML, or holds no sections.
        """
        try:
            loader = yaml.SafeLoader(file.read_text(encoding="utf-8"))
            node = loader.get_single_node()
            content = loader.construct_document(node) if node else None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = f"line {mark.line + 1}: " if mark else ""
            raise UpdraftError(f"{file}: {line}not readable as YAML: {error.problem}") from None
        except (yaml.YAMLError, ValueError, OSError) as error:  # ValueError: a 30 February, bytes that are no text.
            raise UpdraftError(f"{file}: not readable as YAML: {error}") from None
        if not isinstance(node, yaml.MappingNode) or not isinstance(content, dict):
            raise UpdraftError(f"{file}: found {type(content).__name__}, expected sections such as data and model.")
        return cls(content, node)

    def line(self, place: Iterable[int | str]) -> int:
        """The line of a key, or of the nearest section around it that is there."""
        node: Any = self.node
        line = 1
        for part in place:
            if isinstance(node, yaml.MappingNode):
                found = [(key.start_mark.line + 1, value) for key, value in node.value if key.value == str(part)]
                if found:
                    line, node = found[-1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line + 1
        return line

    def text(self, *place: str) -> str | None:
        """The text at a place, if there is one."""
        value: Any = self.content
        for part in place:
            value = value.get(part) if isinstance(value, dict) else None
        return value if isinstance(value, str) else None

    def repeated(self) -> list[Mistake]:
        """Keys that stand twice in one section: YAML would silently take the last."""
        return list(_repeated(self.node, set()))


def _repeated(node: yaml.Node, seen: set[int]) -> Iterator[Mistake]:
    if id(node) in seen:  # An alias, maybe of what it lies in.
        return
    seen.add(id(node))
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in lines:
                yield Mistake("", line, f"{key.value}: given twice, first in line {lines[key.value]}. Keep one")
            lines.setdefault(str(key.value), line)
            children.append(value)
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    for child in children:
        yield from _repeated(child, seen)


def mistake(error: Any, document: Document, model: type[BaseModel]) -> Mistake:
    """One of pydantic's errors about ``model``, at its line."""
    place = [part for part in error["loc"] if part != "[key]"]
    said = re.sub("^Value error, ", "", error["msg"])
    hint = ""
    if error["type"] == "extra_forbidden":
        said, hint = "not a key of this section", suggest(str(place[-1]), _keys(model, place[:-1]))
    elif error["type"] == "missing":
        said = "missing"
    elif error["type"] == "literal_error":
        hint = suggest(str(error["input"]), re.findall(r"'([^']*)'", error["ctx"]["expected"]))
    found = f" (found {error['input']!r})"
    if error["type"] in ("missing", "extra_forbidden") or len(found) > FOUND_LENGTH:
        found = ""
    return Mistake("", document.line(place), f"{'.'.join(str(part) for part in place)}: {said}{found}{hint}")


def suggest(found: str, known: Iterable[object]) -> str:
    """``. Did you mean ...?`` for the nearest right spelling, or nothing."""
    near = get_close_matches(found, [str(k) for k in known], n=1)
    return f". Did you mean {near[0]!r}?" if near else ""


def _keys(model: type[BaseModel], place: list[int | str]) -> list[str]:
    """The keys of the section at a place; names in between that are not keys are a mapping's own or a union's."""
    models = [model]
    for part in place:
        fields = [one.model_fields[str(part)].annotation for one in models if str(part) in one.model_fields]
        models = [found for field in fields for found in _models(field)] or models
    return [key for one in models for key in one.model_fields]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
