"""Great Expectations suites on Spark frames: which expectations hold, and which rows fail."""

import hashlib
import json
import os
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

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
    evaluating,
    failing_ids,
    in_a_line,
    results,
    row_checks,
)

DETAILS_LENGTH = 100  # Characters of the arguments in a reason.


@dataclass(frozen=True)
class Suites:
    """The suites of a use case, as they were read.

    Attributes:
        expectations: Great Expectations' own, each with its suite's file.
        sha256: Of the files' names and contents.
    """

    expectations: list[tuple[Path, Any]]
    sha256: str


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
        details: What tells it from others of its type and column; empty if there are none.
    """

    outcome: ExpectationOutcome
    failing_rows: Column | DataFrame | None
    suite: str
    result: Any
    partition: str | None = None
    details: str = ""

    @property
    def reason(self) -> str:
        reason = self.outcome.expectation
        if self.outcome.column:
            reason = f"{self.outcome.column}: {reason}"
        if self.details:
            reason = f"{reason} ({self.details})"
        return f"{reason} in {self.partition}" if self.partition else reason


def read_suites(use_case: str) -> Suites:
    """Read all suites of a use case, in Great Expectations' own JSON.

    Raises:
        UpdraftError: there is none, as data that nobody checks must not pass as checked; or one is
            not readable, is empty, or has expectations that cannot be used.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    folder = settings().expectations / use_case
    files = sorted(folder.glob("*.json"))
    if not files:
        raise UpdraftError(f"{folder}: no suite found, expected at least one *.json. Add one.")
    digest = hashlib.sha256()
    expectations = []
    for file in files:
        content = file.read_bytes()
        digest.update(file.name.encode())
        digest.update(content)
        expectations += [(file, expectation) for expectation in _read_suite(file, content)]
    return Suites(expectations, digest.hexdigest())


def run_suites(suites: Suites, frame: DataFrame, unit: Unit | None) -> list[CheckedExpectation]:
    """Check ``frame`` against every suite.

    Expectations about single rows are judged row by row; others partition by partition, so that a
    range of partitions is judged as each of them would be alone. ``unit``: how much time a
    partition covers; None for a snapshot.

    Raises:
        UpdraftError: an expectation cannot be evaluated on these columns.
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_spark("rows").add_dataframe_asset("rows")
    definition = asset.add_batch_definition_whole_dataframe("rows")
    try:
        checked = _run(suites, definition, frame, unit)
    except NotEvaluated as error:
        (file,) = [file for file, each in suites.expectations if each is error.expectation]
        raise _not_evaluated(file, error.expectation.configuration, error.reason) from None
    return sorted(_told_apart(checked), key=lambda expectation: expectation.suite)


def _run(
    suites: Suites, definition: Any, frame: DataFrame, unit: Unit | None
) -> list[CheckedExpectation]:
    batch: Any = definition.get_batch({"dataframe": frame})
    batch.data.execution_engine.load_batch_data(batch.id, frame)
    partitions = cache(lambda: _partitions(frame, unit))
    in_spark = row_checks(
        [expectation for _, expectation in suites.expectations],
        batch,
        frame,
        lambda: list(partitions().values()),
    )
    checks: list[tuple[Path, RowCheck]] = []
    others: list[tuple[Path, Any]] = []
    for (file, expectation), check in zip(suites.expectations, in_spark, strict=True):
        if check is None:
            others.append((file, expectation))
        else:
            checks.append((file, check))
    looks_around = any(check.looks_around for _, check in checks)
    conditions = list(partitions().values()) if looks_around else []
    checked = []
    by_row = results([check for _, check in checks], batch, frame, conditions)
    for (file, check), result in zip(checks, by_row, strict=True):
        failing: Column | DataFrame = check.failing
        if check.looks_around:
            failing = failing_ids(check, frame, conditions)
        checked.append(_checked(file, result, None if result.success else failing))
    for file, expectation in others:
        checked.append(_judge_by_partition(file, expectation, definition, frame, partitions()))
    return checked


def _told_apart(checked: list[CheckedExpectation]) -> list[CheckedExpectation]:
    """With details for those that have their type and column in common with others."""
    kinds = [(each.outcome.column, each.outcome.expectation) for each in checked]
    common = Counter(kinds)
    seen: Counter[Any] = Counter()
    told = []
    for each, kind in zip(checked, kinds, strict=True):
        details = _details(each.result.expectation_config) if common[kind] > 1 else ""
        seen[kind, details] += 1
        if seen[kind, details] > 1:
            # Long arguments can begin alike, and two suites can contain the same expectation.
            details = f"{details}, no. {seen[kind, details]}".removeprefix(", ")
        told.append(replace(each, details=details))
    return told


def _details(config: Any) -> str:
    """The start of an expectation's condition and arguments."""
    told = []
    condition = config.kwargs.get("row_condition")
    if condition:
        # Great Expectations wraps a condition in Spark's words.
        is_wrapped = isinstance(condition, dict) and "pass_through_filter" in condition
        told.append(f"where {condition['pass_through_filter'] if is_wrapped else condition}")
    in_reason = ("column", "column_A", "batch_id", "row_condition", "condition_parser")
    told += [f"{name} {value}" for name, value in config.kwargs.items() if name not in in_reason]
    details = ", ".join(told)
    return details if len(details) <= DETAILS_LENGTH else f"{details[:DETAILS_LENGTH]}..."


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
        with evaluating(expectation):
            suite = gx.ExpectationSuite(name=name, expectations=[expectation.copy()])
            batch = definition.get_batch({"dataframe": frame.where(condition)})
            (result,) = batch.validate(suite, result_format="BASIC").results
        checked = replace(_checked(file, result, None), partition=name)
        if not result.success:
            return checked
    assert checked is not None  # There is always a partition.
    return checked


