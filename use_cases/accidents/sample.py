"""Simulate accidents in the schema of the US accidents of 2016 to 2023 (Moosavi).

JSON lines of four years with 46 columns, many of them null.
"""

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from updraft.core.files import write_atomically

FIRST = date(2016, 1, 1)
DAYS = 1461


class Region(NamedTuple):
    """A state, where its accidents happen, and its share of all accidents."""

    state: str
    latitude: float
    longitude: float
    timezone: str
    cities: list[str]
    share: float


REGIONS = [
    Region(
        *("CA", 34.1, -118.2, "US/Pacific"),
        ["Los Angeles", "Pasadena", "Anaheim", "Long Beach"],
        0.24,
    ),
    Region("FL", 27.9, -81.7, "US/Eastern", ["Miami", "Orlando", "Tampa"], 0.14),
    Region("TX", 30.9, -97.3, "US/Central", ["Houston", "Dallas", "Austin"], 0.11),
    Region("SC", 34.0, -81.0, "US/Eastern", ["Columbia", "Charleston"], 0.08),
    Region("NY", 41.2, -74.0, "US/Eastern", ["New York", "Yonkers", "Albany"], 0.09),
    Region("VA", 37.6, -77.6, "US/Eastern", ["Richmond", "Arlington"], 0.08),
    Region("OR", 45.2, -122.8, "US/Pacific", ["Portland", "Salem"], 0.07),
    Region("GA", 33.7, -84.4, "US/Eastern", ["Atlanta", "Marietta"], 0.06),
    Region("IL", 41.8, -87.8, "US/Central", ["Chicago", "Joliet"], 0.07),
    Region("CO", 39.7, -104.9, "US/Mountain", ["Denver", "Boulder"], 0.06),
]
REGION_SHARES = np.array([region.share for region in REGIONS]).cumsum()
DRY_WEATHER = ["Fair", "Clear", "Mostly Cloudy", "Overcast", "Partly Cloudy"]
WET_WEATHER = ["Light Rain", "Rain", "Light Snow", "Fog"]
WINDS = ["CALM", "N", "S", "SSW", "W", "NW", "VAR", "East", "South", "Calm"]
STREETS = [
    *("Main St", "Oak Ave", "Lake Rd", "Park Blvd"),
    *("Mill Creek Rd", "Washington St", "County Line Rd", "2nd Ave"),
]
HOURLY_WEIGHTS = [
    *(2, 1, 1, 1, 2, 4, 7, 10, 10, 7, 6, 6),
    *(6, 6, 7, 9, 10, 10, 7, 5, 4, 3, 3, 2),
]
HOURS = np.array(HOURLY_WEIGHTS).cumsum() / sum(HOURLY_WEIGHTS)
# Share of the accidents near a feature of the road, for features that explain nothing.
FEATURE_SHARES = {
    "Amenity": 0.011,
    "Bump": 0.0005,
    "Give_Way": 0.002,
    "No_Exit": 0.002,
    "Railway": 0.006,
    "Roundabout": 0.0003,
    "Station": 0.024,
    "Stop": 0.03,
    "Traffic_Calming": 0.0005,
}
INTERSTATE = 0.35  # Share of the accidents on interstates.
HIGHWAY = 0.55  # The same for interstates and highways together.


def lay(
    folder: Path,
    *,
    rows: int = 12000,
    seed: int = 2016,
    drift: float = 1.0,
    first: date | None = None,
    last: date | None = None,
) -> int:
    """Write ``us_accidents.jsonl`` under ``folder``; return 1, the number of files.

    Equal arguments give equal bytes. Difficulties, as in the source: three formats of time, of
    which one has nanoseconds; many nulls; three in four accidents have severity 2. One line in
    two hundred is bad: a time that is missing or in the year 1 or 9999, a latitude that is NaN, a
    negative visibility, a distance with a comma.

    ``drift`` moves the reports from Source2, which reports higher severities, to Source1: at 1
    the share of Source1 rises from 0.3 in the first year to 0.9 in the last.
    """
    rng = np.random.default_rng(seed)
    offset = np.sort(rng.beta(1.3, 1, rows)) * DAYS
    lines = []
    for number, days in enumerate(offset):
        day = datetime(FIRST.year, FIRST.month, FIRST.day) + timedelta(days=int(days))
        accident = _accident(rng, number, day, _share_of_source1(days, drift))
        if rng.random() < 1 / 200:
            _corrupt(rng, accident)
        if (first or FIRST) <= day.date() <= (last or date.max):
            lines.append(json.dumps(accident))
    text = "".join(f"{line}\n" for line in lines)
    write_atomically(folder / "us_accidents.jsonl", text)
    return 1


