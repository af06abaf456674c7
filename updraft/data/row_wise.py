"""Whether features.sql computes each row from one clean row, by Spark's analysed plan.

If it does not, a range of partitions would give other rows than its partitions one by one: an
average over a customer's rows would see those of later days.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame

from updraft.core.errors import UpdraftError

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
CLOCKS = {"CurrentDate", "CurrentTimestamp", "CurrentTime", "Now", "LocalTimestamp"}


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


def check_repeatable(frame: DataFrame, file: Path) -> None:
    """Refuse a query whose result changes from run to run.

    Raises:
        UpdraftError: it draws random numbers, or reads the clock.
    """
    for node in _nodes(_plan(frame)):
        for expression in _tree(node.expressions()):
            if expression.nodeName() in CLOCKS or not expression.deterministic():
                raise UpdraftError(
                    f"{file}: found {expression.sql()}, which has another value in each run: a "
                    "partition that is built again would get other features. Use event_time in "
                    "place of the clock, and xxhash64(row_id) in place of random numbers."
                )


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


def _tree(expressions: Any) -> Iterator[Any]:
    for expression in _items(expressions):
        yield expression
        yield from _tree(expression.children())


def _items(sequence: Any) -> list[Any]:
    return [sequence.apply(position) for position in range(sequence.size())]
