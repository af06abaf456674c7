"""Expectations about single rows, with Great Expectations' own conditions, in one pass.

Great Expectations (GX) runs several Spark jobs for each expectation that fails, and names failing
rows only by a text from which they cannot always be found again. But it makes a Spark column out of
each expectation, which is true where a row fails; here all of them are computed together.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from updraft.core.schema import ROW_ID, quote

BASIC = {"result_format": "BASIC"}
EXAMPLES = 20  # Failing values that a page shows; so many are GX's own.
TAKEN = 1000  # Failing rows, at least, among which a pass looks for examples of all checks.
MARK = "__unexpected"
CONDITIONS = "conditions"  # The id of a batch that only records conditions.
ABOUT_THE_TABLE = ("table.columns", "table.column_types", "table.row_count")  # Every check asks.
COLUMN_METRICS = (".condition", ".map")  # The ends of the names of metrics that are Spark columns.


@dataclass
class _Recorder:
    """Stands for a frame while GX filters it, and keeps the conditions."""

    schema: T.StructType
    conditions: list[Column] = field(default_factory=list)

    def filter(self, condition: Column | str) -> "_Recorder":
        self.conditions.append(F.expr(condition) if isinstance(condition, str) else condition)
        return self


@dataclass(frozen=True)
class RowCheck:
    """An expectation about single rows, in terms of Spark.

    Attributes:
        expectation: GX's own.
        domain: The rows that its row_condition selects.
        judged: Those of the domain that it does not ignore.
        unexpected: Which of those fail, seen among the judged rows alone; never null.
        columns: What it is about.
        looks_around: Whether a row's failing depends on other rows, as that of a repeated value.
    """

    expectation: Any
    domain: Column
    judged: Column
    unexpected: Column
    columns: list[str]
    looks_around: bool

    @property
    def metric(self) -> str:
        return str(self.expectation.map_metric)

    @property
    def failing(self) -> Column:
        return self.judged & self.unexpected


class NotEvaluated(Exception):  # noqa: N818
    """An expectation cannot be evaluated on these rows.

    Attributes:
        expectation: GX's own.
        reason: Why, in a line.
    """

    def __init__(self, expectation: Any, reason: str) -> None:
        super().__init__(reason)
        self.expectation = expectation
        self.reason = reason


@contextmanager
def evaluating(expectation: Any) -> Iterator[None]:
    """Say which expectation is to blame for an error of GX or Spark.

    Raises:
        NotEvaluated: there was one.
    """
    from great_expectations.exceptions.exceptions import GreatExpectationsError

    try:
        yield
    except (GreatExpectationsError, LookupError, ValueError, TypeError) as error:
        reason = repr(error) if isinstance(error, LookupError) else str(error)
        raise NotEvaluated(expectation, in_a_line(reason)) from error
    except (PySparkException, Py4JJavaError) as error:
        raise NotEvaluated(expectation, in_a_line(str(error))) from error


def in_a_line(error: str) -> str:
    """What is wrong, out of the text of an error that may contain traces of Python and Java."""
    lines = [line for line in error.splitlines() if line.strip()] or ["no reason is given"]
    traces = [number for number, line in enumerate(lines) if line.startswith("Traceback ")]
    if traces:
        # The frames of a trace are indented; the error after them is not.
        after = [line for line in lines[traces[0] + 1 :] if not line.startswith(" ")]
        return (after or lines)[0]
    causes = [line for line in lines if line.startswith("Caused by: ")]
    return causes[-1].removeprefix("Caused by: ") if causes else lines[0].strip()


def row_checks(
    expectations: Sequence[Any],
    batch: Any,
    frame: DataFrame,
    partitions: Callable[[], Sequence[Column]],
) -> list[RowCheck | None]:
    """Expectations in terms of Spark; None for one that GX does not judge by single rows.

    An expectation whose condition has a mean, a quantile or the like of the rows in it has those of
    each of the ``partitions``, which are asked for only then.

    Raises:
        NotEvaluated: GX cannot make a condition of an expectation.
    """
    from great_expectations.execution_engine.sparkdf_batch_data import SparkDFBatchData
    from great_expectations.validator.validation_graph import ValidationGraph

    engine = batch.data.execution_engine
    # One for all, because GX counts the rows of each domain for it.
    graph = ValidationGraph(engine)
    conditions: list[list[Any]] = []
    for expectation in expectations:
        with evaluating(expectation):
            needed = _condition(expectation, batch.id, engine)
            if needed and _has_aggregates(needed[0]):
                needed = []
                for number, partition in enumerate(partitions()):
                    name = f"partition {number}"
                    rows = SparkDFBatchData(engine, frame.where(partition))
                    engine.batch_manager.batch_data_cache[name] = rows
                    needed += _condition(expectation, name, engine)
            for condition in needed:
                graph.build_metric_dependency_graph(condition)
        conditions.append(needed)
    checks: list[RowCheck | None] = []
    with _functions_for_rows(frame):
        resolved, aborted = graph.resolve(show_progress_bars=False)
        for expectation, needed in zip(expectations, conditions, strict=True):
            found = []
            for condition in needed:
                if condition.id not in resolved:
                    reason = _cause(condition, aborted) or "Great Expectations does not say."
                    raise NotEvaluated(expectation, reason)
                found.append(resolved[condition.id])
            places = partitions() if len(found) > 1 else [F.lit(True)]
            with evaluating(expectation):
                check = _row_check(expectation, found, places, engine, frame) if found else None
            checks.append(check)
    return checks


def _condition(expectation: Any, batch_id: str, engine: Any) -> list[Any]:
    """The metric that is an expectation's condition, with what it needs; none if it has none."""
    from great_expectations.validator.metric_configuration import MetricConfiguration
    from great_expectations.validator.validation_graph import ValidationGraph

    metric = getattr(expectation, "map_metric", None)
    count = _dependencies(expectation, engine).get(f"{metric}.unexpected_count")
    if count is None:
        return []
    domain = {**count.metric_domain_kwargs, "batch_id": batch_id}
    condition = MetricConfiguration(f"{metric}.condition", domain, count.metric_value_kwargs)
    ValidationGraph(engine).build_metric_dependency_graph(condition)
    return [condition]


