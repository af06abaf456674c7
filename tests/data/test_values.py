"""From text to values: a text whose value the type can hold without loss is that value (08.15)."""

import math
import random
import re
import struct
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from updraft.core.sections import ColumnType
from updraft.data.values import Marks, present_texts, read_values

UNREADABLE = "unreadable"
NOT_FINITE = "not finite"
CASES: dict[ColumnType, dict[str, Any]] = {
    "int": {
        "19": 19,
        "19.0": 19,
        "5.": 5,
        "+7": 7,
        "-0": 0,
        "007": 7,
        "1e3": 1000,
        "1200e-2": 12,
        "2147483647": 2**31 - 1,
        "-2147483648": -(2**31),
        "2147483648": UNREADABLE,
        "5.5": UNREADABLE,
        "1e999999999": UNREADABLE,
        "1e99999999999999999999": UNREADABLE,
        "1e-99999999999999999999": UNREADABLE,
        "0x10": UNREADABLE,
        "1_000": UNREADABLE,
        "1,000": UNREADABLE,
        "\u0661": UNREADABLE,  # A digit, but not of ASCII.
        "--1": UNREADABLE,
        "": UNREADABLE,
        "NaN": UNREADABLE,
    },
    "bigint": {
        "9223372036854775807": 2**63 - 1,
        "-9223372036854775808": -(2**63),
        "9223372036854775808": UNREADABLE,
        "9223372036854775807.0": 2**63 - 1,
        "1e18": 10**18,
    },
    "double": {
        "1.5": 1.5,
        ".5": 0.5,
        "5.": 5.0,
        "-1.5E-3": -0.0015,
        "1e300": 1e300,
        "9007199254740992": 2.0**53,
        "9007199254740993": UNREADABLE,
        "9007199254740993.0": UNREADABLE,
        "9007199254740992.0": 2.0**53,
        "9007199254740993e0": UNREADABLE,
        "-9.007199254740993E15": UNREADABLE,
        "90071992547409930e-1": UNREADABLE,
        "9.007199254740992e15": 2.0**53,
        "9007199254740993.5e-1": 9007199254740993.5e-1,
        "1.2345678901234566e+25": 1.2345678901234566e25,
        "1.2345678901234567e+25": UNREADABLE,
        "1e23": 1e23,
        "1e-400": UNREADABLE,
        "-0.00123456789012345678e-500": UNREADABLE,
        "0e-400": 0.0,
        "0.000000000000000000000e-400": 0.0,
        "5e-324": 5e-324,
        "1e99999999999999999999": NOT_FINITE,
        "1e999": NOT_FINITE,
        "NaN": NOT_FINITE,
        "-inf": NOT_FINITE,
        "Infinity": NOT_FINITE,
        "1d": UNREADABLE,
        "1f": UNREADABLE,
        "0x1p3": UNREADABLE,
        "1.5.5": UNREADABLE,
        "1,5": UNREADABLE,
        ".": UNREADABLE,
        "e5": UNREADABLE,
    },
    "boolean": {
        "true": True,
        "T": True,
        "YES": True,
        "1": True,
        "1.0": True,
        "false": False,
        "n": False,
        "0": False,
        "2": UNREADABLE,
        "on": UNREADABLE,
    },
    "date": {
        "2024-01-31": date(2024, 1, 31),
        "2024-1-5": date(2024, 1, 5),
        "2024-01-31 00:00:00": date(2024, 1, 31),
        "0001-01-01": date(1, 1, 1),
        "9999-12-31": date(9999, 12, 31),
        "1582-10-10": date(1582, 10, 10),
        "2024-01-31 12:00": UNREADABLE,
        "2024-02-30": UNREADABLE,
        "31.01.2024": UNREADABLE,
        "2024": UNREADABLE,
        "12:00": UNREADABLE,
    },
    "timestamp": {
        "2024-01-31": datetime(2024, 1, 31, tzinfo=UTC),
        "2024-01-31 10:00": datetime(2024, 1, 31, 10, tzinfo=UTC),
        "2024-01-31T10:00:00.25Z": datetime(2024, 1, 31, 10, 0, 0, 250_000, tzinfo=UTC),
        "2024-01-31 10:00:00.123456000": datetime(2024, 1, 31, 10, 0, 0, 123_456, tzinfo=UTC),
        "2024-01-31 10:00:00+02:00": datetime(2024, 1, 31, 8, tzinfo=UTC),
        "2024-01-31 10:00:00-0330": datetime(2024, 1, 31, 13, 30, tzinfo=UTC),
        "2024-01-31 10:00:00.123456789": UNREADABLE,
        "2024-01-31 10:00:00+05:60": UNREADABLE,
        "2024-01-31 10:00:00+24:00": UNREADABLE,
        "12:30:00": UNREADABLE,
        "T12:30": UNREADABLE,
        "2024-01-31 24:00": UNREADABLE,
        "2024-01-31 10": UNREADABLE,
        "10000-01-01": UNREADABLE,
        "0000-01-01": UNREADABLE,
        "0001-01-01 00:00+14:00": UNREADABLE,
    },
}


