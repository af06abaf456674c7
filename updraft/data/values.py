"""From text to values: the grammar of each type, in one place and without Spark.

A text whose value the type can hold without loss is that value; any other text is unreadable.

- ``int`` (32 bits) and ``bigint`` (64 bits): a number without a fraction, such as ``19``, ``+7``,
  ``19.0`` and ``1e3``.
- ``double``: a number, such as ``.5``, ``5.`` and ``-1.5E-3``; not a whole number that a double
  cannot hold, nor one beyond its range or so small that it would be zero, nor words such as NaN.
- ``boolean``: true, t, yes, y, 1 and false, f, no, n, 0, in upper or lower case; also 1.0 and 0.0.
- ``date``: ``2024-01-31``, also with a time of day if that is midnight.
- ``timestamp``: a date, or a date and a time such as ``2024-01-31 10:00``, with a blank or a T
  between them, seconds and decimals of seconds up to microseconds, and an offset such as ``Z`` or
  ``+02:00``; without one it is in UTC. A time without its date is none.

Numbers have the decimal mark, and maybe the mark between thousands, of the use case's format.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from updraft.core.sections.data_parts import ColumnType

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
}
BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "1.0"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "0.0"), False),
}
# The largest whole number up to which a double holds every whole number.
EXACT_DIGITS = 15
# A whole number of more digits, or perhaps one; and a number that is not zero.
LONG_WHOLE = rf"^-?(?:[0-9]{{{EXACT_DIGITS + 1},}}(?:\.0*)?|[0-9.]{{{EXACT_DIGITS + 1},}}[eE].*)$"
NOT_ZERO = r"^-?[0.]*[1-9]"
SHORT_WHOLE = r"^[+-]?[0-9]{1,18}$"  # Surely within 64 bits.
NOT_FINITE = r"(?i)^[+-]?(nan|inf|infinity)$"
TIMESTAMP = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"(?:[Tt ](?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<decimals>\d+))?)?"
    r" ?(?P<offset>[Zz]|UTC|[+-]\d{2}(?::?[0-5]\d)?)?)?",
    re.ASCII,
)
MICROSECONDS = 6  # Digits of a second's decimals.


@dataclass(frozen=True)
class Marks:
    """How numbers are written: the mark before decimals, and that between thousands, if any."""

    decimal: str = "."
    thousands: str | None = None


class Values(NamedTuple):
    """The values of some texts.

    Attributes:
        values: An array of the type; null where a text is null or unreadable.
        unreadable: Where a text is not of the type.
        not_finite: Where it is NaN, infinite or beyond the range of doubles.
    """

    values: pa.Array
    unreadable: pa.Array
    not_finite: pa.Array


def read_values(texts: pa.Array, column_type: ColumnType, marks: Marks) -> Values:
    """Read texts without blanks around them as values of a type."""
    nowhere = pa.array([False] * len(texts), pa.bool_())
    if column_type == "string":
        return Values(texts, nowhere, nowhere)
    not_finite = nowhere
    if column_type == "double":
        numbers = _numbers(texts, marks)
        values = _doubles(numbers)
        is_number = pc.is_valid(numbers)
        is_infinite = pc.fill_null(pc.is_inf(values), False)
        is_word = pc.fill_null(pc.match_substring_regex(texts, NOT_FINITE), False)
        not_finite = pc.or_(pc.and_(is_number, is_infinite), is_word)
        values = pc.if_else(is_infinite, pa.scalar(None, pa.float64()), values)
    elif column_type in ("int", "bigint"):
        values = _whole_numbers(_numbers(texts, marks), ARROW_TYPES[column_type])
    else:
        values = _by_unique_text(texts, PARSERS[column_type], ARROW_TYPES[column_type])
    is_unreadable = pc.and_(pc.is_valid(texts), pc.is_null(values))
    return Values(values, pc.and_not(is_unreadable, not_finite), not_finite)


def _numbers(texts: pa.Array, marks: Marks) -> pa.Array:
    """The texts that are numbers, with a point and without other marks; null for the others."""
    decimal = re.escape(marks.decimal)
    digits = "[0-9]+"
    if marks.thousands is not None:
        digits = rf"(?:[0-9]{{1,3}}(?:{re.escape(marks.thousands)}[0-9]{{3}})+|[0-9]+)"
    grammar = rf"^[+-]?(?:{digits}(?:{decimal}[0-9]*)?|{decimal}[0-9]+)(?:[eE][+-]?[0-9]+)?$"
    is_number = pc.match_substring_regex(texts, grammar)
    numbers = pc.if_else(is_number, texts, pa.scalar(None, pa.string()))
    if marks.thousands is not None:
        numbers = pc.replace_substring(numbers, marks.thousands, "")
    if marks.decimal != ".":
        numbers = pc.replace_substring(numbers, marks.decimal, ".")
    return pc.utf8_ltrim(numbers, "+")


def _doubles(numbers: pa.Array) -> pa.Array:
    if pc.any(pc.match_substring_regex(numbers, LONG_WHOLE)).as_py():
        values = _by_unique_text(numbers, _exact_double, pa.float64())
    else:
        values = numbers.cast(pa.float64())
    is_lost = pc.and_(pc.equal(values, 0.0), pc.match_substring_regex(numbers, NOT_ZERO))
    return pc.if_else(pc.fill_null(is_lost, False), pa.scalar(None, pa.float64()), values)


def _exact_double(number: str) -> float | None:
    """A number's value; None for a whole number of many digits that a double does not hold.

    With an exponent, its digits may be those of the double rounded to as many digits.
    """
    value = float(number)
    if re.match(LONG_WHOLE, number) is None or not math.isfinite(value) or value == 0:
        return value
    exact = Decimal(number)
    is_whole = exact == exact.to_integral_value()
    if not is_whole or exact == value:
        return value
    decimals = len(exact.as_tuple().digits) - 1
    is_rounded = "e" in number.lower() and exact == Decimal(f"{value:.{decimals}e}")
    return value if is_rounded else None


def _whole_numbers(numbers: pa.Array, arrow_type: pa.DataType) -> pa.Array:
    """Numbers without a fraction that the type can hold; null for the others."""
    bits = arrow_type.bit_width
    lowest = -(2 ** (bits - 1))
    highest = 2 ** (bits - 1) - 1

    def whole(number: str) -> int | None:
        try:
            value = Decimal(number)
        except InvalidOperation:  # An exponent of twenty digits.
            return None
        if not lowest <= value <= highest or value != value.to_integral_value():
            return None
        return int(value)

    is_short = pc.match_substring_regex(numbers, SHORT_WHOLE)
    if not pc.all(is_short, min_count=0).as_py():
        return _by_unique_text(numbers, whole, arrow_type)
    values = numbers.cast(pa.int64())
    in_range = pc.and_(pc.greater_equal(values, lowest), pc.less_equal(values, highest))
    return pc.if_else(in_range, values, pa.scalar(None, pa.int64())).cast(arrow_type)


def _by_unique_text(
    texts: pa.Array, parse: Callable[[str], Any], arrow_type: pa.DataType
) -> pa.Array:
    """Parse each different text once."""
    encoded = pc.dictionary_encode(texts)
    parsed = [None if text is None else parse(text) for text in encoded.dictionary.to_pylist()]
    return pa.array(parsed, arrow_type).take(encoded.indices)


def _boolean(text: str) -> bool | None:
    return BOOLEANS.get(text.lower())


def _timestamp(text: str) -> datetime | None:
    match = TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    decimals = match["decimals"] or ""
    if decimals[MICROSECONDS:].strip("0"):
        return None
    try:
        moment = datetime(
            year=int(match["year"]),
            month=int(match["month"]),
            day=int(match["day"]),
            hour=int(match["hour"] or 0),
            minute=int(match["minute"] or 0),
            second=int(match["second"] or 0),
            microsecond=int(decimals[:MICROSECONDS].ljust(MICROSECONDS, "0")),
            tzinfo=_zone(match["offset"]),
        )
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _zone(offset: str | None) -> timezone:
    """The zone of an offset such as +02:00.

    Raises:
        ValueError: there is no such offset.
    """
    if offset in (None, "Z", "z", "UTC"):
        return UTC
    assert offset is not None
    digits = offset[1:].replace(":", "").ljust(4, "0")
    distance = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-distance if offset[0] == "-" else distance)


def _date(text: str) -> date | None:
    moment = _timestamp(text)
    if moment is None or moment.time() != datetime.min.time():
        return None
    return moment.date()


PARSERS: dict[str, Callable[[str], Any]] = {
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
}


def present_texts(texts: pa.Array, null_values: Sequence[str]) -> pa.Array:
    """Texts without blanks around them; null for those that mean: no value."""
    trimmed = pc.ascii_trim_whitespace(texts)
    is_null = pc.is_in(trimmed, value_set=pa.array(list(null_values), pa.string()))
    return pc.if_else(is_null, pa.scalar(None, pa.string()), trimmed)
