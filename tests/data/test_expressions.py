"""The SQL of use_case.yaml sees one row, gives the same in each run, and fails in one sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from spark_jobs import features, ingest, validate
from tests.data.test_sources import HEADER, landing, make, run
from updraft.core.arguments import PartitionArguments
from updraft.core.errors import UpdraftError
from updraft.core.schema import BRONZE, FEATURES
from updraft.core.use_case import UseCase
from updraft.data.expressions import check_event_time, check_target
from updraft.data.tables import Table

__all__ = ["landing", "make"]
Make = Callable[..., UseCase]
SEVERAL = "which looks at several rows"
CLOCK = "which has another value in each run"


def target(sql: str) -> dict[str, str]:
    return {"name": "t", "sql": sql, "description": "d"}


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("`amount (EUR)` - avg(`amount (EUR)`) OVER (PARTITION BY who)", SEVERAL),
        ("max(`amount (EUR)`)", SEVERAL),
        ("explode(array(`amount (EUR)`))", SEVERAL),
        ("`amount (EUR)` + (SELECT max(x) FROM VALUES (1) AS t(x))", SEVERAL),
        ("`amount (EUR)` + datediff(current_date(), event_time)", CLOCK),
        ("`amount (EUR)` + datediff(date'today', event_time)", CLOCK),
        ("`amount (EUR)` + rand()", CLOCK),
        ("`amount (EUR)` + nothing", r"`nothing` cannot be resolved.*Correct it"),
    ],
)
def test_a_label_is_a_function_of_its_row(
    spark: SparkSession, make: Make, sql: str, message: str
) -> None:
    """(08.5) Else a range would give other labels than its days, or each run other ones."""
    use_case = make({"target": target(sql)})
    with pytest.raises(UpdraftError, match=rf"use_case\.yaml: data\.target\.sql: .*{message}"):
        check_target(spark, use_case)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("date_trunc('day', max(timestamp(when)) OVER (PARTITION BY who))", SEVERAL),
        ("coalesce(try_to_timestamp(when), current_timestamp())", CLOCK),
        ("coalesce(try_to_timestamp(when), timestamp'now')", CLOCK),
        ("try_to_timestamp(whenn)", r"`whenn` cannot be resolved.*Correct it"),
        ("try_to_timestamp(source_file)", r"`source_file` cannot be resolved.*Correct it"),
    ],
)
def test_an_event_time_is_a_function_of_its_row(
    spark: SparkSession, make: Make, landing: Path, sql: str, message: str
) -> None:
    """(08.5) It is refused before anything is written."""
    use_case = make({"event_time": sql})
    (landing / "a.csv").write_text(HEADER + "2024-01-01 10:00:00,ann,1,1,\n")
    with pytest.raises(UpdraftError, match=rf"use_case\.yaml: data\.event_time: .*{message}"):
        run(use_case)
    assert not Table(use_case, BRONZE).exists


@pytest.mark.parametrize(
    "sql",
    [
        "aggregate(array(length(who)), 0, (`amount (EUR)`, x) -> `amount (EUR)` + x)",
        "transform(array(who), late -> length(late))[0]",
    ],
)
def test_words_that_only_look_like_columns_make_no_label(
    spark: SparkSession, make: Make, sql: str
) -> None:
    """(08.18) Spark says which columns an expression is made of."""
    columns = {
        "when": "string",
        "who": "string",
        "amount (EUR)": "double",
        "no. of items": "int",
        "late": "int",
        "größe": "string",
    }
    known_after = ["amount (EUR)", "late"]
    use_case = make({"columns": columns, "known_after": known_after, "target": target(sql)})
    with pytest.raises(UpdraftError, match=r"expected some of \['who'\].*at prediction time"):
        check_target(spark, use_case)


def test_accepted_expressions_pass(spark: SparkSession, make: Make) -> None:
    """(08.18) Whatever the case of names and whatever qualifies them."""
    for sql in ("`Amount (EUR)` > 1", "clean.`amount (EUR)` + hour(event_time) + length(row_id)"):
        use_case = make({"target": target(sql)})
        check_target(spark, use_case)
        check_event_time(spark, use_case)


def test_an_error_of_spark_names_the_sql_and_the_next_step(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    """Each kind of SQL, for a text that it cannot convert."""
    file = landing / "a.csv"
    step = r"\[C\w+\].*Let it be null where there is no value"
    use_case = make({"event_time": "to_timestamp(when)"})
    file.write_text(HEADER + "no time,ann,1,1,\n")
    days = PartitionArguments(use_case=use_case, start="2024-01-01", end=None, report="by hand/x")
    with pytest.raises(UpdraftError, match=rf"use_case\.yaml: data\.event_time: {step}"):
        ingest.job(days)

    file.write_text(HEADER + "2024-01-01 10:00:00,ann,1,1,\n")
    use_case = make({"target": target("`amount (EUR)` + int(who)")})
    days = days.model_copy(update={"use_case": use_case})
    ingest.job(days)
    validate.job(days)
    with pytest.raises(UpdraftError, match=rf"use_case\.yaml: data\.target\.sql: {step}"):
        features.job(days)
    use_case = make()
    days = days.model_copy(update={"use_case": use_case})
    (use_case.folder / "features.sql").write_text(
        "SELECT row_id, event_time, int(who) AS who FROM clean"
    )
    with pytest.raises(UpdraftError, match=rf"features\.sql: {step}"):
        features.job(days)
    assert not Table(use_case, FEATURES).exists
