"""The pages of jobs are for users who are logged in, and nothing else is served."""

import http.client
from pathlib import Path

import httpx
import pytest

from updraft.cli.airflow_api import AirflowApi
from updraft.cli.servers import Servers

RUN = "manual__2013-01-15T00:00:00+00:00"
PAGE = f"/pages/flights_data/{RUN}/validate.html"


@pytest.fixture(scope="module")
def reports(root: Path, running: Servers) -> Path:
    """A run's page, and what must not be served.

    That is another file of the run, files elsewhere, and a link that leads out.
    """
    folder = root / "reports" / "flights_data" / RUN
    folder.mkdir(parents=True)
    (folder / "validate.html").write_text("<p>What was found</p>")
    (folder / "validate.json").write_text("{}")
    (folder / "other.html").write_text("secret")
    (root / "reports" / "validate.html").write_text("secret")
    (root / "validate.html").write_text("secret")
    outside = root / "outside"
    outside.mkdir()
    (outside / "validate.html").write_text("secret")
    (root / "reports" / "flights_data" / "link").symlink_to(outside)
    return folder


def get(api: AirflowApi, address: str) -> tuple[int, str]:
    """Request an address exactly as it is: httpx would normalize it first."""
    server = api.client.base_url
    connection = http.client.HTTPConnection(str(server.host), server.port)
    connection.putrequest("GET", address, skip_accept_encoding=True)
    connection.putheader("Authorization", api.client.headers["Authorization"])
    connection.endheaders()
    response = connection.getresponse()
    return response.status, response.read().decode(errors="replace")


def test_anonymous_visitors_see_nothing(api: AirflowApi, running: Servers, reports: Path) -> None:
    for address in ("/pages/", PAGE, "/pages/flights_data/none/validate.html"):
        response = httpx.get(f"{running.airflow}{address}", follow_redirects=True)
        assert response.status_code == 401, address
        assert "What was found" not in response.text
    forged = httpx.get(f"{running.airflow}{PAGE}", cookies={"_token": "forged"})
    assert forged.status_code in (401, 403)


def test_a_page_is_sandboxed_content_and_not_part_of_airflow(
    api: AirflowApi, reports: Path
) -> None:
    response = api.client.get(PAGE)
    assert (response.status_code, response.text) == (200, "<p>What was found</p>")
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["x-content-type-options"] == "nosniff"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-same-origin" not in policy
    assert get(api, PAGE.replace("+", "%2B").replace(":", "%3A"))[0] == 200


def test_the_list_names_the_page_and_escapes_what_it_shows(api: AirflowApi, reports: Path) -> None:
    response = api.client.get("/pages/")
    assert response.status_code == 200
    assert "Data Docs" in response.text
    assert "flights_data/manual__2013-01-15T00%3A00%3A00%2B00%3A00/validate.html" in response.text
    # Other files in the folders are not pages of runs.
    assert "other" not in response.text


@pytest.mark.parametrize(
    "address",
    [
        f"/pages/flights_data/{RUN}/validate.json",
        f"/pages/flights_data/{RUN}/other.html",
        f"/pages/flights_data/{RUN}/validate",
        f"/pages/flights_data/{RUN}/.html",
        f"/pages/flights_data/{RUN}/validate.html/",
        f"/pages/flights_data/{RUN}/validate.html%00.json",
        "/pages/flights_data/../validate.html",
        "/pages/flights_data/%2e%2e/validate.html",
        "/pages/../reports/validate.html",
        "/pages/%2e%2e/%2e%2e/validate.html",
        "/pages/..%2f..%2f/x/validate.html",
        "/pages/flights_data/..%5c../validate.html",
        "/pages//flights_data/validate.html",
        "/pages/flights_data/link/validate.html",
        "/pages/flights_data/none/validate.html",
        "/pages/file:%2f%2f%2fetc/passwd/validate.html",
        "/pages/%2fetc%2fpasswd",
    ],
)
def test_nothing_else_is_served(api: AirflowApi, reports: Path, root: Path, address: str) -> None:
    status, text = get(api, address)
    assert "secret" not in text
    assert "root:" not in text
    assert status in (307, 403, 404) or "<title>Airflow" in text, (status, text[:200])
