"""The list of pages, without a server."""

from updraft.pages.reports import Page, render_list


def test_the_list_escapes_every_value() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    page = Page(
        written=hostile, dag_id=hostile, run_id=hostile, title=hostile, address=f'"{hostile}'
    )
    text = render_list([page])
    assert text.count("&lt;img") == 5
    assert "<img" not in text


def test_an_empty_list_says_what_to_do() -> None:
    assert "run a data DAG" in render_list([])
