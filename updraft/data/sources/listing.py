"""Which raw files exist, and of which partitions."""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import date

from upath import UPath

from updraft.core.errors import UpdraftError
from updraft.core.file_names import EXPECTED, file_kind, suffix_of
from updraft.core.interval import Interval
from updraft.core.settings import settings
from updraft.core.use_case import UseCase
from updraft.data.sources.checks import listed


def source(use_case: UseCase) -> UPath:
    """The folder of the raw files, or the single file that the settings put in its place."""
    return settings().source(use_case.name, use_case.data.input)


def lookup_file(use_case: UseCase, name: str) -> UPath:
    """The file of a lookup: next to the raw files, or next to the single file in their place."""
    source_path = source(use_case)
    folder = source_path.parent if source_path.is_file() else source_path
    return folder / use_case.data.lookups[name].file


def is_dated(use_case: UseCase) -> bool:
    """Whether a raw file's name says its partition. A single file holds rows of any time."""
    return use_case.data.dated and not source(use_case).is_file()


def raw_files(use_case: UseCase, interval: Interval | None = None) -> list[UPath]:
    """The raw files that exist; dated ones only of the interval, if there is one.

    Raises:
        UpdraftError: the source, or a file in it, is of a kind that cannot be read.
    """
    source_path = source(use_case)
    if is_dated(use_case):
        by_day = dated_files(use_case)
        days = interval.days if interval else sorted(by_day)
        return [by_day[day] for day in days if day in by_day]
    if source_path.is_file():
        if file_kind(source_path.name) is None:
            raise UpdraftError(
                f"{source_path}: found a file of an unknown kind, "
                f"expected one of {EXPECTED}, or a folder."
            )
        return [source_path]
    return _files_of_any_time(use_case, source_path)


def file_states(files: Iterable[UPath]) -> dict[str, tuple[int, float]]:
    """The size and the time of the last change of each file, those in folders included."""
    state = {}
    for file in files:
        parts = sorted(file.rglob("*"), key=str) if file.is_dir() else []
        for part in [file, *parts]:
            facts = part.stat()
            state[str(part)] = (facts.st_size, facts.st_mtime)
    return state


def dated_files(use_case: UseCase) -> dict[date, UPath]:
    """The raw files whose names say their day, by day."""
    folder = source(use_case)
    pattern = re.compile(day_pattern(use_case))
    files: dict[date, UPath] = {}
    for file in folder.iterdir() if folder.is_dir() else []:
        match = pattern.fullmatch(file.name)
        if match:
            with suppress(ValueError):  # Not a date, such as 30 February: among unread_files.
                files[date.fromisoformat(match[1])] = file
    _refuse_folders(files.values())
    return files


def unread_files(use_case: UseCase) -> list[str]:
    """The names of data files next to the raw files that no pattern matches, in order.

    Such as one with a wrong date in its name. Lookups are not among them.
    """
    folder = source(use_case)
    if not folder.is_dir():
        return []
    lookups = {lookup.file for lookup in use_case.data.lookups.values()}
    known = {file.name for file in raw_files(use_case)} | lookups
    names = [file.name for file in folder.iterdir() if file_kind(file.name)]
    return sorted(name for name in names if name not in known and not name.startswith("."))


def day_pattern(use_case: UseCase) -> str:
    """A regular expression for the names of dated files, whose one group is the day."""
    return re.escape(use_case.data.files[0]).replace(re.escape("{day}"), r"(\d{4}-\d{2}-\d{2})")


def _files_of_any_time(use_case: UseCase, folder: UPath) -> list[UPath]:
    patterns = use_case.data.files
    if use_case.data.dated:
        patterns = ["*" + name[name.lower().rindex(suffix_of(name)) :] for name in patterns]
    files: set[UPath] = set()
    if folder.exists():
        for pattern in patterns:
            files.update(folder.glob(pattern))
    visible = [file for file in files if not file.name.startswith(".")]
    _refuse_folders(visible)
    return sorted(visible, key=str)


def _refuse_folders(files: Iterable[UPath]) -> None:
    """Only a Parquet folder can replace a file: its parts have known names and their own schema."""
    folders = sorted(
        str(file) for file in files if file_kind(file.name) != "parquet" and file.is_dir()
    )
    if folders:
        raise UpdraftError(
            f"{listed(folders)}: found a folder, expected a file. "
            "Move the files that it holds next to it, and remove it."
        )
