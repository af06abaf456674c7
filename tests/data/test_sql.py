"""SQL that does not parse is refused by Spark's own parser before a row is read."""

import re
import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from updraft.core.errors import UpdraftError
from updraft.core.use_case import UseCase, valid_use_cases
from updraft.data.session import check_sql, session


@pytest.mark.bad_input("B22")
def test_the_sql_of_every_use_case_parses(spark: SparkSession) -> None:
    use_cases = valid_use_cases()
    assert use_cases
    for use_case in use_cases:
        check_sql(spark, use_case)


@pytest.mark.bad_input("B22")
def test_all_sql_that_does_not_parse_is_named_at_once(
    spark: SparkSession, flights: UseCase, tmp_path: Path
) -> None:
    folder = tmp_path / "flights"
    shutil.copytree(flights.folder, folder)
    query = folder / "features.sql"
    query.write_text(query.read_text().replace("FROM clean AS c", "FORM clean AS c"))
    file = folder / "use_case.yaml"
    text = file.read_text()
    lines = text.splitlines()
    text = re.sub("^(  event_time: ).*", r"\1a b c", text, flags=re.MULTILINE)
    text = re.sub("^(    sql: ).*", r"\1arr_delay >", text, flags=re.MULTILINE)
    file.write_text(text)
    with pytest.raises(UpdraftError) as refused:
        session(flights.model_copy(update={"folder": folder}))
    message = str(refused.value)
    keys = {"data.event_time": "  event_time: ", "data.target.sql": "    sql: "}
    for place, key in keys.items():
        (number,) = [n for n, line in enumerate(lines, 1) if line.startswith(key)]
        assert f"use_case.yaml line {number}: {place}: [PARSE_SYNTAX_ERROR]" in message
    query_lines = query.read_text().splitlines()
    (number,) = [n for n, line in enumerate(query_lines, 1) if "FORM clean" in line]
    assert "features.sql: [PARSE_SYNTAX_ERROR]" in message
    assert f"line {number}" in message.split("features.sql:")[1]
