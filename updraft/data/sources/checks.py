"""Whether a file has the declared columns, and under which names."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from upath import UPath

from updraft.core.errors import UpdraftError
from updraft.core.mistakes import suggest
from updraft.core.schema import REPLACEMENT_CHARACTER

LISTED = 10  # Names in a message: a file may have thousands of wrong columns.


@dataclass(frozen=True)
class Declared:
    """What a use case says about the columns of some files.

    Attributes:
        columns: All columns.
        optional: Those that a file may lack.
        rename: From a name in a file to the column's own.
        place: The place of ``columns`` and ``rename`` in use_case.yaml, with a dot behind it.
        encoding: What the text of the files is said to be encoded in.
        texts: The columns of text; in those of all other types, numbers have the format's marks.
    """

    columns: tuple[str, ...]
    optional: frozenset[str]
    rename: Mapping[str, str]
    place: str
    encoding: str
    texts: frozenset[str] = frozenset()

    def names(self, column: str) -> tuple[str, ...]:
        """All names under which files may have a column."""
        return (column, *(name for name, own in self.rename.items() if own == column))


def fits(names: Sequence[str], declared: Declared) -> bool:
    """Whether a file with these names has the declared columns, and no others."""
    columns = [declared.rename.get(name, name) for name in names]
    required = set(declared.columns) - declared.optional
    return (
        len(set(columns)) == len(columns)
        and set(columns) <= set(declared.columns)
        and required <= set(columns)
    )


def check_columns(file: UPath, names: Sequence[str], declared: Declared) -> None:
    """Check that a file with these names has the declared columns, and no others.

    Raises:
        UpdraftError: the message names the columns that are missing and those that are not
            declared, with the nearest declared name.
    """
    if fits(names, declared):
        return
    columns = {declared.rename.get(name, name) for name in names}
    missing = [
        name for name in declared.columns if name not in columns and name not in declared.optional
    ]
    differences = "; ".join(_differences(names, missing, declared))
    raise UpdraftError(
        f"{file}: its columns are not those of use_case.yaml: {differences}. "
        f"Expected {declared.place}columns, under these names or those of {declared.place}rename, "
        f"in any order. Fix the file, or {declared.place}columns if the source has changed."
    )


def listed(names: Iterable[str], total: int | None = None) -> str:
    """The first names as text, and how many more there are; ``total``: if ``names`` are not all."""
    names = list(names)
    more = (len(names) if total is None else total) - LISTED
    text = ", ".join(names[:LISTED])
    return f"{text} and {more} more" if more > 0 else text


def _differences(names: Sequence[str], missing: list[str], declared: Declared) -> list[str]:
    columns = [declared.rename.get(name, name) for name in names]
    extra = [name for name in columns if name not in set(declared.columns)]
    repeated = sorted(name for name, number in Counter(columns).items() if number > 1)
    differences = []
    if missing:
        differences.append(f"missing {listed(missing)}")
    if extra:
        named = [name or "a column without a name" for name in extra[:LISTED]]
        suggestions = [name + suggest(name, missing) for name in named]
        differences.append(f"not declared {listed(suggestions, len(extra))}")
    if repeated:
        differences.append(f"repeated {listed(repeated)}")
    if any(REPLACEMENT_CHARACTER in name for name in extra):
        differences.append(
            f"names that are not {declared.encoding}, "
            f"so {declared.place}format.encoding may be wrong"
        )
    return differences
