"""The app that serves the pages of jobs (Data Docs, drift reports), and a list of them.

It runs under Airflow's own login. A page is drawn from raw data, so it is not trusted: the browser
gives it an origin of its own, no network and no cookie.
"""

import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity
from airflow.api_fastapi.core_api.security import (
    GetUserDep,
    requires_access_dag,
    requires_access_view,
)
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader
from upath import UPath

from updraft.core.pages import PAGES
from updraft.core.settings import settings

MAX_PAGES = 200  # In the list.
# What Airflow allows in ids, but no leading dot.
ID = re.compile(r"[A-Za-z0-9_~:+-][A-Za-z0-9_.~:+-]*")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}
# Evidently's page is a program, with all of its parts in the file; it may run, and load nothing.
PAGE_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; frame-ancestors 'self'"
)
LIST_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
TEMPLATES = Environment(
    autoescape=True, loader=FileSystemLoader(Path(__file__).parent / "templates")
)


class Page(NamedTuple):
    """A page of a run, as the list shows it. ``address`` is relative to the address of the list."""

    written: str
    dag_id: str
    run_id: str
    title: str
    address: str


@cache
def pages_app() -> FastAPI:
    """The app, to be mounted by Airflow's API server."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/", dependencies=[Depends(requires_access_view(AccessView.PLUGINS))])
    def newest(user: GetUserDep) -> HTMLResponse:
        readable = get_auth_manager().get_authorized_dag_ids(user=user, method="GET")
        pages = [page for page in _pages() if page.dag_id in readable]
        text = render_list(pages[:MAX_PAGES])
        return HTMLResponse(text, headers={**HEADERS, "Content-Security-Policy": LIST_POLICY})

    may_read_run = requires_access_dag(method="GET", access_entity=DagAccessEntity.RUN)

    @app.get("/{dag_id}/{run_id}/{file}", dependencies=[Depends(may_read_run)])
    def page(dag_id: str, run_id: str, file: str) -> HTMLResponse:
        path = _page_path(dag_id, run_id, file)
        if path is None:
            raise HTTPException(
                404,
                "There is no such page. "
                "It may have been deleted, or its run has not written it yet.",
            )
        content = path.read_bytes()
        return HTMLResponse(content, headers={**HEADERS, "Content-Security-Policy": PAGE_POLICY})

    return app


def render_list(pages: list[Page]) -> str:
    """The list of pages as HTML, in which every value is escaped."""
    return TEMPLATES.get_template("reports.html").render(pages=pages)


def _page_path(dag_id: str, run_id: str, file: str) -> UPath | None:
    """The page that a browser asks for; None if its name or its real location is not a page's."""
    is_page = file.endswith(".html") and file.removesuffix(".html") in PAGES
    if not (is_page and ID.fullmatch(dag_id) and ID.fullmatch(run_id)):
        return None
    folder = settings().path("reports").resolve()
    path = (folder / dag_id / run_id / file).resolve()
    return path if path.is_relative_to(folder) and path.is_file() else None


def _pages() -> list[Page]:
    """All pages, the newest first."""
    pages = []
    for job, title in PAGES.items():
        for path in settings().path("reports").glob(f"*/*/{job}.html"):
            dag_id, run_id = path.parts[-3:-1]
            written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            address = quote(f"{dag_id}/{run_id}/{job}.html")
            pages.append(
                Page(written.strftime("%Y-%m-%d %H:%M:%S"), dag_id, run_id, title, address)
            )
    return sorted(pages, reverse=True)
