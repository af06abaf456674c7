"""Whether a raw file has the declared columns."""

from collections import Counter
from collections.abc import Iterable

from upath import UPath

from updraft.core.errors import UpdraftError
from updraft.core.mistakes import suggest
from updraft.core.schema import REPLACEMENT_CHARACTER
from updraft.core.use_case import UseCase

LISTED = 10  # Names in a message: a file may have thousands of wrong columns.


def check_columns(file: UPath, columns: list[str], use_case: UseCase, *, ordered: bool) -> None:
    """Refuse columns that are not the declared ones.

    Raises:
        UpdraftError: the message names the columns that are missing and those that are not
            declared, with the nearest declared name.
    """
    declared = list(use_case.data.columns)
    present = set(columns)
    missing = [
        name for name in declared if name not in present and name not in use_case.data.optional
    ]
    in_declared_order = [name for name in declared if name in present]
    are_declared = columns == in_declared_order if ordered else present <= set(declared)
    if are_declared and not missing:
        return
    differences = _differences(columns, missing, use_case)
    order = ", in that order" if ordered else ""
    raise UpdraftError(
        f"{file}: its columns are not those of use_case.yaml: "
        f"{'; '.join(differences) or 'the columns are in another order'}. "
        f"Expected data.columns{order}. "
        "Fix the file, or data.columns if the source has changed."
    )


def listed(names: Iterable[str], total: int | None = None) -> str:
    """The first names as text, and how many more there are; ``total``: if ``names`` are not all."""
    names = list(names)
    more = (len(names) if total is None else total) - LISTED
    text = ", ".join(names[:LISTED])
    return f"{text} and {more} more" if more > 0 else text


def _differences(columns: list[str], missing: list[str], use_case: UseCase) -> list[str]:
    declared = set(use_case.data.columns)
    extra = [name for name in columns if name not in declared]
    repeated = sorted(name for name, number in Counter(columns).items() if number > 1)
    differences = []
    if missing:
        differences.append(f"missing {listed(missing)}")
    if extra:
        suggestions = [name + suggest(name, missing) for name in extra[:LISTED]]
        differences.append(f"not declared {listed(suggestions, len(extra))}")
    if repeated:
        differences.append(f"repeated {listed(repeated)}")
    if any(REPLACEMENT_CHARACTER in name for name in extra):
        encoding = use_case.data.encoding
        differences.append(f"names that are not {encoding}, so data.encoding may be wrong")
    return differences
