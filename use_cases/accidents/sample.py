"""Makes accidents as the US accidents of 2016 to 2023 have them (Moosavi): JSON lines of four years, 46 columns, many nulls."""

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

FIRST, DAYS = date(2016, 1, 1), 1461
# State, latitude, longitude, time zone, cities, share of the accidents.
PLACES: list[tuple[str, float, float, str, list[str], float]] = [
    ("CA", 34.1, -118.2, "US/Pacific", ["Los Angeles", "Pasadena", "Anaheim", "Long Beach"], 0.24),
    ("FL", 27.9, -81.7, "US/Eastern", ["Miami", "Orlando", "Tampa"], 0.14),
    ("TX", 30.9, -97.3, "US/Central", ["Houston", "Dallas", "Austin"], 0.11),
    ("SC", 34.0, -81.0, "US/Eastern", ["Columbia", "Charleston"], 0.08),
    ("NY", 41.2, -74.0, "US/Eastern", ["New York", "Yonkers", "Albany"], 0.09),
    ("VA", 37.6, -77.6, "US/Eastern", ["Richmond", "Arlington"], 0.08),
    ("OR", 45.2, -122.8, "US/Pacific", ["Portland", "Salem"], 0.07),
    ("GA", 33.7, -84.4, "US/Eastern", ["Atlanta", "Marietta"], 0.06),
    ("IL", 41.8, -87.8, "US/Central", ["Chicago", "Joliet"], 0.07),
    ("CO", 39.7, -104.9, "US/Mountain", ["Denver", "Boulder"], 0.06),
]
SKIES = ["Fair", "Clear", "Mostly Cloudy", "Overcast", "Partly Cloudy", "Light Rain", "Rain", "Light Snow", "Fog"]
WINDS = ["CALM", "N", "S", "SSW", "W", "NW", "VAR", "East", "South", "Calm"]
ROADS = ["Main St", "Oak Ave", "Lake Rd", "Park Blvd", "Mill Creek Rd", "Washington St", "County Line Rd", "2nd Ave"]
HOURS = np.array([2, 1, 1, 1, 2, 4, 7, 10, 10, 7, 6, 6, 6, 6, 7, 9, 10, 10, 7, 5, 4, 3, 3, 2]).cumsum() / 129
SHARES_OF_PLACES = np.array([share for *_, share in PLACES]).cumsum()
UNUSUAL = ["Amenity", "Bump", "Give_Way", "No_Exit", "Railway", "Roundabout", "Station", "Stop", "Traffic_Calming"]
SHARES = dict(zip(UNUSUAL, [0.011, 0.0005, 0.002, 0.002, 0.006, 0.0003, 0.024, 0.03, 0.0005], strict=True))


def lay(
    folder: Path,
    *,
    rows: int = 12000,
    seed: int = 2016,
    drift: float = 1.0,
    first: date | None = None,
    last: date | None = None,
) -> int:
    """Write ``us_accidents.jsonl`` under ``folder``, whole or not at all; return 1, the number of files.

    Same arguments, same bytes. Quirks: three formats of time, two of them with a fraction of a second; many nulls; three
    in four accidents of severity 2. One line in two hundred is bad: a time of the year 1 or 9999 or no time, a latitude
    that is NaN, a visibility below 0, a distance with a comma. ``drift`` moves the reports from Source2, which is strict,
    to Source1: at 1 its share goes from 0.3 in the first year to 0.9 in the last.
    """
    rng = np.random.default_rng(seed)
    offset = np.sort(rng.beta(1.3, 1, rows)) * DAYS
    lines = []
    for number, days in enumerate(offset):
        begun = datetime(FIRST.year, FIRST.month, FIRST.day) + timedelta(days=int(days))
        accident = _accident(rng, number, begun, _share_of_source1(days, drift))
        if rng.random() < 1 / 200:
            _spoil(rng, accident)
        if (first or FIRST) <= begun.date() <= (last or date.max):
            lines.append(json.dumps(accident))
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / ".us_accidents.jsonl.part"
    part.write_text("".join(line + "\n" for line in lines))
    part.replace(folder / "us_accidents.jsonl")
    return 1


def _share_of_source1(days: float, drift: float) -> float:
    return min(1, 0.3 + drift * 0.6 * min(1, max(0, (days / DAYS - 0.25) / 0.65)))


