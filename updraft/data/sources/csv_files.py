"""Raw files in CSV, read by Python's csv module."""

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
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
    for record in _records(_Lines(text), file_format, separator):
        values = record.values if record.values is not None else [record.corrupt or ""]
        return [(value or "").strip() for value in values]
    return None


def csv_records(
    text: TextIO, file_format: FileFormat, separator: str, width: int
) -> Iterator[Record]:
    """The records after the header; those without ``width`` fields are corrupt.

    If a corrupt record spans several lines, only its first line is taken for corrupt, and reading
    resumes on the next: so a quote that is never closed does not take other rows with it.
    """
    lines = _Lines(text)
    records = _records(lines, file_format, separator)
    if file_format.header:
        next(records, None)
    for record in records:
        if record.values is not None and len(record.values) == width:
            yield record
            continue
        yield Record(record.line, None, lines.first_of_record())
        lines.resume_after_first()


class _Lines:
    """The lines of a text, which remembers those of the present record."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = iter(lines)
        self.number = 1  # Of the first line of the present record.
        self.of_record: list[str] = []
        self.again: deque[str] = deque()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.again.popleft() if self.again else next(self.lines)
        self.of_record.append(line)
        return line

    def begin_record(self) -> None:
        self.number += len(self.of_record)
        self.of_record.clear()

    def is_blank_record(self) -> bool:
        """Whether the record has no text at all; a quoted empty text is one."""
        return not "".join(self.of_record).strip()

    def first_of_record(self) -> str:
        return self.of_record[0].rstrip("\r\n")

    def resume_after_first(self) -> None:
        """Give the lines after the first of the present record again."""
        self.again.extendleft(reversed(self.of_record[1:]))
        del self.of_record[1:]


def _records(lines: _Lines, file_format: FileFormat, separator: str) -> Iterator[Record]:
    reader = csv.reader(
        lines,
        delimiter=separator,
        quotechar=file_format.quote or None,
        quoting=csv.QUOTE_MINIMAL if file_format.quote else csv.QUOTE_NONE,
        escapechar=file_format.escape,
        doublequote=file_format.escape is None,
        strict=True,
    )
    while True:
        lines.begin_record()
        values: Sequence[str] | None
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            values = None
        if values is None:
            yield Record(lines.number, None, lines.first_of_record())
        elif values and not (len(values) == 1 and lines.is_blank_record()):
            yield Record(lines.number, list(values), None)
