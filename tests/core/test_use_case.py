import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from updraft.core.errors import UpdraftError
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


def test_all_mistakes_are_listed_at_once(copy: Path) -> None:
    text = break_use_case(copy, {"gate": {"rule": "best"}, "drift": {"psi": -1}, "owner": None})
    assert all(place in text for place in ("gate.rule", "drift.psi", "owner"))


def test_an_unknown_use_case_gets_a_suggestion() -> None:
    with pytest.raises(UpdraftError, match="Did you mean 'flights'"):
        load_use_case("fligths")