def _accident(rng: np.random.Generator, number: int, day: datetime, source1: float) -> dict[str, Any]:
    hour = int(np.searchsorted(HOURS, rng.random()))
    begun = day + timedelta(hours=hour, seconds=int(rng.integers(3600)))
    place = int(np.searchsorted(SHARES_OF_PLACES, rng.random()))
    state, latitude, longitude, zone, cities, _ = PLACES[place]
    first_source = bool(rng.random() < source1)
    road = float(rng.random())  # Below 0.35 an interstate, below 0.55 a highway.
    night = hour < 6 or hour > 19
    signal = bool(rng.random() < (0.03 if road < 0.35 else 0.2))
    crossing = bool(signal and rng.random() < 0.5)
    junction = bool(rng.random() < (0.16 if road < 0.35 else 0.04))
    wet = bool(rng.random() < 0.12)

    logits = np.array(
        [
            -6.2 + 3.8 * signal + 1.4 * (road > 0.55),
            1.0,
            -1.9 + 2.2 * (not first_source) + 1.5 * (road < 0.35) - 1.6 * signal + 0.5 * junction + 0.5 * (state == "GA"),
            -5.0 + 1.2 * first_source + 2.4 * night + 2.0 * (0.35 < road < 0.55) - 1.5 * signal + 0.4 * wet,
        ]
    )
    severity = int((logits + rng.gumbel(size=4)).argmax()) + 1

    distance = round(float(rng.exponential(0.7)), 3) if rng.random() < 0.6 else 0.0
    lat, lng = (round(middle + float(rng.normal(0, 0.8)), 6) for middle in (latitude, longitude))
    weather = begun + timedelta(minutes=int(rng.integers(-40, 20)))
    temperature = round(62 + 20 * np.cos(2 * np.pi * (begun.timetuple().tm_yday - 200) / 365) + float(rng.normal(0, 10)), 1)
    ended = rng.random() < 0.54
    street = _street(rng, road)
    flags = {name: bool(rng.random() < share) for name, share in SHARES.items()}
    return {
        "ID": f"A-{number + 1}",
        "Source": "Source1" if first_source else "Source3" if rng.random() < 0.03 else "Source2",
        "Severity": severity,
        "Start_Time": _time(rng, begun, first_source),
        "End_Time": _time(rng, begun + timedelta(minutes=int(rng.integers(20, 360))), first_source),
        "Start_Lat": lat,
        "Start_Lng": lng,
        "End_Lat": round(lat + distance / 100, 6) if ended else None,
        "End_Lng": round(lng + distance / 100, 6) if ended else None,
        "Distance(mi)": distance,
        "Description": f"{'Road closed due to accident' if severity == 4 else 'Accident'} on {street}.",
        "Street": street,
        "City": _one(rng, cities),
        "County": _one(rng, cities),
        "State": state,
        "Zipcode": f"{rng.integers(10000, 99999)}" + (f"-{rng.integers(1000, 9999)}" if rng.random() < 0.3 else ""),
        "Country": "US",
        "Timezone": zone,
        "Airport_Code": f"K{state}{'ABCD'[int(rng.integers(4))]}",
        "Weather_Timestamp": _or_none(rng, 0.017, f"{weather:%Y-%m-%d %H:%M:%S}"),
        "Temperature(F)": _or_none(rng, 0.024, temperature),
        "Wind_Chill(F)": _or_none(rng, 0.29, temperature),
        "Humidity(%)": _or_none(rng, 0.027, float(rng.integers(15, 101))),
        "Pressure(in)": _or_none(rng, 0.018, round(float(rng.normal(29.5, 0.9)), 2)),
        "Visibility(mi)": _or_none(rng, 0.023, _one(rng, [1.0, 2.0, 5.0, 7.0]) if wet else 10.0),
        "Wind_Direction": _or_none(rng, 0.022, _one(rng, WINDS)),
        "Wind_Speed(mph)": _or_none(rng, 0.07, float(rng.integers(0, 25))),
        "Precipitation(in)": _or_none(rng, 0.31, round(float(rng.exponential(0.05)), 2) if wet else 0.0),
        "Weather_Condition": _or_none(rng, 0.024, _one(rng, SKIES[5:] if wet else SKIES[:5])),
        "Amenity": flags["Amenity"],
        "Bump": flags["Bump"],
        "Crossing": crossing,
        "Give_Way": flags["Give_Way"],
        "Junction": junction,
        "No_Exit": flags["No_Exit"],
        "Railway": flags["Railway"],
        "Roundabout": flags["Roundabout"],
        "Station": flags["Station"],
        "Stop": flags["Stop"],
        "Traffic_Calming": flags["Traffic_Calming"],
        "Traffic_Signal": signal,
        "Turning_Loop": False,
        **{f"{kind}": "Night" if night else "Day" for kind in ("Sunrise_Sunset", "Civil_Twilight")},
        **{f"{kind}_Twilight": "Night" if hour < 5 or hour > 20 else "Day" for kind in ("Nautical", "Astronomical")},
    }


def _street(rng: np.random.Generator, road: float) -> str:
    if road < 0.35:
        return f"I-{_one(rng, [5, 10, 25, 80, 95, 405])} {_one(rng, 'NSEW')}"
    if road < 0.55:
        return f"US Highway {rng.integers(1, 99)}"
    return _one(rng, ROADS)


def _time(rng: np.random.Generator, time: datetime, first_source: bool) -> str:
    """As the sources write it: Source1 now and then with nanoseconds, or with a point and nine zeros."""
    draw = rng.random()
    if not first_source or draw > 0.2:
        return f"{time:%Y-%m-%d %H:%M:%S}"
    return f"{time:%Y-%m-%d %H:%M:%S}.000000000" if draw > 0.03 else f"{time.month}/{time.day}/{time.year} {time:%H:%M}"


def _one(rng: np.random.Generator, values: Sequence[Any]) -> Any:
    return values[int(rng.integers(len(values)))]


def _or_none(rng: np.random.Generator, share: float, value: Any) -> Any:
    return None if rng.random() < share else value


def _spoil(rng: np.random.Generator, accident: dict[str, Any]) -> None:
    faults: list[tuple[str, Any]] = [
        *(("Start_Time", "0001-01-01 00:00:00"), ("Start_Time", "9999-12-31 23:59:59"), ("Start_Time", "soon")),
        *(("Start_Lat", "NaN"), ("Visibility(mi)", -1.0), ("Distance(mi)", "1,024.5")),
    ]
    column, value = _one(rng, faults)
    accident[column] = value
