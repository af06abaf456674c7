"""Whether SQL computes each row from one row, and again in each run, by Spark's analysed plan.

If it does not, a range of partitions would give other rows than its partitions one by one: an
average over a customer's rows would see those of later days.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from py4j.java_gateway import is_instance_of
from pyspark.sql import DataFrame

from updraft.core.errors import UpdraftError
from updraft.core.sql import typed_literals

# Above the view, these see one of its rows at a time. Of all others that is not known.
ROW_WISE = {
    "Project",
    "Filter",
    "SubqueryAlias",
    "Join",
    "LateralJoin",
    "Generate",
    "Sort",
    "WithCTE",
    "CTERelationDef",
    "CTERelationRef",
    "ResolvedHint",
}
CLOCKS = {"CurrentDate", "CurrentTimestamp", "CurrentTime", "Now", "LocalTimestamp", "CurrentUser"}
# Texts that mean a time of the clock, where they are made a date or timestamp.
CLOCK_TEXT = re.compile(r"\s*(now|today|yesterday|tomorrow)\b", re.IGNORECASE)
TIMES = ("date", "timestamp", "timestamp_ntz")
LIMITS = {"GlobalLimit", "LocalLimit", "Offset", "Tail"}
KEEPS_ORDER = {*LIMITS, "Project", "Filter", "SubqueryAlias"}
FRAME = {"SubqueryAlias", "LogicalRDD", "LocalRelation"}  # Rows without a query.
REPLACEABLE = "org.apache.spark.sql.catalyst.expressions.RuntimeReplaceable"


def is_row_wise(frame: DataFrame, view: str) -> bool:
    """Whether each row of a query's result depends on one row of ``view``.

    Lookups may be joined and aggregated: they are the same for every partition.
    """
    plan = _plan(frame)
    repeated = Counter(
        str(node.cteId()) for node in _nodes(plan) if node.nodeName() == "CTERelationRef"
    )
    if _references(plan, view) > 1 or max(repeated.values(), default=0) > 1:
        return False  # The view, or what was made of it, is combined with itself.
    return all(
        (node.nodeName() in ROW_WISE and _keeps_rows(node, view))
        or not _references(node, view)
        or _is_view(node)
        for node in _nodes(plan)
    )


def _keeps_rows(node: Any, view: str) -> bool:
    """Whether a node's rows are about one row of the view each, and not about lookups' rows.

    Those that no row of the view matches depend on all its rows.
    """
    if any(_references(subquery, view) for subquery in _items(node.subqueries())):
        return False
    if node.nodeName() != "Join":
        return True
    kind = str(node.joinType().sql())
    if kind in ("INNER", "CROSS"):
        return True
    if kind == "RIGHT OUTER":
        return not _references(node.left(), view)
    return kind != "FULL OUTER" and not _references(node.right(), view)


def columns_of_row(frame: DataFrame) -> set[str] | None:
    """The columns that a selected expression is computed from, in lower case.

    None if it is computed from more than one row of the frame that it was selected from.
    """
    plan = _plan(frame)
    inner = list(_nodes(plan))[1:]
    is_of_one_row = plan.nodeName() == "Project" and not _items(plan.subqueries())
    if not is_of_one_row or any(node.nodeName() not in FRAME for node in inner):
        return None
    return {str(column.name()).lower() for column in _items(plan.references().toSeq())}


def check_repeatable(frame: DataFrame, sql: str, place: str) -> None:
    """Refuse SQL whose result changes from run to run.

    ``frame``: its result. ``place``: where the SQL stands.

    Raises:
        UpdraftError: it draws random rows or numbers, or reads the clock.
    """
    found = next(_not_repeatable(frame, sql), None)
    if found:
        raise UpdraftError(
            f"{place}: found {found}, which has another value in each run: a partition that is "
            "built again would get other features. Use event_time in place of the clock, "
            "xxhash64(row_id) in place of random numbers, and ORDER BY before LIMIT."
        )


def _not_repeatable(frame: DataFrame, sql: str) -> Iterator[str]:
    """What has another value in each run, as SQL."""
    # Spark's parser puts the time in place of these.
    for keyword, text in typed_literals(sql):
        if CLOCK_TEXT.match(text):
            yield f"{keyword}'{text}'"
    gateway = frame.sparkSession.sparkContext._gateway
    for node in _nodes(_plan(frame)):
        if node.nodeName() == "Sample":
            yield "TABLESAMPLE"
        if node.nodeName() in LIMITS and not _is_ordered(node):
            yield "LIMIT without ORDER BY"
        for expression in _tree(gateway, _items(node.expressions())):
            is_clock = expression.nodeName() in CLOCKS or _is_clock_text(expression)
            if is_clock or not expression.deterministic():
                yield str(expression.sql())


def _is_ordered(node: Any) -> bool:
    """Whether the rows of a limit come in an order."""
    while node.nodeName() in KEEPS_ORDER:
        node = node.children().apply(0)
    return bool(node.nodeName() == "Sort" and getattr(node, "global")())


def _is_clock_text(expression: Any) -> bool:
    """Whether a text such as 'now' is cast to a time. In a column, Spark takes it for a text."""
    if expression.nodeName() != "Cast":
        return False
    child = expression.child()
    if child.nodeName() != "Literal" or str(expression.dataType().typeName()) not in TIMES:
        return False
    return CLOCK_TEXT.match(str(child.value())) is not None


def _plan(frame: DataFrame) -> Any:
    return frame._jdf.queryExecution().analyzed()


def _nodes(plan: Any) -> Iterator[Any]:
    """A plan's nodes, those of its subqueries included, down to the views."""
    yield plan
    if not _is_view(plan):
        for part in (*_items(plan.children()), *_items(plan.subqueries())):
            yield from _nodes(part)


def _references(plan: Any, view: str) -> int:
    """How often a plan reads a view."""
    return sum(
        _is_view(node) and str(node.desc().identifier().table()).lower() == view
        for node in _nodes(plan)
    )


def _is_view(node: Any) -> bool:
    return bool(node.nodeName() == "View")


def _tree(gateway: Any, expressions: list[Any]) -> Iterator[Any]:
    """Expressions and all parts of them, also what Spark will put in place of some."""
    for expression in expressions:
        yield expression
        yield from _tree(gateway, _items(expression.children()))
        if is_instance_of(gateway, expression, REPLACEABLE):
            yield from _tree(gateway, [expression.replacement()])


def _items(sequence: Any) -> list[Any]:
    return [sequence.apply(position) for position in range(sequence.size())]
