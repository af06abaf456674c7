"""Which raw files exist, and of which partitions."""

import hashlib
import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from fnmatch import fnmatchcase

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
    """The file of a lookup: next to the raw files, or next to the single file in their place.

    Raises:
        UpdraftError: it is a folder.
    """
    source_path = source(use_case)
    folder = source_path.parent if _is_one_file(source_path) else source_path
    file = folder / use_case.data.lookups[name].file
    _refuse_folders([file])
    return file


def is_dated(use_case: UseCase) -> bool:
    """Whether a raw file's name says its partition. A single file holds rows of any time."""
    return use_case.data.dated and not _is_one_file(source(use_case))


def raw_files(use_case: UseCase, interval: Interval | None = None) -> list[UPath]:
    """The raw files that exist; dated ones only of the interval, if there is one.

    Raises:
        UpdraftError: the source, or a file in it, is of a kind or a name that cannot be read; or
            the source holds the folders of a partitioned table.
    """
    source_path = source(use_case)
    if not _is_one_file(source_path):
        _refuse_partitions(source_path)
    if is_dated(use_case):
        by_day = dated_files(use_case)
        days = interval.days if interval else sorted(by_day)
        return [by_day[day] for day in days if day in by_day]
    if _is_one_file(source_path):
        if file_kind(source_path.name) is None:
            raise UpdraftError(
                f"{source_path}: found a file of an unknown kind, "
                f"expected one of {EXPECTED}, or a folder."
            )
        return [source_path]
    return _files_of_any_time(use_case, source_path)


def file_states(file: UPath) -> dict[str, tuple[int, float]]:
    """The size and the time of the last change of a file, and of all that is in it if a folder.

    By the path in the folder, which is empty for the file itself.
    """
    states = {}
    for part in [file, *(sorted(file.rglob("*"), key=str) if file.is_dir() else [])]:
        facts = part.stat()
        states[str(part).removeprefix(str(file))] = (facts.st_size, facts.st_mtime)
    return states


def file_state(file: UPath) -> str:
    """A hash of ``file_states``, which does not depend on where the file is."""
    return hashlib.sha256(json.dumps(file_states(file)).encode()).hexdigest()[:16]


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

    Such as one with a wrong date in its name, and folders that hold data files, which are not
    read. Lookups are not among them.
    """
    folder = source(use_case)
    if not folder.is_dir() or _is_one_file(folder):
        return []
    known = {*raw_files(use_case), *_lookup_files(use_case, folder)}
    names = []
    for child in folder.iterdir():
        if child in known or child.name.startswith("."):
            continue
        if file_kind(child.name):
            names.append(child.name)
        elif child.is_dir() and _data_files(child) - known:
            names.append(f"{child.name}/")
    return sorted(map(_printable, names))


def day_pattern(use_case: UseCase) -> str:
    """A regular expression for the names of dated files, whose one group is the day."""
    return re.escape(use_case.data.files[0]).replace(re.escape("{day}"), r"(\d{4}-\d{2}-\d{2})")


def _files_of_any_time(use_case: UseCase, folder: UPath) -> list[UPath]:
    patterns = use_case.data.files
    if use_case.data.dated:
        patterns = ["*" + name[name.lower().rindex(suffix_of(name)) :] for name in patterns]
    lookups = _lookup_files(use_case, folder)
    files = [
        file
        for file in (folder.iterdir() if folder.is_dir() else [])
        if not file.name.startswith(".")
        and file not in lookups
        # A name with brackets also means itself.
        and any(file.name == name or fnmatchcase(file.name, name) for name in patterns)
    ]
    _refuse_folders(files)
    odd = [_printable(file.name) for file in files if _printable(file.name) != file.name]
    if odd:
        raise UpdraftError(
            f"{folder}: found names that are not UTF-8: {listed(odd)}. Rename these files."
        )
    return sorted(files, key=str)


def _is_one_file(source_path: UPath) -> bool:
    """Whether the source is one raw file: also a folder that is named like a Parquet file."""
    is_parquet = file_kind(source_path.name) == "parquet"
    return source_path.is_file() or (is_parquet and source_path.is_dir())


def _lookup_files(use_case: UseCase, folder: UPath) -> set[UPath]:
    """Where lookups are, which are no raw files, though patterns may match them."""
    return {folder / lookup.file for lookup in use_case.data.lookups.values()}


def _data_files(folder: UPath) -> set[UPath]:
    """The data files in a folder, at any depth."""
    return {file for file in folder.rglob("*") if file_kind(file.name)}


def _printable(name: str) -> str:
    """A file's name, with the replacement character for bytes that are not UTF-8."""
    return os.fsencode(name).decode("utf-8", "replace")


def _refuse_partitions(folder: UPath) -> None:
    """Refuse the folders of a partitioned table, whose rows would be left out in silence."""
    children = folder.iterdir() if folder.is_dir() else []
    partitions = sorted(
        f"{child.name}/"
        for child in children
        if "=" in child.name
        and file_kind(child.name) is None
        and child.is_dir()
        and _data_files(child)
    )
    if partitions:
        raise UpdraftError(
            f"{folder}: found the folders of a partitioned table: {listed(partitions)}; expected "
            "files. Move them into one folder whose name ends in .parquet, which counts as a file."
        )


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