def _has_aggregates(condition: Any) -> bool:
    """Whether a condition is made with values of all rows, as a mean, besides their number."""
    needed = condition.metric_dependencies.values()
    others = [each for each in needed if each.metric_name not in ABOUT_THE_TABLE]
    return any(
        not each.metric_name.endswith(COLUMN_METRICS) or _has_aggregates(each) for each in others
    )


def _cause(condition: Any, aborted: dict[Any, Any]) -> str:
    """Why GX could not make a column of a condition: the first error among what it needs."""
    for needed in condition.metric_dependencies.values():
        cause = _cause(needed, aborted)
        if cause:
            return cause
    info = aborted.get(condition.id)
    return in_a_line(str(info["exception_info"].exception_message)) if info else ""


@contextmanager
def _functions_for_rows(frame: DataFrame) -> Iterator[None]:
    """While GX makes columns: Spark's functions, such that every column and row can be judged.

    GX does not quote the dots of several columns' names. Its Python functions raise for some
    values, and Spark ends the whole pass then, also if a row_condition excludes them.
    """
    from jsonschema import SchemaError

    original: dict[str, Any] = {name: getattr(F, name) for name in ("col", "struct", "udf")}
    dotted = {name for name in frame.columns if "." in name}

    def quoted(name: Any) -> Any:
        return quote(name) if isinstance(name, str) and name in dotted else name

    def col(name: str) -> Any:
        return original["col"](quoted(name))

    def struct(*names: Any) -> Any:
        return original["struct"](*map(quoted, names))

    def udf(function: Any, *arguments: Any) -> Any:
        def holds(*values: Any) -> Any:
            try:
                return function(*values)
            except (TypeError, SchemaError):
                raise  # No value is to blame, but the column's type or the expectation.
            except Exception:  # noqa: BLE001
                return False

        return original["udf"](holds, *arguments)

    for name, function in (("col", col), ("struct", struct), ("udf", udf)):
        setattr(F, name, function)
    try:
        yield
    finally:
        for name, function in original.items():
            setattr(F, name, function)


