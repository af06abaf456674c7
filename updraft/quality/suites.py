"""Great Expectations suites on Spark frames: which expectations hold, and which rows break the others."""

import ast
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame

from updraft.core.errors import UpdraftError
from updraft.core.reports import ExpectationOutcome
from updraft.core.settings import settings

FAILING_ROWS = {"result_format": "COMPLETE", "return_unexpected_index_query": True}


@dataclass(frozen=True)
class Checked:
    """An expectation's outcome; ``failing_rows`` is a Spark SQL condition, where the expectation is about single rows.

    ``suite`` is the name of the suite's file, ``result`` GX's own validation result, for Data Docs.
    """

    outcome: ExpectationOutcome
    failing_rows: str | None
    suite: str
    result: Any

    @property
    def reason(self) -> str:
        return f"{self.outcome.column}: {self.outcome.expectation}" if self.outcome.column else self.outcome.expectation


def suite_files(use_case: str) -> list[Path]:
    """The suites of a use case. None is a mistake: data that nobody checks must not pass as checked."""
    files = sorted((settings().expectations / use_case).glob("*.json"))
    if not files:
        raise UpdraftError(f"{settings().expectations / use_case}: no suite found, expected at least one *.json there.")
    return files


def run_suites(use_case: str, frame: DataFrame) -> list[Checked]:
    """Check ``frame`` against every suite of the use case.

    Raises:
        UpdraftError: a suite is not readable, is empty, or an expectation cannot be evaluated on these columns.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_spark(use_case).add_dataframe_asset(use_case)
    batch: Any = asset.add_batch_definition_whole_dataframe(use_case).get_batch({"dataframe": frame})
    checked = []
    for file in suite_files(use_case):
        suite = read_suite(file)
        # All expectations share one pass when only yes or no is asked; what rows fail is asked of the failed ones alone.
        verdicts = batch.validate(suite, result_format="BOOLEAN_ONLY").results
        failed = [one.expectation_config.to_domain_obj() for one in verdicts if not one.success]
        checked += [_checked(file, one) for one in verdicts if one.success]
        if failed:
            again = gx.ExpectationSuite(name=suite.name, expectations=failed)
            checked += [_checked(file, one) for one in batch.validate(again, result_format=FAILING_ROWS).results]
    return checked


def read_suite(file: Path) -> Any:
    """Read one suite, in Great Expectations' own JSON."""
    import great_expectations as gx
    from great_expectations.exceptions.exceptions import GreatExpectationsError

    try:
        document = json.loads(file.read_text())
        suite = gx.ExpectationSuite(**document)
    except (ValueError, TypeError, LookupError, GreatExpectationsError) as error:
        raise UpdraftError(f"{file}: not a Great Expectations suite: {error}") from None
    known = {one.configuration.type for one in suite.expectations}
    if lost := [one["type"] for one in document["expectations"] if one["type"] not in known]:
        # GX itself logs these and goes on without them.
        raise UpdraftError(
            f"{file}: found expectations that Great Expectations cannot use: {', '.join(lost)}. Mend or remove them."
        )
    if len(suite.expectations) != len(document["expectations"]):
        raise UpdraftError(
            f"{file}: Great Expectations drops some of its expectations; is one there twice, or an argument wrong?"
        )
    lenient = [
        one["type"]
        for one in document["expectations"]
        if one.get("kwargs", {}).get("mostly", 1) < 1 and one.get("severity") != "warning"
    ]
    if lenient:
        raise UpdraftError(
            f"{file}: found mostly in {', '.join(lenient)}. Every failing row goes to quarantine; "
            "data.max_quarantine in use_case.yaml says how many may. Remove mostly, or set severity to warning."
        )
    if not suite.expectations:
        raise UpdraftError(f"{file}: found no expectation, expected at least one. Delete the file or fill it.")
    return suite


def _checked(file: Path, result: Any) -> Checked:
    config = result.expectation_config
    column = config.kwargs.get("column") or config.kwargs.get("column_A")
    raised = [
        info.get("exception_message")
        for info in (result.exception_info, *result.exception_info.values())
        if isinstance(info, dict) and info.get("raised_exception")
    ]
    if raised:
        raise UpdraftError(f"{file}: {config.type} on {column} cannot be evaluated: {raised[0]}")
    query = result.result.get("unexpected_index_query") if not result.success else None
    outcome = ExpectationOutcome(
        expectation=config.type,
        column=column,
        success=bool(result.success),
        severity=str(getattr(config.severity, "value", config.severity)),
        failing=result.result.get("unexpected_count"),
    )
    return Checked(outcome, _condition(query) if query else None, file.stem, result)


def _condition(query: str) -> str | None:
    """The condition in GX's ``df.filter(F.expr('...'))``; none where it needs other rows too (uniqueness)."""
    call = ast.parse(query, mode="eval").body
    strings = [node.value for node in ast.walk(call) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return strings[0] if len(strings) == 1 and " OVER (" not in strings[0] else None
