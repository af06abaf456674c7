"""One location, in the spelling of each library."""

from pathlib import Path

import pytest

from updraft.core.errors import UpdraftError
from updraft.core.locations import Location
from updraft.core.settings import settings


@pytest.mark.parametrize("text", ["/data/a b/x.csv", "file:///data/a b/x.csv"])
def test_a_local_file_is_a_path_for_every_library(text: str) -> None:
    location = Location.of(text)
    assert location.is_local
    assert location.local == Path("/data/a b/x.csv")
    assert location.spark == location.deltalake == str(location) == "/data/a b/x.csv"
    assert location.uri == "file:///data/a%20b/x.csv"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("landing/x", "/base/landing/x"),
        ("/data/x", "/data/x"),
        ("file:///data/x", "/data/x"),
        ("file:/data/x", "/data/x"),
        ("file:///data/a%20b/%25", "/data/a b/%"),
        ("/data/a%20b", "/data/a%20b"),
    ],
)
def test_relative_paths_are_below_the_base_and_file_uris_are_decoded(text: str, path: str) -> None:
    assert Location.of(text, Path("/base")).local == Path(path)


def test_a_relative_path_below_a_store_is_in_that_store() -> None:
    store = Location.of("s3://bucket/root").path
    assert Location.of("reports/x.json", store).spark == "s3a://bucket/root/reports/x.json"
    assert Location.of("/data/x.json", store).spark == "/data/x.json"


def test_deltalake_reaches_an_unencrypted_store_only_on_demand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    location = Location.of("s3://bucket/tables")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert location.storage_options == {"allow_http": "false"}
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")
    assert location.storage_options == {"allow_http": "true"}
    assert Location.of("/data").storage_options is None


@pytest.mark.parametrize("protocol", ["s3", "s3a"])
def test_s3_is_spelt_as_each_library_expects(protocol: str) -> None:
    location = Location.of(f"{protocol}://bucket/tables") / "flights"
    assert not location.is_local
    assert location.spark == location.uri == str(location) == "s3a://bucket/tables/flights"
    assert location.deltalake == "s3://bucket/tables/flights"


def test_other_stores_have_one_spelling() -> None:
    location = Location.of("memory://bucket/tables")
    assert location.spark == location.deltalake == location.uri == "memory://bucket/tables"


def test_a_uri_is_not_on_this_machine() -> None:
    with pytest.raises(UpdraftError, match="s3a://bucket/key: found a URI, expected a folder"):
        _ = Location.of("s3://bucket/key").local


def test_globs_are_escaped_for_hadoop() -> None:
    location = Location.of("/data/{2013}[a]*?.csv")
    assert location.spark_literal == r"/data/\{2013\}\[a\]\*\?.csv"
    assert location.spark == "/data/{2013}[a]*?.csv"


def test_tables_are_below_the_root(root: Path) -> None:
    assert settings().table("flights", "bronze").local == root / "tables" / "flights" / "bronze"
    assert settings().location("landing") == Location.of(root / "landing")