def _row_check(
    expectation: Any,
    conditions: Sequence[tuple[Column, Any, Any]],
    partitions: Sequence[Column],
    engine: Any,
    frame: DataFrame,
) -> RowCheck:
    """A check whose condition is that of the partition in which a row lies."""
    from great_expectations.execution_engine.sparkdf_batch_data import SparkDFBatchData

    _, compute, accessor = conditions[0]
    unexpected = F.lit(None).cast("boolean")
    for (column, _, _), partition in zip(conditions, partitions, strict=True):
        unexpected = F.when(partition, column.cast("boolean")).otherwise(unexpected)

    def selected(kwargs: dict[str, Any]) -> Column:
        recorder = _Recorder(frame.schema)
        engine.batch_manager.batch_data_cache[CONDITIONS] = SparkDFBatchData(engine, recorder)
        engine.get_domain_records({**kwargs, "batch_id": CONDITIONS})
        # As a filter does, without the rows for which a condition is unknown.
        known = [F.coalesce(each, F.lit(False)) for each in recorder.conditions]
        return reduce(and_, known, F.lit(True))

    rows_only = {key: compute.get(key) for key in ("row_condition", "condition_parser")}
    return RowCheck(
        expectation=expectation,
        domain=selected(rows_only),
        judged=selected({**compute, **accessor}),
        unexpected=F.coalesce(unexpected, F.lit(False)),
        columns=_columns(accessor),
        looks_around="OVER (" in str(unexpected),
    )


def results(
    checks: Sequence[RowCheck], batch: Any, frame: DataFrame, partitions: Sequence[Column]
) -> list[Any]:
    """GX's validation result of each check, made of counts that are taken in one pass.

    A check that looks around sees one of the ``partitions`` at a time, in a pass of its own.

    Raises:
        NotEvaluated: a check cannot be computed on these rows.
    """
    counts = _together(checks, lambda some: _counts(some, frame))
    for check in checks:
        if check.looks_around:
            with evaluating(check.expectation):
                failing = _marked(check, frame, partitions).where(F.col(MARK)).count()
            counts[id(check)]["failing"] = failing
    engine = batch.data.execution_engine
    numbers = {id(check): counts[id(check)]["failing"] for check in checks}
    failing_checks = [check for check in checks if numbers[id(check)]]
    examples = _together(failing_checks, lambda some: _examples(some, numbers, frame))
    found = []
    for check in checks:
        with evaluating(check.expectation):
            if check.looks_around and numbers[id(check)]:
                examples[id(check)] = _marked_examples(check, frame, partitions)
            values = examples.get(id(check), [])
            found.append(_result(check, counts[id(check)], values, engine))
    return found


def _together(
    checks: Sequence[RowCheck], compute: Callable[[Sequence[RowCheck]], dict[int, Any]]
) -> dict[int, Any]:
    """What is computed in one pass for all checks; only if that fails, one by one, to know why."""
    try:
        return compute(checks)
    except (PySparkException, Py4JJavaError):
        for check in checks:
            with evaluating(check.expectation):
                compute([check])
        raise


def failing_ids(check: RowCheck, frame: DataFrame, partitions: Sequence[Column]) -> DataFrame:
    """The ids of the rows that fail a check which looks around, of a frame with unique ids."""
    return _marked(check, frame, partitions).where(F.col(MARK)).select(ROW_ID)


def _marked(check: RowCheck, frame: DataFrame, partitions: Sequence[Column]) -> DataFrame:
    """The judged rows of a check, and which of them fail; the condition sees no other rows."""
    judged = [frame.where(partition & check.judged) for partition in partitions]
    return reduce(DataFrame.unionAll, [rows.withColumn(MARK, check.unexpected) for rows in judged])


def _dependencies(expectation: Any, engine: Any) -> dict[str, Any]:
    dependencies = expectation.get_validation_dependencies(
        execution_engine=engine, runtime_configuration={"result_format": dict(BASIC)}
    )
    found: dict[str, Any] = dependencies.metric_configurations
    return found


