"""The trigger forms: their fields, and what they give to a job. Airflow refuses wrong values; unknown keys we refuse."""

from collections.abc import Collection
from typing import Any

from airflow.sdk import Param
from airflow.sdk.types import DagRunProtocol

from updraft.core.errors import UpdraftError
from updraft.core.mistakes import suggest
from updraft.core.overrides import ALGORITHMS
from updraft.core.sections import Search
from updraft.core.use_case import UseCase

DAYS = ("start", "end")
SECTION = "Search, for this run alone"
# What a field of a form needs of the JSON schema that pydantic makes; the rest is for other readers.
SCHEMA_KEYS = ("type", "enum", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")


def day(title: str, description: str) -> Param:
    """A field for a day, which may stay empty."""
    return Param(None, type=["null", "string"], format="date", title=title, description_md=description)


def search_fields(use_case: UseCase) -> dict[str, Param]:
    """A field for each key of ``model.search``, filled with the use case's value, and one for its algorithms."""
    properties = Search.model_json_schema()["properties"]
    now = use_case.model.search.model_dump(mode="json")
    names = list(use_case.model.algorithms)
    algorithms = Param(
        names,
        type="array",
        items={"type": "string", "enum": names},
        examples=names,
        minItems=1,
        title="Algorithms",
        section=SECTION,
        description_md="Which of the use case's algorithms are tried.",
    )
    return {ALGORITHMS: algorithms} | {name: _field(properties[name], now[name]) for name in properties}


def search_argument() -> str:
    """The template of a job's ``--search``: the values of ``search_fields``, as JSON."""
    values = ", ".join(f"'{name}': params.{name}" for name in (ALGORITHMS, *Search.model_fields))
    return "{{ {" + values + "} | tojson }}"


def check_form(run: DagRunProtocol, fields: Collection[str]) -> None:
    """Refuse keys that the form does not have, and days of a backfill, whose runs have one each: Airflow accepts both.

    Raises:
        UpdraftError: names each unknown key, with the nearest right spelling; or says what a backfill's days would do.
    """
    conf = run.conf
    if run.run_type == "backfill" and any((conf or {}).get(key) for key in DAYS):
        raise UpdraftError(
            "start, end: found in a backfill, each of whose runs would do all of these days. "
            "Leave both empty for a backfill, or trigger one run for the whole range."
        )
    unknown = [f"{key!r} is not a field of the form{suggest(key, fields)}" for key in conf or {} if key not in fields]
    if unknown:
        raise UpdraftError(f"{'; '.join(unknown)}. Fields: {', '.join(sorted(fields))}. Trigger again with one of them.")


def _field(schema: dict[str, Any], value: Any) -> Param:
    kinds = schema.get("anyOf", [schema])  # A number or nothing, for instance.
    flat = {key: kind[key] for kind in kinds for key in SCHEMA_KEYS if key in kind}
    types = [kind["type"] for kind in kinds]
    flat["type"] = types if len(types) > 1 else types[0]
    return Param(value, title=schema["title"], section=SECTION, description_md=schema.get("description", ""), **flat)