def read(texts: list[str | None], column_type: ColumnType, marks: Marks = Marks()) -> list[Any]:  # noqa: B008
    values, unreadable, not_finite = read_values(pa.array(texts, pa.string()), column_type, marks)
    rows = zip(values.to_pylist(), unreadable.to_pylist(), not_finite.to_pylist(), strict=True)
    results = []
    for value, is_unreadable, is_not_finite in rows:
        assert not (is_unreadable and is_not_finite)
        assert value is None or not (is_unreadable or is_not_finite)
        results.append(UNREADABLE if is_unreadable else NOT_FINITE if is_not_finite else value)
    return results


@pytest.mark.parametrize("column_type", CASES)
def test_texts_are_the_values_that_they_say_or_unreadable(column_type: ColumnType) -> None:
    """(08.15) One by one and together: what stands beside a text does not change its value."""
    cases = CASES[column_type]
    assert dict(zip(cases, read(list(cases), column_type), strict=True)) == cases
    assert {text: read([text], column_type)[0] for text in cases} == cases
    assert read([None], column_type) == [None]
    assert read([], column_type) == []


@pytest.mark.parametrize(
    ("marks", "cases"),
    [
        (Marks(","), {"20,5": 20.5, "20.5": UNREADABLE, ",5": 0.5}),
        (
            Marks(",", "."),
            {"1.234,5": 1234.5, "1234,5": 1234.5, "1.23,5": UNREADABLE, "12.345.678": 12345678.0},
        ),
        (Marks(".", ","), {"1,500.00": 1500.0, "1,50": UNREADABLE, "1500": 1500.0}),
        (Marks(".", " "), {"1 500": 1500.0, "15 00": UNREADABLE}),
        (Marks(".", "'"), {"1'500.5": 1500.5}),
    ],
)
def test_marks_of_numbers_are_those_of_the_format(marks: Marks, cases: dict[str, Any]) -> None:
    """(08.13) A mark in another place than a number's is no number."""
    assert dict(zip(cases, read(list(cases), "double", marks), strict=True)) == cases


def test_whole_numbers_agree_with_exact_arithmetic() -> None:
    """(08.15) Whatever spelling: the value is the text's if it fits, and unreadable otherwise."""
    randomness = random.Random(8)  # noqa: S311  # No secret depends on it.
    texts = []
    for _ in range(5000):
        digits = str(randomness.randrange(10 ** randomness.randrange(1, 22)))
        text = randomness.choice(["", "+", "-"]) + digits
        text += randomness.choice(["", ".0", ".00", ".5", f"e{randomness.randrange(-3, 4)}"])
        texts.append(text)
    for column_type, bits in (("int", 32), ("bigint", 64)):
        for text, value in zip(texts, read(list(texts), column_type), strict=True):  # type: ignore[arg-type]
            exact = Decimal(text)
            fits = exact == int(exact) and -(2 ** (bits - 1)) <= exact < 2 ** (bits - 1)
            assert value == (int(exact) if fits else UNREADABLE), text


def test_doubles_survive_their_own_text() -> None:
    """(08.15) Any double, written as Python and Parquet's readers write it."""
    randomness = random.Random(15)  # noqa: S311  # No secret depends on it.
    numbers = []
    while len(numbers) < 5000:
        (number,) = struct.unpack("<d", randomness.randbytes(8))
        if math.isfinite(number):
            numbers.append(number)
    assert read([repr(number) for number in numbers], "double") == numbers
    arrow = pa.array(numbers).cast(pa.string()).to_pylist()
    assert read(arrow, "double") == numbers


def test_no_text_outside_the_grammar_is_a_number() -> None:
    """(08.15) Also none of those that Java or Python take for one."""
    alphabet = "0159.+-eEdfxpNa_, \t"
    randomness = random.Random(3)  # noqa: S311  # No secret depends on it.
    texts = [
        "".join(randomness.choices(alphabet, k=randomness.randrange(1, 6))) for _ in range(5000)
    ]
    grammar = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
    words = {"nan", "+nan", "-nan"}
    for text, value in zip(texts, read(list(texts), "double"), strict=True):
        if grammar.fullmatch(text):
            assert value == float(text)
        else:
            assert value == (NOT_FINITE if text.lower() in words else UNREADABLE), text


def test_blanks_around_a_text_and_texts_without_value() -> None:
    texts = pa.array([" 1 ", "\t2", "NA", "", None, "x y"], pa.string())
    assert present_texts(texts, ["", "NA"]).to_pylist() == ["1", "2", None, None, None, "x y"]