def _columns(accessor: dict[str, Any]) -> list[str]:
    named = [accessor.get(key) for key in ("column", "column_A", "column_B")]
    return [name for name in (*named, *accessor.get("column_list", ())) if name is not None]


def _counts(checks: Sequence[RowCheck], frame: DataFrame) -> dict[int, dict[str, int]]:
    """The numbers of rows in the domain, without a value, judged and failing, by check.

    Failing rows of checks that look around are left to the caller.
    """
    aggregates = []
    for number, check in enumerate(checks):
        failing = F.lit(False) if check.looks_around else check.failing
        value_is_missing = reduce(and_, [F.col(name).isNull() for name in check.columns])
        aggregates += [
            F.count_if(check.domain).alias(f"domain{number}"),
            F.count_if(check.domain & value_is_missing).alias(f"missing{number}"),
            F.count_if(check.judged).alias(f"judged{number}"),
            F.count_if(failing).alias(f"failing{number}"),
        ]
    if not aggregates:
        return {}
    row = frame.agg(*aggregates).collect()[0]
    names = ("domain", "missing", "judged", "failing")
    return {
        id(check): {name: row[f"{name}{number}"] for name in names}
        for number, check in enumerate(checks)
    }


def _result(check: RowCheck, counts: dict[str, int], examples: list[Any], engine: Any) -> Any:
    metrics: dict[Any, Any] = {}
    values = {
        "table.row_count": counts["domain"],
        "column_values.nonnull.unexpected_count": counts["missing"],
        f"{check.metric}.filtered_row_count": counts["judged"],
        f"{check.metric}.unexpected_count": counts["failing"],
    }
    for name, configuration in _dependencies(check.expectation, engine).items():
        if name == f"{check.metric}.unexpected_values":
            metrics[configuration.id] = examples
        else:
            metrics[configuration.id] = values[name]
    return check.expectation.metrics_validate(
        metrics,
        runtime_configuration={"result_format": dict(BASIC)},
        execution_engine=engine,
    )


def _examples(
    failing: Sequence[RowCheck], numbers: dict[int, int], frame: DataFrame
) -> dict[int, list[Any]]:
    """Some failing values of each check that does not look around, by check.

    ``numbers``: of each check's failing rows. Each pass takes so many failing rows that at least
    one check has all the examples that it needs; most often, all of them do.
    """
    examples: dict[int, list[Any]] = {}
    remaining = [check for check in failing if not check.looks_around]
    while remaining:
        fails_any = reduce(or_, [check.failing for check in remaining])
        fails = [check.failing.alias(f"fails{n}") for n, check in enumerate(remaining)]
        values = [_values(check).alias(f"values{n}") for n, check in enumerate(remaining)]
        rows = frame.where(fails_any).select(*fails, *values)
        found = rows.limit(max(TAKEN, EXAMPLES * len(remaining))).collect()
        unsettled = []
        for n, check in enumerate(remaining):
            failing_values = [row[f"values{n}"] for row in found if row[f"fails{n}"]]
            if len(failing_values) < min(EXAMPLES, numbers[id(check)]):
                unsettled.append(check)
            examples[id(check)] = [_shown(check, each) for each in failing_values[:EXAMPLES]]
        if len(unsettled) == len(remaining):
            raise RuntimeError("rows have changed while their suites were evaluated")
        remaining = unsettled
    return examples


def _marked_examples(check: RowCheck, frame: DataFrame, partitions: Sequence[Column]) -> list[Any]:
    failing = _marked(check, frame, partitions).where(F.col(MARK))
    rows = failing.select(_values(check).alias("values")).limit(EXAMPLES).collect()
    return [_shown(check, row["values"]) for row in rows]


def _values(check: RowCheck) -> Column:
    return F.struct(*[F.col(name).alias(f"value{n}") for n, name in enumerate(check.columns)])


def _shown(check: RowCheck, values: Any) -> Any:
    """What GX shows of a failing row: its value, a pair of values, or all values by name."""
    if len(check.columns) == 1:
        return values[0]
    if len(check.columns) == 2 and hasattr(check.expectation, "column_A"):
        return tuple(values)
    return dict(zip(check.columns, values, strict=True))
