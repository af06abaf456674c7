"""Small files are written completely or not at all."""

import stat
from pathlib import Path

import pytest
from upath import UPath

from updraft.core.errors import UpdraftError
from updraft.core.files import load_module, write_atomically


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "report.json"
    write_atomically(file, "first")
    write_atomically(UPath(file), "zweiter ä")
    assert file.read_text(encoding="utf-8") == "zweiter ä"
    assert list(file.parent.iterdir()) == [file]


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    write_atomically(file, "first")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(file, "\ud800")
    assert file.read_text() == "first"
    assert list(tmp_path.iterdir()) == [file]


def test_a_private_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    private = tmp_path / "secrets.json"
    public = tmp_path / "report.json"
    public.touch()
    write_atomically(private, "secret", private=True)
    write_atomically(public, "report")
    assert mode(private) == 0o600
    assert mode(public) & 0o444 != 0o400, "like any other new file"


def test_an_object_store_gets_the_object() -> None:
    path = UPath("memory://bucket/reports/x.json")
    write_atomically(path, "{}")
    assert path.read_text() == "{}"
    assert [file.name for file in path.parent.iterdir()] == ["x.json"]


def test_a_file_becomes_a_module(tmp_path: Path) -> None:
    file = tmp_path / "sample.py"
    file.write_text("NUMBER = 3\n")
    module = load_module(file, "sample_of_a_test")
    assert (module.NUMBER, module.__name__) == (3, "sample_of_a_test")


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UpdraftError, match=r"sample\.py: not found"):
        load_module(tmp_path / "sample.py", "sample_of_a_test")
