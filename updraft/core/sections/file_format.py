"""The section ``format`` of raw files and of lookups: how their text is to be read."""

import io
from typing import Literal

from pydantic import Field, field_validator, model_validator

from updraft.core.sections.base import Strict

SAMPLE = "a,1;b\n"  # Characters that every encoding of text has.
ANY_BYTES = bytes(range(256))  # A decoder of text replaces those that are none, in any file.


class FileFormat(Strict):
    """How the text of CSV and JSON files is to be read. Parquet files say it themselves."""

    separator: str | None = Field(
        None,
        description="Between the fields of CSV: by default a comma, in .tsv a tab; "
        "or the one of , ; tab | under which the header has the declared columns.",
    )
    quote: str = Field('"', description="Around fields with separators; empty: none has a meaning.")
    escape: str | None = Field(
        None,
        description="In front of a quote that is text, and there of itself; elsewhere it is text. "
        "By default a quote is written twice.",
    )
    decimal: str = Field(".", description="In front of the decimals of a number.")
    thousands: str | None = Field(None, description="Between groups of three digits of a number.")
    header: bool = Field(
        True, description="Whether CSV files begin with the names of their columns."
    )
    encoding: str = Field(
        "UTF-8", description="Any that Python knows; a byte order mark in a file goes first."
    )
    compression: Literal["none", "gzip", "bz2", "xz", "zstd"] | None = Field(
        None, description="by default what the file's name says"
    )

    @field_validator("separator", "escape", "decimal", "thousands")
    @classmethod
    def _is_one_character(cls, mark: str | None) -> str | None:
        if mark is not None and (len(mark) != 1 or mark in "\r\n"):
            raise ValueError(f"found {mark!r}, expected a single character within a line")
        return mark

    @field_validator("quote")
    @classmethod
    def _is_one_character_or_none(cls, mark: str) -> str:
        if len(mark) > 1 or mark in ("\r", "\n"):
            raise ValueError(f"found {mark!r}, expected a single character, or none")
        return mark

    @field_validator("decimal", "thousands")
    @classmethod
    def _is_not_part_of_a_number(cls, mark: str | None) -> str | None:
        if mark is not None and (mark.isalnum() or mark in "+-"):
            raise ValueError(f"found {mark!r}, which is part of numbers itself")
        return mark

    @field_validator("encoding")
    @classmethod
    def _is_an_encoding_of_text(cls, encoding: str) -> str:
        try:
            content = io.BytesIO(SAMPLE.encode(encoding) + ANY_BYTES)
            text = io.TextIOWrapper(content, encoding=encoding, errors="replace")
            is_text = text.read().startswith(SAMPLE)
        except (LookupError, UnicodeError):
            is_text = False
        if not is_text:
            raise ValueError("expected an encoding of text such as UTF-8, cp1252 or UTF-16")
        return encoding

    @model_validator(mode="after")
    def _marks_differ(self) -> "FileFormat":
        if self.decimal == self.thousands:
            raise ValueError(f"decimal, thousands: both are {self.decimal!r}")
        if self.quote and self.quote == self.separator:
            raise ValueError(f"separator, quote: both are {self.quote!r}")
        if self.escape is not None and self.escape == self.separator:
            raise ValueError(f"separator, escape: both are {self.escape!r}")
        if self.escape is not None and not self.quote:
            raise ValueError("escape: stands in front of quotes, but quote is empty: leave it out")
        return self
