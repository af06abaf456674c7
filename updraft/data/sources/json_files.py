"""Raw files in JSON: an object a line, or objects and arrays of objects over several lines."""

import io
import json
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from updraft.data.sources.format import Record

WHITESPACE = " \t\r\n\ufeff"
BROKEN = object()  # In place of a value that cannot be read, nor the objects behind it.


class _Number(str):
    """A number as it is spelt in the file."""


def json_records(
    text: TextIO, columns: Sequence[Sequence[str]], decimals: Sequence[str]
) -> Iterator[Record]:
    """The objects of a file as records; what is not an object is corrupt.

    So is an object with values under two names of a column. ``columns``: the names of each column.
    ``decimals``: the mark that numbers of each column get in place of their point.
    """
    first_names = [names[0] for names in columns]
    others = [(number, names[1:]) for number, names in enumerate(columns) if names[1:]]
    for line, value, source in _values(text):
        if not isinstance(value, dict):
            yield Record(line, None, source)
            continue
        values = [value.get(name) for name in first_names]
        is_clear = True
        for number, names in others:
            found = [value[name] for name in names if value.get(name) is not None]
            is_clear = is_clear and len(found) + (values[number] is not None) <= 1
            values[number] = found[0] if found else values[number]
        if is_clear:
            yield Record(line, list(map(as_text, values, decimals)), None)
        else:
            yield Record(line, None, _json(value))


def json_keys(text: TextIO) -> set[str] | None:
    """Every key of every object of a file; None if there is no object."""
    keys: set[str] | None = None
    for _, value, _ in _values(text):
        if isinstance(value, dict):
            keys = keys or set()
            keys.update(value)
    return keys


def as_text(value: Any, decimal: str) -> str | None:
    """A value as text: numbers as they are spelt, objects and arrays as JSON."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, _Number):
        return str(value).replace(".", decimal)
    return _json(value)


def _json(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        pairs = [f"{json.dumps(key, ensure_ascii=False)}:{_json(value[key])}" for key in value]
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_json(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key is repeated")
    return values


DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_Number, parse_int=_Number, parse_constant=_Number
)


def _values(text: TextIO) -> Iterator[tuple[int, Any, str]]:
    """The values of a file with the line on which each starts, and its text if it is no object.

    If the first line that is not blank holds complete values, so does each line. Otherwise the
    file is a sequence of values over several lines, such as one array.
    """
    first = ""
    blank_lines = 0
    for first in text:
        if first.strip(WHITESPACE):
            break
        blank_lines += 1
    if not first.strip(WHITESPACE):
        return
    line = blank_lines + 1
    if _is_complete(first):
        yield from _values_of_line(line, first)
        for following in text:
            line += 1
            yield from _values_of_line(line, following)
        return
    document = first + text.read()
    values = list(_values_of_document(line, document))
    is_whole = all(value is not BROKEN for _, value, _ in values)
    if is_whole and not (len(values) == 1 and not isinstance(values[0][1], dict)):
        yield from values
        return
    # Each line by itself: then none is lost with the objects that cannot be told apart, and if the
    # lines are only parts of objects, there are too many corrupt ones for any run.
    for offset, source in enumerate(io.StringIO(document, newline="")):
        yield from _values_of_line(line + offset, source)


def _is_complete(source: str) -> bool:
    try:
        DECODER.decode(source.strip(WHITESPACE))
    except (ValueError, RecursionError):
        return False
    return True


def _values_of_line(line: int, source: str) -> Iterator[tuple[int, Any, str]]:
    stripped = source.strip(WHITESPACE)
    if not stripped:
        return
    try:
        value = DECODER.decode(stripped)
    except (ValueError, RecursionError):
        yield line, None, stripped
        return
    for item in value if isinstance(value, list) else [value]:
        yield line, item, "" if isinstance(item, dict) else _json(item)


def _values_of_document(first_line: int, document: str) -> Iterator[tuple[int, Any, str]]:
    """The values of a document, in arrays and on their own, until the first that is broken."""
    position = 0
    counted = 0
    line = first_line
    is_in_array = False
    while True:
        while position < len(document) and document[position] in WHITESPACE:
            position += 1
        if position == len(document):
            if is_in_array:
                yield line, None, document[counted:]
            return
        line += document.count("\n", counted, position)
        counted = position
        symbol = document[position]
        if symbol == "[" and not is_in_array:
            is_in_array = True
            position += 1
            continue
        if symbol == "]" and is_in_array:
            is_in_array = False
            position += 1
            continue
        if symbol == ",":
            position += 1
            continue
        try:
            value, position = DECODER.raw_decode(document, position)
        except (ValueError, RecursionError):
            rest = document[position:]
            yield line, BROKEN if "{" in rest[1:] else None, rest
            return
        yield line, value, "" if isinstance(value, dict) else _json(value)
