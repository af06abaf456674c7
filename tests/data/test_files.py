"""Files are read as they were meant: bytes and the keys of ``format``, and the rows they are.

Each case is a file of its own; raw files and lookups share the reader.
"""

import bz2
import gzip
import io
import json
import lzma
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from pydantic import ValidationError
from pyspark.sql import SparkSession
from upath import UPath

from updraft.core.errors import UpdraftError
from updraft.core.sections import FileFormat
from updraft.data.sources import Declared, read_files, readable_files

COLUMNS = ("who", "amount", "note")
Row = tuple[str | None, ...]


def read(
    spark: SparkSession,
    folder: Path,
    name: str,
    content: bytes,
    columns: tuple[str, ...] = COLUMNS,
    optional: tuple[str, ...] = ("note",),
    rename: dict[str, str] | None = None,
    **keys: Any,
) -> list[Row]:
    """The rows of one file, in its order: values, the corrupt record if any, and the line."""
    file = folder / name
    file.write_bytes(content)
    return read_path(spark, file, columns, optional, rename, **keys)


def read_path(
    spark: SparkSession,
    file: Path,
    columns: tuple[str, ...] = COLUMNS,
    optional: tuple[str, ...] = ("note",),
    rename: dict[str, str] | None = None,
    **keys: Any,
) -> list[Row]:
    declared = Declared(columns, frozenset(optional), rename or {}, "data.", "UTF-8")
    with readable_files():
        frame = read_files(spark, [UPath(file)], declared, FileFormat(**keys))
        rows = frame.collect()
    assert {row["source_file"] for row in rows} <= {file.name}
    return [(*row[: len(columns)], row["corrupt_record"], row["source_line"]) for row in rows]


def zstd(content: bytes) -> bytes:
    compressed: bytes = pa.compress(content, "zstd", asbytes=True)
    return compressed


