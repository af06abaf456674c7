"""`updraft schema`: what a use_case.yaml may hold, derived from the use-case model."""

import json
from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from updraft.core.use_case import UseCase

Schema = dict[str, Any]
FROM_FOLDER = ("name", "folder")  # These come from the place of the file.
WIDTH = 110
INDENT = "  "
BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
SIZES = {"minItems": "item", "minProperties": "key"}


def json_schema() -> Schema:
    """Return the JSON schema of a use_case.yaml, for editors and other tools."""
    schema = UseCase.model_json_schema()
    for key in FROM_FOLDER:
        del schema["properties"][key]
        schema["required"].remove(key)
    return schema


def text() -> str:
    """Return the schema as indented text.

    Each key has its type, default and allowed values, and what it means.
    """
    schema = json_schema()
    heading = (
        "# use_case.yaml: every section and key. "
        "An unknown key is a mistake; so is a missing one that is required."
    )
    return "\n".join([heading, "", *_section_lines(schema, schema["$defs"], 0)])


def _section_lines(section: Schema, definitions: Schema, depth: int) -> Iterator[str]:
    pad = INDENT * depth
    for key, value in section["properties"].items():
        sections = _sections([value], definitions)
        entry_sections = _sections(_entries(value, definitions), definitions)
        described = [value, *sections, *entry_sections]
        yield from _description_lines([item.get("description") for item in described], pad)
        need = "required" if key in section.get("required", []) else _default(value)
        yield f"{pad}{key}:  # {_kind(value, definitions)}; {need}"
        for subsection in sections:
            yield from _section_lines(subsection, definitions, depth + 1)
        for subsection in entry_sections:
            yield f"{pad}{INDENT}<name>:"
            yield from _section_lines(subsection, definitions, depth + 2)
        if depth == 0:
            yield ""


def _description_lines(descriptions: list[str | None], pad: str) -> Iterator[str]:
    for description in descriptions:
        for paragraph in (description or "").replace("``", "`").splitlines():
            for line in wrap(paragraph, WIDTH - len(pad)):
                yield f"{pad}# {line}"


def _default(value: Schema) -> str:
    default = value.get("default")
    if default is None:
        return "may be left out"
    if isinstance(default, dict) and default:
        return "defaults as below"
    return f"default {json.dumps(default)}"


def _resolve(value: Schema, definitions: Schema) -> Schema:
    """Follow a reference to a definition."""
    if "$ref" not in value:
        return value
    definition: Schema = definitions[value["$ref"].rsplit("/", 1)[1]]
    return definition


def _sections(values: list[Schema], definitions: Schema) -> list[Schema]:
    """Return the types of some values that are sections."""
    types = [_resolve(choice, definitions) for value in values for choice in _choices(value)]
    return [schema for schema in types if "properties" in schema]


def _choices(value: Schema) -> list[Schema]:
    """Return the types that a value may have."""
    choices: list[Schema] = value.get("anyOf") or value.get("oneOf") or [value]
    return choices


def _entries(value: Schema, definitions: Schema) -> list[Schema]:
    """Return the types of a mapping's entries, where the names are the user's own."""
    value = _resolve(value, definitions)
    entries = [value.get("additionalProperties"), *value.get("patternProperties", {}).values()]
    return [entry for entry in entries if isinstance(entry, dict)]


def _kind(value: Schema, definitions: Schema) -> str:
    """Describe the type of a value, with its limits."""
    value = _resolve(value, definitions)
    choices = _choices(value)
    if len(choices) > 1:
        kinds = dict.fromkeys(_kind(choice, definitions) for choice in choices)
        return " or ".join(kinds)
    if "const" in value or "enum" in value:
        return "one of " + ", ".join(map(str, value.get("enum", [value.get("const")])))
    limits = [f"{sign} {value[name]}" for name, sign in BOUNDS.items() if name in value]
    limits += [f"(at least {value[name]} {noun})" for name, noun in SIZES.items() if name in value]
    if "pattern" in value:
        limits.append(f"matching {value['pattern']}")
    return " ".join([_type_name(value, definitions), *limits])


def _type_name(value: Schema, definitions: Schema) -> str:
    if "properties" in value:
        return "section"
    if value.get("type") == "array":
        return f"list of {_kind(value['items'], definitions)}"
    if value.get("type") == "object":
        return _mapping_name(value, definitions)
    name = value.get("format") or value.get("type", "anything")
    return "nothing" if name == "null" else str(name)


def _mapping_name(value: Schema, definitions: Schema) -> str:
    keys = "name"
    if "propertyNames" in value:
        keys = _kind(value["propertyNames"], definitions)
    keys += "".join(f" matching {pattern}" for pattern in value.get("patternProperties", {}))
    kinds = [_kind(entry, definitions) for entry in _entries(value, definitions)]
    return f"mapping of {keys} to {' or '.join(kinds)}"
