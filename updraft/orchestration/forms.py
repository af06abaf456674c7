"""The trigger forms: their fields, and what they pass to a job.

Airflow refuses wrong values, but accepts unknown keys; those are refused here.
"""

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
# Why, for the ledger; and who asks for it, if Airflow knows.
REASON = Param(
    type="string",
    minLength=1,
    maxLength=500,
    title="Reason",
    description_md="Why; the ledger keeps it.",
)
ASKED_BY = "{{ dag_run.triggering_user_name or '' }}"
SECTION = "Search, for this run alone"
# What a field of a form needs of pydantic's JSON schema.
SCHEMA_KEYS = ("type", "enum", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")


def day(title: str, description: str) -> Param:
    """A field for a day, which may stay empty."""
    return Param(
        None, type=["null", "string"], format="date", title=title, description_md=description
    )


def required_day(title: str, description: str) -> Param:
    """A field for a day, without which a run cannot start."""
    return Param(type="string", format="date", title=title, description_md=description)


def search_fields(use_case: UseCase) -> dict[str, Param]:
    """A field for each key of ``model.search``, and one for the algorithms to try.

    They are filled in with the values of the use case.
    """
    properties = Search.model_json_schema()["properties"]
    values = use_case.model.search.model_dump(mode="json")
    algorithms = list(use_case.model.algorithms)
    fields = {
        ALGORITHMS: Param(
            algorithms,
            type="array",
            items={"type": "string", "enum": algorithms},
            examples=algorithms,
            minItems=1,
            title="Algorithms",
            section=SECTION,
            description_md="Which of the use case's algorithms are tried.",
        )
    }
    for name, schema in properties.items():
        fields[name] = _field(schema, values[name])
    return fields


def search_argument() -> str:
    """The template of a job's ``--search``: the values of ``search_fields``, as JSON."""
    names = (ALGORITHMS, *Search.model_fields)
    values = ", ".join(f"'{name}': params.{name}" for name in names)
    return "{{ {" + values + "} | tojson }}"


def check_form(run: DagRunProtocol, fields: Collection[str]) -> None:
    """Refuse what Airflow accepts: keys that the form does not have, and days for a backfill.

    Raises:
        UpdraftError: names each unknown key, with the nearest right spelling; or says why a
            backfill, each of whose runs has its own day, must not have any.
    """
    conf = run.conf or {}
    # A backfill also uses runs of the same date that were made otherwise, with the days of their
    # forms; the backfill's own date goes before them.
    is_own_run = run.run_id.startswith("backfill__")
    has_days = any(conf.get(key) for key in DAYS)
    if run.run_type == "backfill" and has_days and is_own_run:
        raise UpdraftError(
            "start, end: found in a backfill, each of whose runs would do all of these days. "
            "Leave both empty for a backfill, or trigger one run for the complete range."
        )
    unknown = [key for key in conf if key not in fields]
    if unknown:
        mistakes = [f"{key!r} is not a field of the form{suggest(key, fields)}" for key in unknown]
        raise UpdraftError(
            f"{'; '.join(mistakes)}. Fields: {', '.join(sorted(fields))}. "
            "Trigger again with one of them."
        )


def _field(schema: dict[str, Any], value: Any) -> Param:
    alternatives = schema.get("anyOf", [schema])  # A number or null, for instance.
    limits: dict[str, Any] = {}
    for alternative in alternatives:
        limits |= {key: alternative[key] for key in SCHEMA_KEYS if key in alternative}
    types = [alternative["type"] for alternative in alternatives]
    limits["type"] = types if len(types) > 1 else types[0]
    description = schema.get("description", "")
    return Param(
        value, title=schema["title"], section=SECTION, description_md=description, **limits
    )