TWO = [("ann", "1", None, None, 2), ("bob", "2", None, None, 3)]
CSV_CASES: dict[str, tuple[str, bytes, dict[str, Any], list[Row]]] = {
    "plain": ("a.csv", b"who,amount\nann,1\nbob,2\n", {}, TWO),
    "no line break at the end": ("a.csv", b"who,amount\nann,1\nbob,2", {}, TWO),
    "Windows line ends": ("a.csv", b"who,amount\r\nann,1\r\nbob,2\r\n", {}, TWO),
    "old Macintosh line ends": ("a.csv", b"who,amount\rann,1\rbob,2\r", {}, TWO),
    "another order": ("a.csv", b"amount,who\n1,ann\n2,bob\n", {}, TWO),
    "blank lines": ("a.csv", b"who,amount\nann,1\nbob,2\n\n  \n", {}, TWO),
    "a blank first line, and another order": (
        "a.csv",
        b"\namount,who\n1,ann\n",
        {},
        [("ann", "1", None, None, 3)],
    ),
    "a quoted line break in the last column": (
        "a.csv",
        b'who,amount,note\nann,1,"two\nlines"\nbob,2,x\n',
        {},
        [("ann", "1", "two\nlines", None, 2), ("bob", "2", "x", None, 4)],
    ),
    "a quoted line break in the first column": (
        "a.csv",
        b'who,amount\n"an\r\nn",1\nbob,2\n',
        {},
        [("an\r\nn", "1", None, None, 2), ("bob", "2", None, None, 4)],
    ),
    "quotes and separators in texts": (
        "a.csv",
        b'who,amount\n"Bakery ""Sun"", North",1\n',
        {},
        [('Bakery "Sun", North', "1", None, None, 2)],
    ),
    "a quote that is never closed takes no other row": (
        "a.csv",
        b'who,amount,note\nann,1,"open\nbob,2,x\ncid,3,y\n',
        {},
        [
            (None, None, None, 'ann,1,"open', 2),
            ("bob", "2", "x", None, 3),
            ("cid", "3", "y", None, 4),
        ],
    ),
    "a quote that only another row closes": (
        "a.csv",
        b'who,amount,note\nann,1,"open\nbob,2,"x"\ncid,3,y\n',
        {},
        [
            (None, None, None, 'ann,1,"open', 2),
            ("bob", "2", "x", None, 3),
            ("cid", "3", "y", None, 4),
        ],
    ),
    "a record of closed quotes with a field too few": (
        "a.csv",
        b'who,amount,note\nann,"first\nbob,2,second"\ncid,3,z\n',
        {},
        [
            (None, None, None, 'ann,"first\nbob,2,second"', 2),
            ("cid", "3", "z", None, 4),
        ],
    ),
    "a broken quote after a closed one that holds lines": (
        "a.csv",
        b'who,amount,note\nann,"first\nbob,2,second\nlast","x"y\ncid,"a\nb","open\ndan,4,z\n',
        {},
        [
            (None, None, None, 'ann,"first\nbob,2,second\nlast","x"y', 2),
            (None, None, None, 'cid,"a\nb","open', 5),
            ("dan", "4", "z", None, 7),
        ],
    ),
    "a carriage return within a record": (
        "a.csv",
        b'who,amount,note\nann,1,x\ry\nbob,2,"x\ry"\ncid,3,z\r\n',
        {},
        [
            (None, None, None, "ann,1,x\ry", 2),
            ("bob", "2", "x\ry", None, 3),
            ("cid", "3", "z", None, 4),
        ],
    ),
    "too few and too many fields": (
        "a.csv",
        b"who,amount\nann\nbob,2\ncid,3,4\n",
        {},
        [
            (None, None, None, "ann", 2),
            ("bob", "2", None, None, 3),
            (None, None, None, "cid,3,4", 4),
        ],
    ),
    "a quote within a text": ("a.csv", b'who,amount\nan"n,1\n', {}, [('an"n', "1", None, None, 2)]),
    "a backslash in front of quotes": (
        "a.csv",
        b'who,amount\n"a\\"b",1\n',
        {"escape": "\\"},
        [('a"b', "1", None, None, 2)],
    ),
    "a backslash in front of other characters": (
        "a.csv",
        b'who,amount,note\nC:\\new,1,\\N\n"C:\\new\\\\",2,"\\\n\\""\nx\\,3,"\\"open\n',
        {"escape": "\\"},
        [
            ("C:\\new", "1", "\\N", None, 2),
            ("C:\\new\\", "2", '\\\n"', None, 3),
            (None, None, None, 'x\\,3,"\\"open', 5),
        ],
    ),
    "a quote in front of quotes": (
        "a.csv",
        b'who,amount\n"a""b",1\n',
        {"escape": '"'},
        [('a"b', "1", None, None, 2)],
    ),
    "no quotes at all": (
        "a.csv",
        b'who,amount\n"ann,1\n',
        {"quote": ""},
        [('"ann', "1", None, None, 2)],
    ),
    "semicolons, found by the header": ("a.csv", b"who;amount\nann;1\nbob;2\n", {}, TWO),
    "bars, as declared": ("a.csv", b"who|amount\nann|1\nbob|2\n", {"separator": "|"}, TWO),
    "tabs, by the name": ("a.tsv", b"who\tamount\nann\t1\nbob\t2\n", {}, TWO),
    "a comma as decimal mark": (
        "a.csv",
        b"who;amount\nann;20,5\n",
        {"decimal": ","},
        [("ann", "20,5", None, None, 2)],
    ),
    "no header": (
        "a.csv",
        b"ann,1,x\nbob,2,y\n",
        {"header": False},
        [("ann", "1", "x", None, 1), ("bob", "2", "y", None, 2)],
    ),
    "only a header": ("a.csv", b"who,amount\n", {}, []),
    "an empty file": ("a.csv", b"", {}, []),
    "only blank lines": ("a.csv", b"\n \n\n", {}, []),
    "gzip": ("a.csv.gz", gzip.compress(b"who,amount\nann,1\nbob,2\n", mtime=0), {}, TWO),
    "bzip2": ("a.csv.bz2", bz2.compress(b"who,amount\nann,1\nbob,2\n"), {}, TWO),
    "xz": ("a.tsv.xz", lzma.compress(b"who\tamount\nann\t1\nbob\t2\n"), {}, TWO),
    "zstd, in two frames": (
        "a.csv.zst",
        zstd(b"who,amount\nann,1\n") + zstd(b"bob,2\n"),
        {},
        TWO,
    ),
    "gzip under another name": (
        "a.csv",
        gzip.compress(b"who,amount\nann,1\nbob,2\n", mtime=0),
        {"compression": "gzip"},
        TWO,
    ),
    "bytes that are no UTF-8": (
        "a.csv",
        b"who,amount\nj\xf6rg,1\n",
        {},
        [("j\ufffdrg", "1", None, None, 2)],
    ),
    "form feeds and line separators are text": (
        "a.csv",
        "who,amount\na\x0cn\x0bn\u2028\x85,1\n".encode(),
        {},
        [("a\x0cn\x0bn\u2028\x85", "1", None, None, 2)],
    ),
    "NUL": ("a.csv", b"who,amount\na\x00n,1\n", {}, [("a\x00n", "1", None, None, 2)]),
}
LINE = '{"who": "ann", "amount": 1.50}'
JSON_CASES: dict[str, tuple[str, list[Row]]] = {
    "lines": (
        LINE + '\n{"who": "bob", "amount": 2}\n',
        [("ann", "1.50", None, None, 1), ("bob", "2", None, None, 2)],
    ),
    "numbers keep their spelling": (
        '{"who": "a", "amount": 1e3}\n{"who": "b", "amount": 12345678901234567890}\n',
        [("a", "1e3", None, None, 1), ("b", "12345678901234567890", None, None, 2)],
    ),
    "a pretty-printed array": (
        json.dumps([{"who": "ann", "amount": 1}, {"who": "bob", "amount": 2}], indent=2),
        [("ann", "1", None, None, 2), ("bob", "2", None, None, 6)],
    ),
    "one pretty-printed object": (
        json.dumps({"who": "ann", "amount": 1}, indent=2),
        [("ann", "1", None, None, 1)],
    ),
    "an array on a line": (f"[{LINE}, {LINE}]\n", [("ann", "1.50", None, None, 1)] * 2),
    "nested values, booleans and nulls": (
        '{"who": {"first": "ann", "age": 1.0}, "amount": true, "note": null}\n',
        [('{"first":"ann","age":1.0}', "true", None, None, 1)],
    ),
    "lines that are no objects": (
        f'{LINE}\n3\n"text"\n{{"who": "ann"\n{LINE}\n',
        [
            ("ann", "1.50", None, None, 1),
            (None, None, None, "3", 2),
            (None, None, None, '"text"', 3),
            (None, None, None, '{"who": "ann"', 4),
            ("ann", "1.50", None, None, 5),
        ],
    ),
    "a broken first line": (
        f'{{"who": "an\n{LINE}\n',
        [(None, None, None, '{"who": "an', 1), ("ann", "1.50", None, None, 2)],
    ),
    "a repeated key": (
        f'{LINE}\n{{"who": "a", "who": "b", "amount": 1}}\n',
        [
            ("ann", "1.50", None, None, 1),
            (None, None, None, '{"who": "a", "who": "b", "amount": 1}', 2),
        ],
    ),
    "an array that was cut off": (
        '[\n{"who": "ann", "amount": 1},\n{"who": "bo',
        [("ann", "1", None, None, 2), (None, None, None, '{"who": "bo', 3)],
    ),
    "an array with a broken object takes none with it": (
        f'[\n{LINE},\n{{"who": "bob", "amount": 2,,}},\n{{"who": "cid", "amount": 3}}\n]',
        [
            (None, None, None, "[", 1),
            (None, None, None, f"{LINE},", 2),
            (None, None, None, '{"who": "bob", "amount": 2,,},', 3),
            ("cid", "3", None, None, 4),
            (None, None, None, "]", 5),
        ],
    ),
    "a line separator within a text, after a broken line": (
        '{"who": "an\n{"who": "b\u2028b\x85", "amount": 2}\n',
        [(None, None, None, '{"who": "an', 1), ("b\u2028b\x85", "2", None, None, 2)],
    ),
    "half a character": (
        '{"who": "a\\ud800b", "amount": 1}\n',
        [("a\ufffdb", "1", None, None, 1)],
    ),
    "no name at all in one of the objects": (
        f"{LINE}\n{{}}\n",
        [("ann", "1.50", None, None, 1), (None, None, None, None, 2)],
    ),
    "an empty array": ("[]\n", []),
    "nothing": ("\n", []),
}