def _share_of_source1(days: float, drift: float) -> float:
    progress = min(1, max(0, (days / DAYS - 0.25) / 0.65))
    return min(1, 0.3 + drift * 0.6 * progress)


def _accident(
    rng: np.random.Generator, number: int, day: datetime, share_of_source1: float
) -> dict[str, Any]:
    """Return one accident as the columns of its row."""
    hour = int(np.searchsorted(HOURS, rng.random()))
    start = day + timedelta(hours=hour, seconds=int(rng.integers(3600)))
    region = REGIONS[int(np.searchsorted(REGION_SHARES, rng.random()))]
    is_source1 = bool(rng.random() < share_of_source1)
    road = float(rng.random())  # An interstate below INTERSTATE, else a highway below HIGHWAY.
    is_interstate = road < INTERSTATE
    is_night = hour < 6 or hour > 19
    signal = bool(rng.random() < (0.03 if is_interstate else 0.2))
    crossing = bool(signal and rng.random() < 0.5)
    junction = bool(rng.random() < (0.16 if is_interstate else 0.04))
    is_wet = bool(rng.random() < 0.12)

    logits = np.array(
        [
            -6.2 + 3.8 * signal + 1.4 * (road > HIGHWAY),
            1.0,
            -1.9
            + 2.2 * (not is_source1)
            + 1.5 * is_interstate
            - 1.6 * signal
            + 0.5 * junction
            + 0.5 * (region.state == "GA"),
            -5.0
            + 1.2 * is_source1
            + 2.4 * is_night
            + 2.0 * (INTERSTATE < road < HIGHWAY)
            - 1.5 * signal
            + 0.4 * is_wet,
        ]
    )
    severity = int((logits + rng.gumbel(size=4)).argmax()) + 1

    distance = round(float(rng.exponential(0.7)), 3) if rng.random() < 0.6 else 0.0
    latitude = round(region.latitude + float(rng.normal(0, 0.8)), 6)
    longitude = round(region.longitude + float(rng.normal(0, 0.8)), 6)
    weather_time = start + timedelta(minutes=int(rng.integers(-40, 20)))
    season = np.cos(2 * np.pi * (start.timetuple().tm_yday - 200) / 365)
    temperature = round(62 + 20 * season + float(rng.normal(0, 10)), 1)
    has_end = rng.random() < 0.54
    street = _street(rng, road)
    features = {name: bool(rng.random() < share) for name, share in FEATURE_SHARES.items()}
    return {
        "ID": f"A-{number + 1}",
        "Source": _source(rng, is_source1),
        "Severity": severity,
        "Start_Time": _time(rng, start, is_source1),
        "End_Time": _time(rng, start + timedelta(minutes=int(rng.integers(20, 360))), is_source1),
        "Start_Lat": latitude,
        "Start_Lng": longitude,
        "End_Lat": round(latitude + distance / 100, 6) if has_end else None,
        "End_Lng": round(longitude + distance / 100, 6) if has_end else None,
        "Distance(mi)": distance,
        "Description": f"{_kind_of_accident(severity)} on {street}.",
        "Street": street,
        "City": _choice(rng, region.cities),
        "County": _choice(rng, region.cities),
        "State": region.state,
        "Zipcode": _zip_code(rng),
        "Country": "US",
        "Timezone": region.timezone,
        "Airport_Code": f"K{region.state}{_choice(rng, 'ABCD')}",
        "Weather_Timestamp": _or_none(rng, 0.017, f"{weather_time:%Y-%m-%d %H:%M:%S}"),
        "Temperature(F)": _or_none(rng, 0.024, temperature),
        "Wind_Chill(F)": _or_none(rng, 0.29, temperature),
        **_weather(rng, is_wet),
        "Amenity": features["Amenity"],
        "Bump": features["Bump"],
        "Crossing": crossing,
        "Give_Way": features["Give_Way"],
        "Junction": junction,
        "No_Exit": features["No_Exit"],
        "Railway": features["Railway"],
        "Roundabout": features["Roundabout"],
        "Station": features["Station"],
        "Stop": features["Stop"],
        "Traffic_Calming": features["Traffic_Calming"],
        "Traffic_Signal": signal,
        "Turning_Loop": False,
        **_daylight(hour, is_night),
    }


