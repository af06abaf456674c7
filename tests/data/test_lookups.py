"""Lookups are read and checked as raw files are; keys keep their parts apart."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from tests.conftest import environment
from tests.data.test_sources import HEADER, landing, make, run
from updraft.core.errors import UpdraftError
from updraft.core.schema import FEATURES
from updraft.core.use_case import UseCase
from updraft.data.lookups import lookup
from updraft.data.sources import raw_files, unread_files
from updraft.data.tables import Table
from updraft.quality.audit import row_id

__all__ = ["landing", "make"]
Make = Callable[..., UseCase]
COLUMNS = {"who": "string", "name": "string", "rate": "double"}


def with_lookup(make: Make, **keys: Any) -> UseCase:
    return make({"lookups": {"people": {"file": "people.csv", "columns": COLUMNS} | keys}})


@pytest.mark.parametrize(
    ("content", "keys", "expected"),
    [
        (
            b'who,name,rate\nc0,"Bakery ""Sun"", North",1.5\n',
            {},
            ("c0", 'Bakery "Sun", North', 1.5),
        ),
        (b"rate,who,name\n2,c0,x\n", {}, ("c0", "x", 2.0)),
        (
            "who;name;rate\nc0;Köln;0,15\n".encode("latin-1"),
            {"format": {"encoding": "latin-1", "decimal": ","}},
            ("c0", "Köln", 0.15),
        ),
        (b"id,name,rate\nc0,x,\n", {"rename": {"id": "who"}}, ("c0", "x", None)),
        (b"who,name,rate\nc0,NA,NA\n", {"null_values": ["NA"]}, ("c0", None, None)),
        (b'who,name,rate\nc0,"two\nlines",1\n', {}, ("c0", "two\nlines", 1.0)),
    ],
)
def test_a_lookup_is_read_as_a_raw_file_is(
    spark: SparkSession,
    make: Make,
    landing: Path,
    content: bytes,
    keys: dict[str, Any],
    expected: tuple[Any, ...],
) -> None:
    """(08.12) With keys of its own where it differs."""
    use_case = with_lookup(make, **keys)
    (landing / "people.csv").write_bytes(content)
    assert [tuple(row) for row in lookup(spark, use_case, "people").collect()] == [expected]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"who,name,rate,more\nc0,x,1,2\n", "not declared more"),
        (b"who,name\nc0,x\n", "missing rate"),
        (
            b"who,name,rate\nc0,x,1\nc1,y,0;15\n",
            r"line 3: rate: not readable as double \(found 0;15",
        ),
        (b"who,name,rate\nc0,x\n", r"line 2: line: expected 3 fields \(found c0,x\)"),
        (b"who,name,rate\nc0,K\xf6ln,1\n", "line 2: name: not readable as UTF-8"),
        (None, "people.csv not found"),
        (b"", "found no rows"),
        (b"\n \n", "found no rows"),
        (b"who,name,rate\n", "found no rows"),
    ],
)
def test_a_lookup_that_cannot_be_read_is_refused_with_its_line(
    spark: SparkSession, make: Make, landing: Path, content: bytes | None, message: str
) -> None:
    """(08.12) Never null in silence."""
    use_case = with_lookup(make)
    if content is not None:
        (landing / "people.csv").write_bytes(content)
    with pytest.raises(UpdraftError, match=rf"people.*{message}"):
        lookup(spark, use_case, "people").collect()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"[]", "found no rows"), (b"{}\n", "missing who, name, rate"), (b"null\n", "line 1")],
)
def test_a_lookup_without_rows_in_json_is_refused(
    spark: SparkSession, make: Make, landing: Path, content: bytes, message: str
) -> None:
    """(08.11, 08.12)"""
    use_case = with_lookup(make, file="people.json")
    (landing / "people.json").write_bytes(content)
    with pytest.raises(UpdraftError, match=rf"people.*{message}"):
        lookup(spark, use_case, "people")


def test_a_lookup_among_the_raw_files_is_none_of_them(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    """(08.19) Whatever data.files matches; and a folder is no lookup in CSV."""
    use_case = with_lookup(make)
    (landing / "people.csv").write_text("who,name,rate\nann,Ann,0.5\n")
    (landing / "a.csv").write_text(HEADER)
    assert [file.name for file in raw_files(use_case)] == ["a.csv"]
    assert unread_files(use_case) == []
    (landing / "people.csv").unlink()
    (landing / "people.csv").mkdir()
    with pytest.raises(UpdraftError, match=r"people\.csv: found a folder, expected a file"):
        lookup(spark, use_case, "people")


@pytest.mark.parametrize(
    ("name", "columns", "message"),
    [
        ("Clean", COLUMNS, "what features.sql calls the clean rows"),
        ("Other", COLUMNS, "differ only in upper and lower case"),
        ("people", {"Who": "string", "who": "string"}, "differ only in upper and lower case"),
        ("people", {"source_file": "string"}, "names of Updraft's own columns"),
        ("people", {"__raw": "string"}, "names of Updraft's own columns"),
    ],
)
def test_names_of_lookups_and_of_their_columns_mean_one_thing(
    make: Make, name: str, columns: dict[str, str], message: str
) -> None:
    """(08.19) To Spark, which does not distinguish upper and lower case."""
    lookups = {"other": {"file": "o.csv", "columns": COLUMNS}}
    with pytest.raises(UpdraftError, match=message):
        make({"lookups": {**lookups, name: {"file": "p.csv", "columns": columns}}})


def test_a_lookup_lies_beside_a_single_file(
    spark: SparkSession, make: Make, landing: Path, tmp_path: Path
) -> None:
    """(08.17) Where the settings name one file with all rows."""
    use_case = with_lookup(make)
    (use_case.folder / "features.sql").write_text(
        "SELECT c.row_id, c.event_time, p.rate FROM clean c LEFT JOIN people p ON p.who = c.who"
    )
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "all.csv").write_text(HEADER + "2024-01-01 10:00:00,ann,1,1,\n")
    (folder / "people.csv").write_text("who,name,rate\nann,Ann,0.5\n")
    with environment({"UPDRAFT_SOURCES__SALES": str(folder / "all.csv")}):
        run(use_case, "2024-01-01")
        (row,) = Table(use_case, FEATURES).read(spark).collect()
    assert row["rate"] == 0.5


def test_other_keys_have_other_ids(spark: SparkSession) -> None:
    """(08.19) Whatever separators their parts contain, and where a part has no value."""
    parts = ["a", "|", "\\", "", None, "a|b", "\\|", "\\N", "N", "b"]
    keys = [(first, second) for first in parts for second in parts]
    frame = spark.createDataFrame(keys, "a string, b string")
    ids = [
        row["id"] for row in frame.select(row_id([F.col("a"), F.col("b")]).alias("id")).collect()
    ]
    assert len(set(ids)) == len(keys)
    (plain,) = spark.range(1).select(row_id([F.lit("x"), F.lit(7)])).collect()
    assert plain[0] == "x|7", "ids of ordinary keys are as they were"
