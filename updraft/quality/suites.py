"""Great Expectations suites on Spark frames: which expectations hold, and which rows fail."""

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
class CheckedExpectation:
    """An expectation and its outcome.

    Attributes:
        outcome: As the job reports it.
        failing_rows: The rows that fail as a Spark SQL condition; None if the expectation holds, or
            is not about single rows.
        suite: The name of the suite's file.
        result: Great Expectations' own validation result, for Data Docs.
    """

    outcome: ExpectationOutcome
    failing_rows: str | None
    suite: str
    result: Any

    @property
    def reason(self) -> str:
        if self.outcome.column:
            return f"{self.outcome.column}: {self.outcome.expectation}"
        return self.outcome.expectation


def suite_files(use_case: str) -> list[Path]:
    """The suites of a use case.

    Raises:
        UpdraftError: there is none; data that nobody checks must not pass as checked.
    """
    folder = settings().expectations / use_case
    files = sorted(folder.glob("*.json"))
    if not files:
        raise UpdraftError(f"{folder}: no suite found, expected at least one *.json. Add one.")
    return files


def run_suites(use_case: str, frame: DataFrame) -> list[CheckedExpectation]:
    """Check ``frame`` against every suite of the use case.

    Raises:
        UpdraftError: a suite is not readable, is empty, or an expectation cannot be evaluated on
            these columns.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_spark(use_case).add_dataframe_asset(use_case)
    definition = asset.add_batch_definition_whole_dataframe(use_case)
    batch: Any = definition.get_batch({"dataframe": frame})
    checked = []
    for file in suite_files(use_case):
        suite = read_suite(file)
        # All expectations share one pass as long as they are asked only for yes or no. Only those
        # that fail are asked again, for their failing rows.
        results = batch.validate(suite, result_format="BOOLEAN_ONLY").results
        checked += [_checked(file, result) for result in results if result.success]
        failed = [
            result.expectation_config.to_domain_obj() for result in results if not result.success
        ]
        if failed:
            failed_suite = gx.ExpectationSuite(name=suite.name, expectations=failed)
            detailed = batch.validate(failed_suite, result_format=FAILING_ROWS).results
            checked += [_checked(file, result) for result in detailed]
    return checked


def read_suite(file: Path) -> Any:
    """Read one suite, in Great Expectations' own JSON.

    Raises:
        UpdraftError: it is not a suite, is empty, or has expectations that cannot be used.
    """
    import great_expectations as gx
    from great_expectations.exceptions.exceptions import GreatExpectationsError

    try:
        document = json.loads(file.read_text())
        suite = gx.ExpectationSuite(**document)
    except (ValueError, TypeError, LookupError, GreatExpectationsError) as error:
        raise UpdraftError(
            f"{file}: not a Great Expectations suite. Fix or replace it. The reason: {error}"
        ) from None
    declared = document["expectations"]
    usable = {expectation.configuration.type for expectation in suite.expectations}
    unusable = [
        expectation["type"] for expectation in declared if expectation["type"] not in usable
    ]
    if unusable:
        # Great Expectations itself logs these and continues without them.
        raise UpdraftError(
            f"{file}: found expectations that Great Expectations cannot use: "
            f"{', '.join(unusable)}. Fix or remove them."
        )
    if len(suite.expectations) != len(declared):
        raise UpdraftError(
            f"{file}: Great Expectations drops some of its expectations. "
            "Is one repeated, or an argument wrong?"
        )
    lenient = [expectation["type"] for expectation in declared if _is_lenient(expectation)]
    if lenient:
        raise UpdraftError(
            f"{file}: found mostly in {', '.join(lenient)}. Every failing row goes to quarantine; "
            "data.max_quarantine in use_case.yaml says how many may. "
            "Remove mostly, or set severity to warning."
        )
    if not suite.expectations:
        raise UpdraftError(
            f"{file}: found no expectation, expected at least one. Delete the file or fill it."
        )
    return suite


def _is_lenient(expectation: dict[str, Any]) -> bool:
    """Whether some rows may fail it, although it is critical."""
    mostly = expectation.get("kwargs", {}).get("mostly", 1)
    return mostly < 1 and expectation.get("severity") != "warning"


def _checked(file: Path, result: Any) -> CheckedExpectation:
    config = result.expectation_config
    column = config.kwargs.get("column") or config.kwargs.get("column_A")
    _refuse_exceptions(file, result, column)
    query = None if result.success else result.result.get("unexpected_index_query")
    outcome = ExpectationOutcome(
        expectation=config.type,
        column=column,
        success=bool(result.success),
        severity=str(getattr(config.severity, "value", config.severity)),
        failing=result.result.get("unexpected_count"),
    )
    return CheckedExpectation(outcome, _condition(query) if query else None, file.stem, result)


def _refuse_exceptions(file: Path, result: Any, column: str | None) -> None:
    """Refuse an expectation that could not be evaluated.

    ``exception_info`` describes one exception, or holds such descriptions by metric.
    """
    for info in (result.exception_info, *result.exception_info.values()):
        if isinstance(info, dict) and info.get("raised_exception"):
            expectation = result.expectation_config.type
            raise UpdraftError(
                f"{file}: {expectation} on {column} cannot be evaluated. Fix or remove it. "
                f"The reason: {info.get('exception_message')}"
            )


def _condition(query: str) -> str | None:
    """The condition in GX's ``df.filter(F.expr('...'))``.

    None if the condition needs other rows too, as uniqueness does.
    """
    call = ast.parse(query, mode="eval").body
    constants = [node.value for node in ast.walk(call) if isinstance(node, ast.Constant)]
    texts = [constant for constant in constants if isinstance(constant, str)]
    if len(texts) == 1 and " OVER (" not in texts[0]:
        return texts[0]
    return None