def _source(rng: np.random.Generator, is_source1: bool) -> str:
    if is_source1:
        return "Source1"
    return "Source3" if rng.random() < 0.03 else "Source2"


def _kind_of_accident(severity: int) -> str:
    return "Road closed due to accident" if severity == 4 else "Accident"


def _street(rng: np.random.Generator, road: float) -> str:
    if road < INTERSTATE:
        return f"I-{_choice(rng, [5, 10, 25, 80, 95, 405])} {_choice(rng, 'NSEW')}"
    if road < HIGHWAY:
        return f"US Highway {rng.integers(1, 99)}"
    return str(_choice(rng, STREETS))


def _zip_code(rng: np.random.Generator) -> str:
    code = f"{rng.integers(10000, 99999)}"
    return f"{code}-{rng.integers(1000, 9999)}" if rng.random() < 0.3 else code


def _weather(rng: np.random.Generator, is_wet: bool) -> dict[str, Any]:
    """Return the columns of the weather report that come after the temperatures."""
    humidity = float(rng.integers(15, 101))
    weather = {"Humidity(%)": _or_none(rng, 0.027, humidity)}
    pressure = round(float(rng.normal(29.5, 0.9)), 2)
    weather["Pressure(in)"] = _or_none(rng, 0.018, pressure)
    visibility = _choice(rng, [1.0, 2.0, 5.0, 7.0]) if is_wet else 10.0
    weather["Visibility(mi)"] = _or_none(rng, 0.023, visibility)
    weather["Wind_Direction"] = _or_none(rng, 0.022, _choice(rng, WINDS))
    weather["Wind_Speed(mph)"] = _or_none(rng, 0.07, float(rng.integers(0, 25)))
    precipitation = round(float(rng.exponential(0.05)), 2) if is_wet else 0.0
    weather["Precipitation(in)"] = _or_none(rng, 0.31, precipitation)
    condition = _choice(rng, WET_WEATHER if is_wet else DRY_WEATHER)
    weather["Weather_Condition"] = _or_none(rng, 0.024, condition)
    return weather


def _daylight(hour: int, is_night: bool) -> dict[str, str]:
    night = "Night" if is_night else "Day"
    dark = "Night" if hour < 5 or hour > 20 else "Day"
    return {
        "Sunrise_Sunset": night,
        "Civil_Twilight": night,
        "Nautical_Twilight": dark,
        "Astronomical_Twilight": dark,
    }


def _time(rng: np.random.Generator, time: datetime, is_source1: bool) -> str:
    """Format a time as its source does: Source1 uses two more formats now and then."""
    draw = rng.random()
    if not is_source1 or draw > 0.2:
        return f"{time:%Y-%m-%d %H:%M:%S}"
    if draw > 0.03:
        return f"{time:%Y-%m-%d %H:%M:%S}.000000000"
    return f"{time.month}/{time.day}/{time.year} {time:%H:%M}"


def _choice(rng: np.random.Generator, values: Sequence[Any]) -> Any:
    return values[int(rng.integers(len(values)))]


def _or_none(rng: np.random.Generator, share: float, value: Any) -> Any:
    """Return the value or, for a share of the rows, None."""
    return None if rng.random() < share else value


def _corrupt(rng: np.random.Generator, accident: dict[str, Any]) -> None:
    """Put a bad value into one column."""
    faults = [
        ("Start_Time", "0001-01-01 00:00:00"),
        ("Start_Time", "9999-12-31 23:59:59"),
        ("Start_Time", "soon"),
        ("Start_Lat", "NaN"),
        ("Visibility(mi)", -1.0),
        ("Distance(mi)", "1,024.5"),
    ]
    column, value = _choice(rng, faults)
    accident[column] = value
