"""What can be said of a use case's SQL without Spark: what never closes, and what is no query at all.

Spark's own parser has the last word, in each job before it reads a row (``updraft.data.session``). It needs a JVM, which
parsing a DAG must not start.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from updraft.core.mistakes import Document, Mistake, suggest

CLOSING = {"(": ")", "[": "]"}
QUERY = ("SELECT", "WITH", "FROM", "VALUES", "TABLE")
TOKEN = re.compile(
    r"""
      (?P<skip> --[^\n]* | /\*.*?\*/ | \b[rR]'[^']*' | \b[rR]"[^"]*" | '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | `[^`]*` )
    | (?P<open> [(\[] )
    | (?P<close> [)\]] )
    | (?P<endless> /\* | ['"`] )
    | (?P<word> [^\W\d]\w* )
    """,
    re.VERBOSE | re.DOTALL,
)


def expressions(document: Document) -> dict[tuple[str, ...], str]:
    """The SQL that use_case.yaml itself holds, by its place."""
    places = ("data", "event_time"), ("data", "target", "sql")
    return {place: text for place in places if (text := document.text(*place)) is not None}


def sql_mistakes(folder: Path, document: Document) -> list[Mistake]:
    """The mistakes in features.sql and in the expressions of use_case.yaml."""
    found = []
    for place, text in expressions(document).items():
        said = list(mistakes_in(text)) or [(0, "empty, expected an expression")] * (not text.strip())
        found += [Mistake("", document.line(place), f"{'.'.join(place)}: {one}") for _, one in said]
    file = folder / "features.sql"
    if not file.exists():
        return [*found, Mistake(file.name, 1, f"{file} not found, expected a query over the clean rows")]
    text = file.read_text(encoding="utf-8", errors="replace")
    return found + [Mistake(file.name, line + 1, one) for line, one in [*mistakes_in(text), *_no_query(text)]]


def identifiers(text: str) -> set[str]:
    """The words of some SQL that may be columns: those in backticks, and those that are no text or comment."""
    found = set()
    for token in TOKEN.finditer(text):
        if token.lastgroup == "word":
            found.add(token.group())
        elif token.group().startswith("`"):
            found.add(token.group().strip("`"))
    return found


def mistakes_in(text: str) -> Iterator[tuple[int, str]]:
    """Brackets and texts that do not close, as (line from 0, sentence)."""
    opened: list[tuple[int, str]] = []
    for token in TOKEN.finditer(text):
        line, found = text.count("\n", 0, token.start()), token.group()
        if token.lastgroup == "endless":
            yield line, f"{found} is never closed"
            return  # What follows it may be text or code: nothing can be said.
        if token.lastgroup == "open":
            opened.append((line, found))
        elif token.lastgroup == "close":
            if not opened or CLOSING[opened[-1][1]] != found:
                yield line, f"{found} closes nothing that is open"
                return
            opened.pop()
    yield from ((line, f"{found} is never closed") for line, found in opened)


def _no_query(text: str) -> Iterator[tuple[int, str]]:
    code = (token for token in TOKEN.finditer(text) if token.lastgroup != "skip")
    first = next(code, None)
    if first is None:
        yield 0, "empty, expected a query such as SELECT"
    elif first.lastgroup == "word" and first.group().upper() not in QUERY:
        hint = suggest(first.group().upper(), QUERY)
        yield text.count("\n", 0, first.start()), f"found {first.group()!r}, expected a query such as SELECT{hint}"