@pytest.mark.parametrize("case", CSV_CASES)
def test_csv_is_read_as_it_was_meant(spark: SparkSession, tmp_path: Path, case: str) -> None:
    """(08.10, 08.11, 08.13) One dialect, with keys for what files do otherwise."""
    name, content, keys, expected = CSV_CASES[case]
    assert read(spark, tmp_path, name, content, **keys) == expected


def test_an_empty_text_in_quotes_is_a_row_also_in_a_single_column(
    spark: SparkSession, tmp_path: Path
) -> None:
    """(08.10) A line without any text is none."""
    content = b'who\nann\n\n""\nbob\n'
    rows = read(spark, tmp_path, "a.csv", content, columns=("who",), optional=())
    assert rows == [("ann", None, 2), ("", None, 4), ("bob", None, 5)]


@pytest.mark.parametrize("case", JSON_CASES)
def test_json_is_read_as_it_was_meant(spark: SparkSession, tmp_path: Path, case: str) -> None:
    """(08.11, 08.13) Lines, arrays and objects over several lines; all else is kept as corrupt."""
    content, expected = JSON_CASES[case]
    assert read(spark, tmp_path, "a.json", content.encode()) == expected


@pytest.mark.parametrize(
    "encoding",
    [
        "utf-8-sig",
        "UTF-16",
        "utf-16-le",
        "utf-32",
        "mac-roman",
        "latin-1",
        "cp1252",
        "cp437",
        "IBM850",
    ],
)
def test_every_encoding_of_text_works(spark: SparkSession, tmp_path: Path, encoding: str) -> None:
    """(08.14) In CSV, with a line break in a text, and in JSON."""
    text = 'who,amount\n"jörg\nñ",1\nbob,2\n'
    rows = [("jörg\nñ", "1", None, None, 2), ("bob", "2", None, None, 4)]
    assert read(spark, tmp_path, "a.csv", text.encode(encoding), encoding=encoding) == rows
    line = '{"who": "jörg", "amount": 1}\n'
    rows = [("jörg", "1", None, None, 1)]
    assert read(spark, tmp_path, "a.jsonl", line.encode(encoding), encoding=encoding) == rows


