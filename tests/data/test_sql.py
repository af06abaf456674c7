"""B22: SQL that Spark cannot parse is refused by Spark's own parser, all of it at once, before a row is read."""

import re
import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from updraft.core.errors import UpdraftError
from updraft.core.use_case import UseCase, sound_use_cases
from updraft.data.session import check_sql, session


def test_b22_the_sql_of_every_use_case_parses(spark: SparkSession) -> None:
    found = sound_use_cases()
    assert found
    for use_case in found:
        check_sql(spark, use_case)


def test_b22_all_sql_that_does_not_parse_is_named_at_once(spark: SparkSession, flights: UseCase, tmp_path: Path) -> None:
    shutil.copytree(flights.folder, tmp_path / "flights")
    query = tmp_path / "flights" / "features.sql"
    query.write_text(query.read_text().replace("FROM clean AS c", "FORM clean AS c"))
    file = tmp_path / "flights" / "use_case.yaml"
    lines = file.read_text().splitlines()
    spoilt = [re.sub("^(  event_time: ).*", r"\1a b c", re.sub("^(    sql: ).*", r"\1arr_delay >", line)) for line in lines]
    file.write_text("\n".join(spoilt))
    with pytest.raises(UpdraftError) as refused:
        session(flights.model_copy(update={"folder": tmp_path / "flights"}))
    text = str(refused.value)
    for place, key in {"data.event_time": "  event_time: ", "data.target.sql": "    sql: "}.items():
        (number,) = [at for at, line in enumerate(lines, 1) if line.startswith(key)]
        assert f"use_case.yaml line {number}: {place}: [PARSE_SYNTAX_ERROR]" in text
    (number,) = [at for at, line in enumerate(query.read_text().splitlines(), 1) if "FORM clean" in line]
    assert "features.sql: [PARSE_SYNTAX_ERROR]" in text
    assert f"line {number}" in text.split("features.sql:")[1]
