import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from updraft.core.errors import UpdraftError
from updraft.core.sections.data_parts import Target
from updraft.core.settings import REPO, settings
from updraft.core.use_case import load_use_case, use_case_names


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the use case flights, to be broken by a test."""
    shutil.copytree(REPO / "use_cases", tmp_path / "use_cases")
    monkeypatch.setenv("UPDRAFT_USE_CASES", str(tmp_path / "use_cases"))
    settings.cache_clear()
    yield tmp_path / "use_cases" / "flights" / "use_case.yaml"
    settings.cache_clear()


def test_every_use_case_of_the_repository_is_valid() -> None:
    names = use_case_names()
    assert names
    for name in names:
        assert load_use_case(name).features_sql.strip()


def break_use_case(file: Path, change: dict[str, Any]) -> str:
    content = yaml.safe_load(file.read_text())
    for section, values in change.items():
        content[section] = {**content[section], **values} if isinstance(values, dict) else values
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(UpdraftError) as refused:
        load_use_case("flights")
    return str(refused.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modle": 1}, "Did you mean 'model'?"),
        ({"gate": {"min_gian": 0.1}}, "gate.min_gian"),
        ({"drift": {"windw": 7}}, "Did you mean 'window'?"),
        ({"data": {"key": ["carier"]}}, "Did you mean 'carrier'?"),
        ({"data": {"columns": {"label": "int"}}}, "Updraft's own columns"),
        ({"data": {"columns": {"__Partition": "int"}}}, "Updraft's own columns"),
        ({"data": {"known_after": ["origin"]}}, "known only after"),
        ({"data": {"files": "flights.xlsx"}}, "expected a name that ends in one of .csv"),
        ({"data": {"max_quarantine": 1.5}}, "less than or equal to 1"),
        ({"model": {"algorithms": {}}}, "algorithms"),
        ({"model": {"algorithms": {"lightgmb": {}}}}, "lightgmb"),
        (
            {
                "model": {
                    "algorithms": {
                        "lightgbm": {"fixed": {"num_leaves": 9}, "search": {"num_leaves": [7]}}
                    }
                }
            },
            "keep one",
        ),
        (
            {"model": {"search": {"method": "grid"}}},
            "grid needs lists of values, but ['regParam'] are ranges",
        ),
        (
            {
                "model": {
                    "search": {"method": "grid"},
                    "algorithms": {"lightgbm": {"search": {"max_depth": [1, 2, 3, 4, 5]}}},
                },
            },
            "the grid of lightgbm has 5 combinations",
        ),
        ({"model": {"search": {"minutes": 0}}}, "model.search.minutes"),
        ({"model": {"search": {"parralelism": 2}}}, "model.search.parralelism"),
        ({"kind": "binari"}, "kind"),
    ],
)
def test_a_mistake_is_named(copy: Path, change: dict[str, Any], message: str) -> None:
    assert message in break_use_case(copy, change)


MATURES = "expected a number of days or hours, such as 14 days or 36 hours"


@pytest.mark.parametrize(
    "text",
    ["14", "14d", "two weeks", "2 weeks", "1 month", "0 days", "-3 days", "1.5 days", "14  days",
     "P14D", "14 days 3 hours", " 14 days", "14 Days", "100000 days", 14, 14.0, True, ["14 days"]],
)  # fmt: skip
def test_a_duration_is_a_number_of_days_or_hours(copy: Path, text: Any) -> None:
    """A number without a unit would be seconds, and a month has no fixed length."""
    target = {**yaml.safe_load(copy.read_text())["data"]["target"], "matures": text}
    message = break_use_case(copy, {"data": {"target": target}})
    assert f"data.target.matures: {MATURES}" in message


@pytest.mark.parametrize(
    ("text", "hours"),
    [("14 days", 336), ("1 day", 24), ("36 hours", 36), ("1 hour", 1), ("45 days", 1080)],
)
def test_labels_mature_after_days_or_hours(text: str, hours: int) -> None:
    target = Target(name="late", sql="late", description="it is late", matures=text)  # type: ignore[arg-type]
    assert target.matures == timedelta(hours=hours)
    assert Target.model_validate(target.model_dump()) == target


def test_a_snapshot_has_no_labels_that_come_later(copy: Path) -> None:
    content = yaml.safe_load(copy.read_text())
    del content["schedule"]
    content["data"]["target"]["matures"] = "14 days"
    copy.write_text(yaml.safe_dump(content))
    with pytest.raises(UpdraftError, match=r"data\.target\.matures: a snapshot has no time"):
        load_use_case("flights")


def test_all_mistakes_are_listed_at_once(copy: Path) -> None:
    text = break_use_case(copy, {"gate": {"rule": "best"}, "drift": {"psi": -1}, "owner": None})
    assert all(place in text for place in ("gate.rule", "drift.psi", "owner"))


def test_an_unknown_use_case_gets_a_suggestion() -> None:
    with pytest.raises(UpdraftError, match="Did you mean 'flights'"):
        load_use_case("fligths")