def _read_suite(file: Path, content: bytes) -> list[Any]:
    """The expectations of one suite."""
    import great_expectations as gx
    from great_expectations.exceptions.exceptions import GreatExpectationsError

    try:
        document = json.loads(content)
        expectations: list[Any] = gx.ExpectationSuite(**document).expectations
    except (ValueError, TypeError, LookupError, GreatExpectationsError) as error:
        raise UpdraftError(
            f"{file}: not a Great Expectations suite. Fix or replace it. The reason: {error}"
        ) from None
    declared = document.get("expectations") or []
    usable = {expectation.configuration.type for expectation in expectations}
    unusable = [
        expectation["type"] for expectation in declared if expectation["type"] not in usable
    ]
    if unusable:
        # Great Expectations itself logs these and continues without them.
        raise UpdraftError(
            f"{file}: found expectations that Great Expectations cannot use: "
            f"{', '.join(unusable)}. Fix or remove them."
        )
    if len(expectations) != len(declared):
        raise UpdraftError(
            f"{file}: Great Expectations drops some of its expectations. "
            "Is one repeated, or an argument wrong?"
        )
    with_parameter = [each["type"] for each in declared if _has_parameter(each)]
    if with_parameter:
        raise UpdraftError(
            f"{file}: found $PARAMETER in {', '.join(with_parameter)}. "
            "Suites are run without parameters. Write the value."
        )
    lenient = [each.configuration.type for each in expectations if _is_lenient(each)]
    if lenient:
        raise UpdraftError(
            f"{file}: found mostly in {', '.join(lenient)}. Every failing row goes to quarantine; "
            "data.max_quarantine in use_case.yaml says how many may. "
            "Remove mostly, or set severity to warning."
        )
    if not expectations:
        raise UpdraftError(
            f"{file}: found no expectation, expected at least one. Delete the file or fill it."
        )
    return expectations


def _has_parameter(value: Any) -> bool:
    """Whether a part of an expectation is left to one who runs the suite."""
    if isinstance(value, dict):
        return "$PARAMETER" in value or any(map(_has_parameter, value.values()))
    return isinstance(value, list) and any(map(_has_parameter, value))


def _is_lenient(expectation: Any) -> bool:
    """Whether some rows may fail it, although it is critical."""
    mostly = getattr(expectation, "mostly", None)
    return mostly is not None and mostly < 1 and _severity(expectation) != "warning"


def _severity(expectation: Any) -> str:
    """That of an expectation or its configuration, as text."""
    return str(getattr(expectation.severity, "value", expectation.severity))


def _checked(file: Path, result: Any, failing: "Column | DataFrame | None") -> CheckedExpectation:
    config = result.expectation_config
    for info in (result.exception_info, *result.exception_info.values()):
        # It describes one exception, or holds such descriptions by metric.
        if isinstance(info, dict) and info.get("raised_exception"):
            raise _not_evaluated(file, config, in_a_line(str(info.get("exception_message"))))
    outcome = ExpectationOutcome(
        expectation=config.type,
        column=_column(config),
        success=bool(result.success),
        severity=_severity(config),
        failing=result.result.get("unexpected_count"),
    )
    return CheckedExpectation(outcome, failing, file.stem, result)


def _column(config: Any) -> str | None:
    column: str | None = config.kwargs.get("column") or config.kwargs.get("column_A")
    return column


def _not_evaluated(file: Path, config: Any, reason: str) -> UpdraftError:
    named = [config.kwargs.get(name) for name in ("column", "column_A", "column_B")]
    columns = [name for name in (*named, *config.kwargs.get("column_list", ())) if name]
    about = f" on {', '.join(columns)}" if columns else ""
    return UpdraftError(
        f"{file}: {config.type}{about} cannot be evaluated. Fix or remove it. The reason: {reason}"
    )
