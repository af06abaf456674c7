"""What can be checked in a use case's SQL without Spark: brackets, quotes, and the first word.

Spark's own parser has the last word, in each job before it reads a row (``updraft.data.session``).
It needs a JVM, which parsing a DAG must not start.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from updraft.core.mistakes import Document, Mistake, suggest

CLOSING = {"(": ")", "[": "]"}
EXPRESSIONS = (("data", "event_time"), ("data", "target", "sql"))
QUERY = ("SELECT", "WITH", "FROM", "VALUES", "TABLE")
TYPED_LITERALS = ("DATE", "TIMESTAMP", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ")
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
TOKEN = re.compile(
    r"""
      (?P<skip> --[^\n]* | /\*.*?\*/
        | \b[rR]'[^']*' | \b[rR]"[^"]*" | '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | `(?:[^`]|``)*` )
    | (?P<open> [(\[] )
    | (?P<close> [)\]] )
    | (?P<endless> /\* | ['"`] )
    | (?P<word> \w+ )
    """,
    re.VERBOSE | re.DOTALL,
)


def expressions(document: Document) -> dict[tuple[str, ...], str]:
    """Return the SQL expressions in use_case.yaml by their place."""
    texts: dict[tuple[str, ...], str] = {}
    for place in EXPRESSIONS:
        text = document.text(*place)
        if text is not None:
            texts[place] = text
    return texts


def sql_mistakes(folder: Path, document: Document) -> list[Mistake]:
    """Return the mistakes in features.sql and in the expressions of use_case.yaml."""
    return [*_expression_mistakes(document), *_query_mistakes(folder / "features.sql")]


def identifiers(text: str) -> set[str]:
    """Return the words of an SQL text that may be columns.

    These are not in strings or comments, and neither functions, tables nor fields of a struct. A
    name of a lambda's parameter looks like a column.
    """
    words = set()
    for token in _tokens(text):
        before = text[: token.start()].rstrip()
        after = text[token.end() :].lstrip()
        is_field = before.endswith((").", "]."))
        if is_field or after.startswith((".", "(")):
            continue
        if token.lastgroup == "word":
            words.add(token.group())
        elif token.group().startswith("`"):
            words.add(token.group()[1:-1].replace("``", "`"))
    return words


def typed_literals(text: str) -> Iterator[tuple[str, str]]:
    """Find literals such as ``DATE'2024-01-31'``.

    Yields:
        The keyword of each, and the text in quotes.
    """
    for keyword, literal in pairwise(_tokens(text)):
        between = COMMENT.sub("", text[keyword.end() : literal.start()])
        is_typed = keyword.group().upper() in TYPED_LITERALS and not between.strip()
        if is_typed and literal.group()[0] in "'\"rR":
            yield keyword.group(), literal.group().lstrip("rR")[1:-1]


def _tokens(text: str) -> Iterator[re.Match[str]]:
    """The tokens of an SQL text without its comments."""
    for token in TOKEN.finditer(text):
        if not token.group().startswith(("--", "/*")):
            yield token


def mistakes_in(text: str) -> Iterator[tuple[int, str]]:
    """Find brackets and strings that do not close.

    Yields:
        The line of each, from 0, and a sentence.
    """
    opened: list[tuple[int, str]] = []
    for token in TOKEN.finditer(text):
        line = text.count("\n", 0, token.start())
        symbol = token.group()
        if token.lastgroup == "endless":
            yield line, f"{symbol} is never closed"
            return  # What follows may be string or code, so nothing can be said about it.
        if token.lastgroup == "open":
            opened.append((line, symbol))
        elif token.lastgroup == "close":
            if not opened or CLOSING[opened[-1][1]] != symbol:
                yield line, f"{symbol} closes nothing that is open"
                return
            opened.pop()
    for line, symbol in opened:
        yield line, f"{symbol} is never closed"


def _expression_mistakes(document: Document) -> Iterator[Mistake]:
    for place, text in expressions(document).items():
        messages = [message for _, message in mistakes_in(text)]
        if not text.strip():
            messages = ["empty, expected an expression"]
        for message in messages:
            yield Mistake("", document.line(place), f"{'.'.join(place)}: {message}")


def _query_mistakes(file: Path) -> Iterator[Mistake]:
    if not file.exists():
        message = f"{file} not found, expected a query over the clean rows"
        yield Mistake(file.name, 1, message)
        return
    text = file.read_text(encoding="utf-8", errors="replace")
    for line, message in [*mistakes_in(text), *_first_word_mistakes(text)]:
        yield Mistake(file.name, line + 1, message)


def _first_word_mistakes(text: str) -> Iterator[tuple[int, str]]:
    """Find a text that is empty, or that begins with a word that begins no query."""
    for token in TOKEN.finditer(text):
        if token.lastgroup == "skip":
            continue
        word = token.group()
        if token.lastgroup == "word" and word.upper() not in QUERY:
            hint = suggest(word.upper(), QUERY)
            line = text.count("\n", 0, token.start())
            yield line, f"found {word!r}, expected a query such as SELECT{hint}"
        return
    yield 0, "empty, expected a query such as SELECT"
