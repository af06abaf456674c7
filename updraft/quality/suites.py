"""Great Expectations suites on Spark frames: which expectations hold, and which rows fail."""

import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from updraft.core.errors import UpdraftError
from updraft.core.interval import Unit
from updraft.core.reports import ExpectationOutcome
from updraft.core.schema import EVENT_TIME
from updraft.core.settings import settings
from updraft.quality.row_expectations import (
    NotEvaluated,
    RowCheck,
    failing_ids,
    results,
    row_checks,
)


@dataclass(frozen=True)
class CheckedExpectation:
    """An expectation and its outcome.

    Attributes:
        outcome: As the job reports it.
        failing_rows: The rows that fail, as a condition, or as the ids of the rows if others decide
            whether one fails; None if the expectation holds, or is not about single rows.
        suite: The name of the suite's file.
        result: Great Expectations' own validation result, for Data Docs.
        partition: The partition in which it was judged; None if it was judged row by row.
    """

    outcome: ExpectationOutcome
    failing_rows: Column | DataFrame | None
    suite: str
    result: Any
    partition: str | None = None

    @property
    def reason(self) -> str:
        reason = self.outcome.expectation
        if self.outcome.column:
            reason = f"{self.outcome.column}: {reason}"
        return f"{reason} in {self.partition}" if self.partition else reason


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


def suites_hash(use_case: str) -> str:
    """The SHA-256 of all suites of a use case."""
    digest = hashlib.sha256()
    for file in suite_files(use_case):
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def run_suites(use_case: str, frame: DataFrame, unit: Unit | None) -> list[CheckedExpectation]:
    """Check ``frame`` against every suite of the use case.

    Expectations about single rows are judged row by row; others partition by partition, so that a
    range of partitions is judged as each of them would be alone. ``unit``: how much time a
    partition covers; None for a snapshot.

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
    batch.data.execution_engine.load_batch_data(batch.id, frame)
    declared = [
        (file, expectation)
        for file in suite_files(use_case)
        for expectation in read_suite(file).expectations
    ]
    checks: list[tuple[Path, RowCheck]] = []
    others: list[tuple[Path, Any]] = []
    in_spark = row_checks([expectation for _, expectation in declared], batch, frame)
    for (file, expectation), check in zip(declared, in_spark, strict=True):
        if check is None:
            others.append((file, expectation))
        elif isinstance(check, NotEvaluated):
            raise _not_evaluated(file, expectation.configuration, check.reason)
        else:
            checks.append((file, check))
    partitions = {"all rows": F.lit(True)}
    if others or any(check.looks_around for _, check in checks):
        partitions = _partitions(frame, unit)
    conditions = list(partitions.values())
    checked = []
    by_row = results([check for _, check in checks], batch, frame, conditions)
    for (file, check), result in zip(checks, by_row, strict=True):
        failing: Column | DataFrame = check.failing
        if check.looks_around:
            failing = failing_ids(check, frame, conditions)
        checked.append(_checked(file, result, None if result.success else failing))
    for file, expectation in others:
        checked.append(_judge_by_partition(file, expectation, definition, frame, partitions))
    return sorted(checked, key=lambda expectation: expectation.suite)


def _partitions(frame: DataFrame, unit: Unit | None) -> dict[str, Column]:
    """The condition on each partition of which a frame has rows, by the partition's name."""
    if unit is None:
        return {"all rows": F.lit(True)}
    name = F.date_format(F.date_trunc(unit, EVENT_TIME), "yyyy-MM-dd'T'HH")
    rows = frame.select(name.alias("name")).distinct().orderBy("name").collect()
    return {row["name"]: name == row["name"] for row in rows} or {"all rows": F.lit(True)}


def _judge_by_partition(
    file: Path,
    expectation: Any,
    definition: Any,
    frame: DataFrame,
    partitions: dict[str, Column],
) -> CheckedExpectation:
    """The outcome in the first partition in which an expectation fails, else in the last."""
    import great_expectations as gx

    checked: CheckedExpectation | None = None
    for name, condition in partitions.items():
        suite = gx.ExpectationSuite(name=name, expectations=[expectation.copy()])
        batch = definition.get_batch({"dataframe": frame.where(condition)})
        try:
            (result,) = batch.validate(suite, result_format="BASIC").results
        except (LookupError, ValueError, TypeError, PySparkException) as error:
            raise _not_evaluated(file, expectation.configuration, repr(error)) from None
        checked = replace(_checked(file, result, None), partition=name)
        if not result.success:
            return checked
    assert checked is not None  # There is always a partition.
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


def _checked(file: Path, result: Any, failing: "Column | DataFrame | None") -> CheckedExpectation:
    config = result.expectation_config
    for info in (result.exception_info, *result.exception_info.values()):
        # It describes one exception, or holds such descriptions by metric.
        if isinstance(info, dict) and info.get("raised_exception"):
            raise _not_evaluated(file, config, info.get("exception_message"))
    outcome = ExpectationOutcome(
        expectation=config.type,
        column=_column(config),
        success=bool(result.success),
        severity=str(getattr(config.severity, "value", config.severity)),
        failing=result.result.get("unexpected_count"),
    )
    return CheckedExpectation(outcome, failing, file.stem, result)


def _column(config: Any) -> str | None:
    column: str | None = config.kwargs.get("column") or config.kwargs.get("column_A")
    return column


def _not_evaluated(file: Path, config: Any, reason: object) -> UpdraftError:
    return UpdraftError(
        f"{file}: {config.type} on {_column(config)} cannot be evaluated. Fix or remove it. "
        f"The reason: {reason}"
    )
