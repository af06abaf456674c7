"""`updraft schema`: what a use_case.yaml may say, as people read it. All of it comes from the use-case model."""

import json
from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from updraft.core.use_case import UseCase

Schema = dict[str, Any]
FROM_FOLDER = ("name", "folder")  # Known from where the file lies.
WIDTH = 110
INDENT = "  "
BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
SIZES = {"minItems": "item", "minProperties": "key"}


def json_schema() -> Schema:
    """The JSON schema of a use_case.yaml, for editors and other tools."""
    schema = UseCase.model_json_schema()
    for key in FROM_FOLDER:
        del schema["properties"][key]
        schema["required"].remove(key)
    return schema


def text() -> str:
    """The same as indented text: for each key its type, default and allowed values, and what it means."""
    schema = json_schema()
    head = ["# use_case.yaml: every section and key. An unknown key is a mistake; so is a missing one that is required.", ""]
    return "\n".join([*head, *_section(schema, schema["$defs"], 0)])


def _section(section: Schema, known: Schema, depth: int) -> Iterator[str]:
    pad = INDENT * depth
    for key, value in section["properties"].items():
        own, named = _sections([value], known), _sections(_entries(value, known), known)
        for told in [value.get("description"), *(one.get("description") for one in [*own, *named])]:
            for said in (told or "").replace("``", "`").splitlines():
                yield from (f"{pad}# {line}" for line in wrap(said, WIDTH - len(pad)))
        need = "required" if key in section.get("required", []) else _default(value)
        yield f"{pad}{key}:  # {_kind(value, known)}; {need}"
        for one in own:
            yield from _section(one, known, depth + 1)
        for one in named:
            yield f"{pad}{INDENT}<name>:"
            yield from _section(one, known, depth + 2)
        if depth == 0:
            yield ""


def _default(value: Schema) -> str:
    default = value.get("default")
    if default is None:
        return "may be left out"
    return "defaults as below" if isinstance(default, dict) and default else f"default {json.dumps(default)}"


def _resolve(value: Schema, known: Schema) -> Schema:
    found: Schema = known[value["$ref"].rsplit("/", 1)[1]] if "$ref" in value else value
    return found


def _sections(values: list[Schema], known: Schema) -> list[Schema]:
    """Those of some values that are sections, of all the kinds that a value may have."""
    kinds = [_resolve(kind, known) for value in values for kind in _choices(value)]
    return [kind for kind in kinds if "properties" in kind]


def _choices(value: Schema) -> list[Schema]:
    """The kinds that a value may have."""
    found: list[Schema] = value.get("anyOf") or value.get("oneOf") or [value]
    return found


def _entries(value: Schema, known: Schema) -> list[Schema]:
    """What stands under names of the user's own, where a key holds a mapping of such."""
    value = _resolve(value, known)
    entries = [value.get("additionalProperties"), *value.get("patternProperties", {}).values()]
    return [entry for entry in entries if isinstance(entry, dict)]


def _kind(value: Schema, known: Schema) -> str:
    value = _resolve(value, known)
    if len(choices := _choices(value)) > 1:
        return " or ".join(dict.fromkeys(_kind(one, known) for one in choices))
    if "const" in value or "enum" in value:
        return "one of " + ", ".join(map(str, value.get("enum", [value.get("const")])))
    limits = [f"{sign} {value[name]}" for name, sign in BOUNDS.items() if name in value]
    limits += [f"(at least {value[name]} {what})" for name, what in SIZES.items() if name in value]
    limits += [f"matching {value['pattern']}"] if "pattern" in value else []
    return " ".join([_name(value, known), *limits])


def _name(value: Schema, known: Schema) -> str:
    if "properties" in value:
        return "section"
    if value.get("type") == "array":
        return f"list of {_kind(value['items'], known)}"
    if value.get("type") == "object":
        names = _kind(value["propertyNames"], known) if "propertyNames" in value else "name"
        names += "".join(f" matching {pattern}" for pattern in value.get("patternProperties", {}))
        kinds = " or ".join(_kind(entry, known) for entry in _entries(value, known))
        return f"mapping of {names} to {kinds}"
    name = value.get("format") or value.get("type", "anything")
    return "nothing" if name == "null" else str(name)
