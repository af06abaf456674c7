"""Raw files in CSV, read by Python's csv module."""

import csv
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO

from updraft.core.file_names import suffix_of
from updraft.core.sections.file_format import FileFormat
from updraft.data.sources.format import Record

# An unclosed quote takes in what follows until here.
csv.field_size_limit(1_000_000)
SEPARATORS = (",", ";", "\t", "|")


def default_separator(name: str) -> str:
    """The separator that a file's name says."""
    return "\t" if suffix_of(name) == ".tsv" else ","


def read_header(text: TextIO, file_format: FileFormat, separator: str) -> list[str] | None:
    """The names in the first line that is not blank; None if there is none."""
    for _, values in _records(_Lines(text), _Dialect(file_format, separator)):
        return [value.strip() for value in values or [""]]
    return None


def csv_records(
    text: TextIO, file_format: FileFormat, separator: str, width: int
) -> Iterator[Record]:
    """The records after the header; those without ``width`` fields are corrupt.

    A record that breaks off at a quote which is never closed ends with the line of that quote, and
    reading resumes on the next: so the quote does not take other rows with it. A record whose
    quotes are all closed has a wrong number of fields, but no other row in it.
    """
    lines = _Lines(text)
    dialect = _Dialect(file_format, separator)
    records = _records(lines, dialect)
    if file_format.header:
        next(records, None)
    for line, values in records:
        if values is not None and len(values) == width:
            yield Record(line, list(values), None)
            continue
        if values is None:
            lines.resume_after(dialect.closed_lines(lines.of_record) + 1)
        yield Record(line, None, "".join(lines.of_record).rstrip("\r\n"))


class _Dialect:
    """How fields are separated and quoted, for the csv module and for what it cannot parse."""

    def __init__(self, file_format: FileFormat, separator: str) -> None:
        self.separator = separator
        self.quote = file_format.quote
        # As a quote in front of a quote, which is the default.
        self.escape = None if file_format.escape == file_format.quote else file_format.escape

    def reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        return csv.reader(
            lines if self.escape is None else map(self._protected(self.escape), lines),
            delimiter=self.separator,
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            escapechar=self.escape,
            doublequote=self.escape is None,
            strict=True,
        )

    def closed_lines(self, lines: list[str]) -> int:
        """The number of a record's lines in front of that with the field that cannot be parsed."""
        if not self.quote:
            return 0
        quote, separator = re.escape(self.quote), re.escape(self.separator)
        if self.escape is None:
            inside = f"[^{quote}]|{quote}{quote}"
        else:
            escape = re.escape(self.escape)
            inside = f"[^{quote}{escape}]|{escape}."
            lines = [self._protected(self.escape)(line) for line in lines]
        quoted = f"{quote}(?:{inside})*+{quote}"
        fields = re.compile(
            f"(?:(?:{quoted}|(?!{quote})[^{separator}\r\n]*+){separator})*+", re.DOTALL
        )
        match = fields.match("".join(lines))
        assert match is not None
        return sum(1 for end in _ends(lines) if end <= match.end())

    def _protected(self, escape: str) -> Callable[[str], str]:
        """Double the escape characters of a line that are not in front of a quote.

        For the csv module, an escape character in front of any other one is nothing itself.
        """
        others = re.compile(f"{re.escape(escape)}++(?!{re.escape(self.quote)})")
        return lambda line: others.sub(lambda found: found[0] * 2, line)


def _ends(lines: list[str]) -> Iterator[int]:
    """Where each line ends in the joined text."""
    end = 0
    for line in lines:
        end += len(line)
        yield end


class _Lines:
    """The lines of a text, which remembers those of the present record.

    If the first one ends with a line feed, a carriage return alone ends none.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = iter(lines)
        self.number = 1  # Of the first line of the present record.
        self.of_record: list[str] = []
        self.again: deque[str] = deque()
        self.has_line_feeds: bool | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.again.popleft() if self.again else self._following()
        self.of_record.append(line)
        return line

    def _following(self) -> str:
        line = next(self.lines)
        if self.has_line_feeds is None:
            self.has_line_feeds = line.endswith("\n")
        while self.has_line_feeds and line.endswith("\r"):
            rest = next(self.lines, "")
            if not rest:
                break
            line += rest
        return line

    def begin_record(self) -> None:
        self.number += len(self.of_record)
        self.of_record.clear()

    def is_blank_record(self) -> bool:
        """Whether the record has no text at all; a quoted empty text is one."""
        return not "".join(self.of_record).strip()

    def resume_after(self, number: int) -> None:
        """Give the lines after the first ones of the present record again."""
        self.again.extendleft(reversed(self.of_record[number:]))
        del self.of_record[number:]


def _records(lines: _Lines, dialect: _Dialect) -> Iterator[tuple[int, list[str] | None]]:
    """The fields of each record with its first line; None where they cannot be parsed."""
    reader = dialect.reader(lines)
    while True:
        lines.begin_record()
        values: list[str] | None
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            values = None
        if values is None or (values and not (len(values) == 1 and lines.is_blank_record())):
            yield lines.number, values
