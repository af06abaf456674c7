"""SQL that looks at several rows is known by its plan, so a range gives what its days give."""

import pytest
from pyspark.sql import SparkSession

from updraft.core.errors import UpdraftError
from updraft.data.row_wise import check_repeatable, is_row_wise

ROW_WISE = [
    "SELECT row_id, x * 2 AS double FROM clean",
    "SELECT c.row_id, k.y FROM clean c LEFT JOIN lookup k ON k.who = c.who",
    "SELECT row_id, CASE WHEN x > 1 THEN 'a' END AS kind FROM clean WHERE x IS NOT NULL",
    "WITH b AS (SELECT * FROM clean) SELECT row_id, x FROM b",
    "SELECT row_id, (SELECT max(y) FROM lookup) AS top FROM clean",
    "SELECT c.row_id, k.mean FROM clean c "
    "LEFT JOIN (SELECT who, avg(y) AS mean FROM lookup GROUP BY who) k ON k.who = c.who",
    "SELECT c.row_id, l.rank FROM clean c LEFT JOIN "
    "(SELECT who, rank() OVER (ORDER BY y) AS rank FROM lookup) l ON l.who = c.who",
    "SELECT row_id, x FROM clean ORDER BY x",
    "SELECT c.row_id, l.y FROM lookup l RIGHT JOIN clean c ON l.who = c.who",
    "SELECT row_id FROM clean c LEFT SEMI JOIN lookup l ON l.who = c.who",
    "SELECT row_id FROM clean c LEFT ANTI JOIN lookup l ON l.who = c.who",
    "SELECT row_id FROM clean WHERE who NOT IN (SELECT who FROM lookup)",
    "SELECT row_id, p FROM clean LATERAL VIEW posexplode(array(x)) AS i, p",
    "SELECT c.row_id, l.y FROM clean c LEFT JOIN LATERAL "
    "(SELECT y FROM lookup k WHERE k.who = c.who) l",
    "SELECT c.row_id, l.y FROM clean c, LATERAL (SELECT y FROM lookup k WHERE k.who = c.who) l",
    "SELECT row_id, (SELECT y FROM lookup ORDER BY who LIMIT 1) AS first FROM clean",
    "SELECT row_id, who = 'today' AS is_today, date'2024-01-31' AS d, to_date(who) AS e FROM clean",
    "SELECT row_id, CAST('2024-01-31' AS timestamp) AS now, 'now' AS text FROM clean",
]
OVER_ROWS = [
    "SELECT c.row_id, l.y FROM clean c RIGHT JOIN lookup l ON l.who = c.who",
    "SELECT c.row_id, l.y FROM lookup l LEFT JOIN clean c ON l.who = c.who",
    "SELECT c.row_id, l.y FROM clean c FULL JOIN lookup l ON l.who = c.who",
    "SELECT who AS row_id, y FROM lookup l LEFT ANTI JOIN clean c ON l.who = c.who",
    "SELECT who AS row_id FROM lookup WHERE who NOT IN (SELECT who FROM clean)",
    "SELECT row_id, x FROM clean EXCEPT SELECT who, y FROM lookup",
    "SELECT row_id, avg(x) OVER (PARTITION BY who) AS mean FROM clean",
    "SELECT row_id, lag(x) OVER (ORDER BY row_id) AS before FROM clean",
    "SELECT max(row_id) AS row_id, who, avg(x) FROM clean GROUP BY who",
    "SELECT DISTINCT row_id, x FROM clean",
    "SELECT row_id, x FROM clean ORDER BY x LIMIT 10",
    "SELECT a.row_id, b.x FROM clean a LEFT JOIN clean b ON a.who = b.who",
    "WITH b AS (SELECT * FROM clean) SELECT a.row_id, c.x FROM b a LEFT JOIN b c ON a.who = c.who",
    "SELECT row_id, (SELECT avg(x) FROM clean) AS mean FROM clean",
    "SELECT row_id FROM clean a WHERE EXISTS (SELECT 1 FROM clean b WHERE b.who = a.who)",
    "SELECT row_id FROM clean WHERE who IN (SELECT who FROM clean)",
    "SELECT row_id, x FROM clean UNION ALL SELECT row_id, x FROM clean",
    "SELECT row_id, x FROM clean INTERSECT SELECT who, y FROM lookup",
    "SELECT row_id, x FROM clean TABLESAMPLE (50 PERCENT)",
    "SELECT c.row_id, m.mean FROM clean c "
    "JOIN (SELECT who, avg(x) AS mean FROM clean GROUP BY who) m ON m.who = c.who",
]
NOT_REPEATABLE = [
    "SELECT row_id, current_date() AS today FROM clean",
    "SELECT row_id, datediff(now(), date'2024-01-01') AS age FROM clean",
    "SELECT row_id, unix_timestamp() AS seconds FROM clean",
    "SELECT row_id, rand() AS r FROM clean",
    "SELECT row_id, uuid() AS id FROM clean",
    "SELECT row_id, monotonically_increasing_id() AS n FROM clean",
    "WITH b AS (SELECT row_id, current_timestamp() AS t FROM clean) SELECT * FROM b",
    "SELECT row_id, date'today' AS d FROM clean",
    "SELECT row_id, DATE /* the day */ ' Yesterday UTC' AS d FROM clean",
    "SELECT row_id, timestamp'now' AS t FROM clean",
    "SELECT row_id, CAST('now' AS timestamp) AS t FROM clean",
    "SELECT row_id, TRY_CAST(' TOMORROW' AS date) AS t FROM clean",
    "SELECT row_id, date('yesterday') AS d FROM clean",
    "SELECT row_id, try_to_date('now') AS d FROM clean",
    "SELECT row_id, to_timestamp('now') AS d FROM clean",
    "SELECT row_id FROM clean WHERE current_date BETWEEN '2024-01-01' AND 'today'",
    "SELECT row_id FROM clean WHERE date'2024-01-31' BETWEEN '2024-01-01' AND 'today'",
    "SELECT row_id, current_user() AS u FROM clean",
    "SELECT row_id, (SELECT y FROM lookup LIMIT 1) AS y FROM clean",
    "SELECT c.row_id, l.y FROM clean c "
    "LEFT JOIN (SELECT * FROM lookup TABLESAMPLE (50 PERCENT)) l ON l.who = c.who",
]


