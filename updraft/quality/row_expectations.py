"""Expectations about single rows, with Great Expectations' own conditions, in one pass.

Great Expectations (GX) runs several Spark jobs for each expectation that fails, and names failing
rows only by a text from which they cannot always be found again. But it makes a Spark column out of
each expectation, which is true where a row fails; here all of them are computed together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from updraft.core.schema import ROW_ID

BASIC = {"result_format": "BASIC"}
EXAMPLES = 20  # Failing values that a page shows; so many are GX's own.
TAKEN = 1000  # Failing rows, at least, among which a pass looks for examples of all checks.
MARK = "__unexpected"
CONDITIONS = "conditions"  # The id of a batch that only records conditions.


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
        unexpected: Which of those fail, seen among the judged rows alone.
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
        return self.judged & F.coalesce(self.unexpected.cast("boolean"), F.lit(False))


@dataclass(frozen=True)
class NotEvaluated:
    """Why an expectation cannot be evaluated on these columns."""

    reason: str


def row_checks(
    expectations: Sequence[Any], batch: Any, frame: DataFrame
) -> list[RowCheck | NotEvaluated | None]:
    """Expectations in terms of Spark; None for one that GX does not judge by single rows."""
    from great_expectations.validator.metric_configuration import MetricConfiguration
    from great_expectations.validator.metrics_calculator import MetricsCalculator

    engine = batch.data.execution_engine
    conditions: list[Any] = []
    for expectation in expectations:
        metric = getattr(expectation, "map_metric", None)
        try:
            count = _dependencies(expectation, engine).get(f"{metric}.unexpected_count")
        except (LookupError, ValueError, TypeError) as error:
            conditions.append(NotEvaluated(repr(error)))
            continue
        if count is None:
            conditions.append(None)
            continue
        domain = {**count.metric_domain_kwargs, "batch_id": batch.id}
        name = f"{metric}.condition"
        conditions.append(MetricConfiguration(name, domain, count.metric_value_kwargs))
    # Together, because GX counts the rows of each domain for it.
    metrics = MetricsCalculator(engine)
    computable = [each for each in conditions if isinstance(each, MetricConfiguration)]
    resolved, aborted = metrics.compute_metrics(computable)
    checks: list[RowCheck | NotEvaluated | None] = []
    for expectation, condition in zip(expectations, conditions, strict=True):
        if condition is None or isinstance(condition, NotEvaluated):
            checks.append(condition)
        elif condition.id in resolved:
            checks.append(_row_check(expectation, resolved[condition.id], engine, frame))
        else:
            checks.append(NotEvaluated(_causes(condition, aborted)))
    return checks


def _row_check(
    expectation: Any, condition: tuple[Column, Any, Any], engine: Any, frame: DataFrame
) -> RowCheck:
    from great_expectations.execution_engine.sparkdf_batch_data import SparkDFBatchData

    unexpected, compute, accessor = condition

    def conditions(kwargs: dict[str, Any]) -> Column:
        recorder = _Recorder(frame.schema)
        engine.batch_manager.batch_data_cache[CONDITIONS] = SparkDFBatchData(engine, recorder)
        engine.get_domain_records({**kwargs, "batch_id": CONDITIONS})
        # As a filter does, without the rows for which a condition is unknown.
        known = [F.coalesce(each, F.lit(False)) for each in recorder.conditions]
        return reduce(and_, known, F.lit(True))

    rows_only = {key: compute.get(key) for key in ("row_condition", "condition_parser")}
    return RowCheck(
        expectation=expectation,
        domain=conditions(rows_only),
        judged=conditions({**compute, **accessor}),
        unexpected=unexpected,
        columns=_columns(accessor),
        looks_around="OVER (" in str(unexpected),
    )


def _causes(condition: Any, aborted: dict[Any, Any]) -> str:
    """Why GX could not make a column of a condition: the errors on its own columns."""
    causes = {
        str(info["exception_info"].exception_message)
        for metric, info in aborted.items()
        if metric.metric_domain_kwargs_id == condition.id.metric_domain_kwargs_id
    }
    return "; ".join(sorted(causes)) or "Great Expectations does not say."


def results(
    checks: Sequence[RowCheck], batch: Any, frame: DataFrame, partitions: Sequence[Column]
) -> list[Any]:
    """GX's validation result of each check, made of counts that are taken in one pass.

    A check that looks around sees one of the ``partitions`` at a time, in a pass of its own.
    """
    counts = _counts(checks, frame)
    for check in checks:
        if check.looks_around:
            failing = _marked(check, frame, partitions).where(F.col(MARK)).count()
            counts[id(check)]["failing"] = failing
    engine = batch.data.execution_engine
    numbers = {id(check): counts[id(check)]["failing"] for check in checks}
    examples = _examples([check for check in checks if numbers[id(check)]], numbers, frame)
    for check in checks:
        if check.looks_around and numbers[id(check)]:
            examples[id(check)] = _marked_examples(check, frame, partitions)
    return [
        _result(check, counts[id(check)], examples.get(id(check), []), engine) for check in checks
    ]


def failing_ids(check: RowCheck, frame: DataFrame, partitions: Sequence[Column]) -> DataFrame:
    """The ids of the rows that fail a check which looks around, of a frame with unique ids."""
    return _marked(check, frame, partitions).where(F.col(MARK)).select(ROW_ID)


def _marked(check: RowCheck, frame: DataFrame, partitions: Sequence[Column]) -> DataFrame:
    """The judged rows of a check, and which of them fail; the condition sees no other rows."""
    unexpected = F.coalesce(check.unexpected.cast("boolean"), F.lit(False))
    if not check.looks_around:
        return frame.where(check.judged).withColumn(MARK, unexpected)
    judged = [frame.where(partition & check.judged) for partition in partitions]
    return reduce(DataFrame.unionAll, [rows.withColumn(MARK, unexpected) for rows in judged])


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