@pytest.mark.parametrize("encoding", ["UTF-16", "u32"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_missing_byte_order_mark_is_named(
    spark: SparkSession, tmp_path: Path, name: str, encoding: str
) -> None:
    """(08.14) Where the encoding does not say the order without one."""
    with pytest.raises(UpdraftError, match=rf"{name}: found no byte order mark.*utf-\d\d-le"):
        read(spark, tmp_path, name, b"who,amount\nann,1\n", encoding=encoding)
    assert read(spark, tmp_path, name, b"", encoding=encoding) == []


def test_japanese_text_works_in_its_encodings(spark: SparkSession, tmp_path: Path) -> None:
    """(08.14) Characters whose second byte is a backslash or a quote in ASCII."""
    text = "who,amount\n表ソ十,1\n"
    for encoding in ("cp932", "shift_jis", "euc_jp", "utf-16"):
        rows = read(spark, tmp_path, "a.csv", text.encode(encoding), encoding=encoding)
        assert rows == [("表ソ十", "1", None, None, 2)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_goes_before_the_declared_encoding(
    spark: SparkSession, tmp_path: Path, encoding: str
) -> None:
    """(08.14) A mark is never part of the first column's name."""
    content = "who,amount\njörg,1\n".encode(encoding)
    assert read(spark, tmp_path, "a.csv", content) == [("jörg", "1", None, None, 2)]


@pytest.mark.parametrize(
    "encoding", ["base64", "rot13", "LATIN-99", "zlib", "hex", "idna", "punycode"]
)
def test_what_is_no_encoding_of_text_is_refused(encoding: str) -> None:
    """(08.14)"""
    with pytest.raises(ValidationError, match="expected an encoding of text"):
        FileFormat(encoding=encoding)


@pytest.mark.parametrize(
    "keys",
    [
        {"separator": ""},
        {"separator": "::"},
        {"separator": '"'},
        {"decimal": ".", "thousands": "."},
        {"decimal": "5"},
        {"thousands": "-"},
        {"quote": "''"},
        {"escape": "\n"},
        {"escape": "\\", "quote": ""},
        {"compression": "zip"},
    ],
)
def test_formats_that_contradict_themselves_are_refused(keys: dict[str, Any]) -> None:
    """(08.13) When the use case is read, not when a file is."""
    with pytest.raises(ValidationError):
        FileFormat(**keys)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"who,amuont\nann,1\n", r"missing amount; not declared amuont.*'amount'"),
        ("a.csv", b"who,amount,amount\n", "repeated amount"),
        ("a.csv", b"who,amount,\nann,1,\n", "not declared a column without a name"),
        ("a.csv", b"\nwho,amount,extra\n", "not declared extra"),
        ("a.json", b'[{"ammount": 1}]', "missing who, amount; not declared ammount"),
        ("a.json", b'[\n{"who": "a", "amount": 1},\n{"x": 1}]', "not declared x"),
        ("a.jsonl", b'[{"ammount": 1}]\n', "not declared ammount"),
        (
            "a.csv.gz",
            gzip.compress(b"who,amount\nann,1\n" * 9999, mtime=0)[:40],
            "broken gzip",
        ),
        ("a.csv.gz", b"who,amount\nann,1\n", "broken gzip"),
        ("a.csv.zst", zstd(b"who,amount\n" + b"ann,1\n" * 9999)[:-5], "broken zstd"),
        ("a.csv.zst", b"who,amount\nann,1\n", "broken zstd"),
        ("a.jsonl", b"{}\n{}\n", "missing who, amount"),
        ("a.jsonl.bz2", bz2.compress(b"{}" * 9999)[:30], "broken bz2"),
        ("a.parquet", b"PAR1 and so on", "do not end as Parquet does"),
        ("a.parquet", b"PAR1 and so on PAR1", "not readable as Parquet"),
        ("a.parquet", b"", "do not end as Parquet does"),
    ],
)
def test_a_file_that_is_not_what_is_declared_is_refused_by_name(
    spark: SparkSession, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    """(08.11) Whatever its form: a check that has seen nothing does not pass."""
    with pytest.raises(UpdraftError, match=rf"{name}.*{message}"):
        read(spark, tmp_path, name, content)


def test_headers_can_be_renamed(spark: SparkSession, tmp_path: Path) -> None:
    """(08.16, 08.17) Names of Updraft's own, and names that differ in case only."""
    rename = {"label": "amount", "Amount": "amount", "event_time": "who"}
    for header in (b"event_time,label", b"event_time,Amount", b"event_time,amount"):
        rows = read(spark, tmp_path, "a.csv", header + b"\nann,1\n", rename=rename)
        assert rows == [("ann", "1", None, None, 2)]
    with pytest.raises(UpdraftError, match="repeated amount"):
        read(spark, tmp_path, "a.csv", b"event_time,label,Amount\na,1,2\n", rename=rename)


def test_objects_and_parts_have_names_of_their_own(spark: SparkSession, tmp_path: Path) -> None:
    """(08.16, 08.17) A column's name may change within a file; two values for it are none."""
    rename = {"Amount": "amount", "label": "amount"}
    objects = [
        '{"who": "ann", "amount": 1}',
        '{"who": "bob", "Amount": 2, "amount": null}',
        '{"who":"cid","Amount":2,"label":3}',
    ]
    rows = read(spark, tmp_path, "a.jsonl", "\n".join(objects).encode(), rename=rename)
    assert rows == [
        ("ann", "1", None, None, 1),
        ("bob", "2", None, None, 2),
        (None, None, None, objects[2], 3),
    ]
    folder = tmp_path / "a.parquet"
    folder.mkdir()
    for number, name in enumerate(("amount", "Amount", "label")):
        part = table(who=pa.array(["ann"]), **{name: pa.array([number])})
        (folder / f"part-{number}.parquet").write_bytes(part)
    rows = read_path(spark, folder, rename=rename)
    assert [(row[1], row[-1]) for row in rows] == [("0", 1), ("1", 2), ("2", 3)]


@pytest.mark.parametrize(
    ("names", "message"),
    [(["who"], "missing amount"), (["who", "amount", "amount"], "repeated amount")],
)
def test_each_part_of_a_parquet_folder_has_the_required_columns_once(
    spark: SparkSession, tmp_path: Path, names: list[str], message: str
) -> None:
    """(08.16) What another part has does not help it."""
    folder = tmp_path / "a.parquet"
    folder.mkdir()
    whole = table(who=pa.array(["ann"]), amount=pa.array([1]))
    (folder / "part-0.parquet").write_bytes(whole)
    broken = pa.table([pa.array(["x"])] * len(names), names=names)
    parquet.write_table(broken, folder / "part-1.parquet")
    with pytest.raises(UpdraftError, match=rf"part-1\.parquet: .*{message}"):
        read_path(spark, folder)


def test_numbers_in_texts_keep_their_point(spark: SparkSession, tmp_path: Path) -> None:
    """(08.15) The decimal mark is that of numbers, in columns of other types."""
    file = tmp_path / "a.json"
    file.write_text('{"who": 1.5, "amount": 1.5}')
    parquet.write_table(pa.table({"who": [1.5], "amount": [1.5]}), tmp_path / "a.parquet")
    texts = frozenset({"who"})
    declared = Declared(("who", "amount"), frozenset(), {}, "data.", "UTF-8", texts)
    files = [UPath(file), UPath(tmp_path / "a.parquet")]
    rows = read_files(spark, files, declared, FileFormat(decimal=",")).collect()
    assert [row[:2] for row in rows] == [("1.5", "1,5")] * 2


@pytest.mark.parametrize(
    "name",
    ["a+b.csv", "a%2Bb.csv", "a b.csv", "a[1].csv", "größe.csv", "#a?.csv", "a{b}.csv", "_a.csv"],
)
def test_names_of_files_mean_themselves(spark: SparkSession, tmp_path: Path, name: str) -> None:
    """(08.19)"""
    assert read(spark, tmp_path, name, b"who,amount\nann,1\nbob,2\n") == TWO


def table(**columns: pa.Array) -> bytes:
    content = io.BytesIO()
    parquet.write_table(pa.table(columns), content)
    return content.getvalue()


def test_each_part_of_a_parquet_folder_has_its_own_columns_and_types(
    spark: SparkSession, tmp_path: Path
) -> None:
    """(08.16) A column that only later parts have, other types, and values in folders' names."""
    folder = tmp_path / "a.parquet"
    (folder / "note=01").mkdir(parents=True)
    (folder / "note=__HIVE_DEFAULT_PARTITION__").mkdir()
    first = table(who=pa.array(["1"]), amount=pa.array([19], pa.int64()))
    (folder / "note=01" / "part-0.parquet").write_bytes(first)
    second = table(who=pa.array([2], pa.int32()), amount=pa.array([19.0]))
    (folder / "note=__HIVE_DEFAULT_PARTITION__" / "part-1.parquet").write_bytes(second)
    (folder / "part-2.parquet").write_bytes(
        table(who=pa.array([3], pa.int64()), note=pa.array(["x"]))
    )
    (folder / "_SUCCESS").write_bytes(b"")
    rows = sorted(read_path(spark, folder, optional=("amount", "note")), key=str)
    assert [row[:3] for row in rows] == [("1", "19", "01"), ("2", "19", None), ("3", None, "x")]


@pytest.mark.parametrize(
    ("beside", "message"),
    [
        ("part-1", r"part-1: .*expected names that end in\s+\.parquet"),
        ("part-1.parq", "Rename it if it is one"),
        ("day=1/part-1.csv", "Rename it if it is one"),
        ("_day=1/part-1", "Rename it if it is one"),
        ("_delta_log/0.json", "found a Delta table"),
        ("_temporary/0/part-1.parquet", "still being written"),
    ],
)
def test_a_parquet_folder_whose_files_are_not_all_parts_is_refused(
    spark: SparkSession, tmp_path: Path, beside: str, message: str
) -> None:
    """(08.16) No part is left out in silence, and none that was deleted comes back."""
    other = tmp_path / "a.parquet" / beside
    other.parent.mkdir(parents=True)
    part = table(who=pa.array(["ann"]), amount=pa.array([1]))
    (tmp_path / "a.parquet" / "part-0.parquet").write_bytes(part)
    other.write_bytes(part)
    with pytest.raises(UpdraftError, match=message):
        read_path(spark, tmp_path / "a.parquet")


def test_what_spark_keeps_beside_parquet_parts_is_no_data(
    spark: SparkSession, tmp_path: Path
) -> None:
    """(08.16)"""
    part = table(who=pa.array(["ann"]), amount=pa.array([1]))
    for name in ("part-0.parquet", "_SUCCESS", ".part-0.parquet.crc", "_old/part-0.parquet"):
        file = tmp_path / "a.parquet" / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_bytes(part)
    assert len(read_path(spark, tmp_path / "a.parquet")) == 1


def test_parquet_values_of_every_type_are_text(spark: SparkSession, tmp_path: Path) -> None:
    """(08.15, 08.16) Also texts that are none by their bytes, which are marked."""
    types: list[tuple[pa.Array, list[str | None]]] = [
        (pa.array([1, None], pa.int8()), ["1", None]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (pa.array([0.1, 1e20, 19.0]), ["0.1", "1e+20", "19"]),
        (pa.array([0.1], pa.float32()), ["0.1"]),
        (pa.array(["1.50"]).cast(pa.decimal128(9, 2)), ["1.50"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array([0], pa.date32()), ["1970-01-01"]),
        (pa.array([1_500_000], pa.timestamp("us")), ["1970-01-01 00:00:01.5"]),
        (pa.array([7_200], pa.timestamp("s", "Europe/Berlin")), ["1970-01-01 02:00:00"]),
        (pa.array([1], pa.timestamp("ns")), ["1970-01-01 00:00:00.000000001"]),
        (pa.array(["x", "y", "x"]).dictionary_encode(), ["x", "y", "x"]),
        (pa.array([b"ab", b"\xff"], pa.binary()), ["ab", "\ufffd"]),
        (
            pa.array([b"ab", b"\xff"], pa.binary()).cast(pa.binary()).view(pa.string()),
            ["ab", "\ufffd"],
        ),
        (pa.array([[1, 2]], pa.list_(pa.int64())), ["[1, 2]"]),
        (
            pa.ListArray.from_arrays([0, 2], pa.array([b"ab", b"\xff"]).view(pa.string())),
            ['["ab", "\ufffd"]'],
        ),
        (pa.array([[b"ab", b"\xff"]], pa.list_(pa.binary())), ['["ab", "\ufffd"]']),
        (
            pa.MapArray.from_arrays([0, 1], ["k"], pa.array([316_516_204_800], pa.timestamp("s"))),
            ['[["k", "12000-01-01 00:00:00"]]'],
        ),
        (
            pa.array([{"t": [316_516_204_800, None]}], pa.struct({"t": pa.list_(pa.int64())})).cast(
                pa.struct({"t": pa.list_(pa.timestamp("s"))})
            ),
            ['{"t": ["12000-01-01 00:00:00", null]}'],
        ),
        (pa.nulls(2, pa.null()), [None, None]),
    ]
    for values, expected in types:
        content = table(who=pa.array(["a"] * len(values)), amount=values)
        rows = read(spark, tmp_path, "a.parquet", content)
        assert [row[1] for row in rows] == expected, values.type
        assert [row[-1] for row in rows] == list(range(1, len(values) + 1))


def test_many_rows_of_many_columns_come_in_their_order(spark: SparkSession, tmp_path: Path) -> None:
    """More than a batch of rows, and more cells than fit into one."""
    names = tuple(f"c{n}" for n in range(300))
    lines = [
        ",".join(names),
        *[",".join(str(row * n) for n in range(300)) for row in range(12_000)],
    ]
    rows = read(spark, tmp_path, "a.csv", "\n".join(lines).encode(), names, ())
    assert [row[-1] for row in rows] == list(range(2, 12_002))
    assert rows[-1][299] == str(11_999 * 299)


def test_a_parquet_file_with_broken_pages_is_refused_by_name(
    spark: SparkSession, tmp_path: Path
) -> None:
    """(08.16) Its footer is whole, so only reading shows it."""
    content = bytearray(table(who=pa.array([f"w{n}" * 50 for n in range(5000)])))
    content[4:400] = bytes(396)
    with pytest.raises(UpdraftError, match=r"a\.parquet: not readable as Parquet"):
        read(spark, tmp_path, "a.parquet", bytes(content), optional=("note", "amount"))