@pytest.fixture(autouse=True)
def views(spark: SparkSession) -> None:
    rows = [("a", 1.0, "x"), ("b", 2.0, "y")]
    spark.createDataFrame(rows, "row_id string, x double, who string").createOrReplaceTempView(
        "clean"
    )
    spark.createDataFrame([("x", 1.0)], "who string, y double").createOrReplaceTempView("lookup")


@pytest.mark.parametrize("sql", ROW_WISE)
def test_a_query_over_single_rows_is_known_as_one(spark: SparkSession, sql: str) -> None:
    """(08.5) Also if it aggregates lookups, which are the same for every partition."""
    assert is_row_wise(spark.sql(sql), "clean")


@pytest.mark.parametrize("sql", OVER_ROWS)
def test_a_query_over_several_rows_is_known_as_one(spark: SparkSession, sql: str) -> None:
    """(08.5) In whatever clause it does so."""
    assert not is_row_wise(spark.sql(sql), "clean")


@pytest.mark.parametrize("sql", NOT_REPEATABLE)
def test_a_query_with_another_result_in_each_run_is_refused(spark: SparkSession, sql: str) -> None:
    """(08.5) A partition that is built again would get other features."""
    with pytest.raises(UpdraftError, match=r"features\.sql: found .*another value in each run"):
        check_repeatable(spark.sql(sql), sql, "features.sql")


def test_queries_that_are_accepted_are_repeatable(spark: SparkSession) -> None:
    for sql in ROW_WISE:
        check_repeatable(spark.sql(sql), sql, "features.sql")
