"""The app that serves the pages of jobs (Data Docs, drift reports) under Airflow's own login, and a list of them.

A page is drawn from raw data, so it is not trusted: the browser gives it an origin of its own, no network and no cookie.
"""

import re
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple
from urllib.parse import quote

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag, requires_access_view
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import HTMLResponse
from jinja2 import Environment
from upath import UPath

from updraft.core.pages import PAGES
from updraft.core.settings import settings

NEWEST = 200
ID = re.compile(r"[A-Za-z0-9_~:+-][A-Za-z0-9_.~:+-]*")  # What Airflow allows in ids, but no leading dot.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}
# Evidently's page is a program, with all of its parts in the file; it may run, and reach nothing.
SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; frame-ancestors 'self'"
)
LIST_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
LIST = Environment(autoescape=True).from_string("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Reports</title><style>
:root { color-scheme: light dark; } body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; max-width: 70rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .4rem 1rem .4rem 0; }
tr { border-bottom: 1px solid color-mix(in srgb, currentcolor 20%, transparent); } td { overflow-wrap: anywhere; }
a { color: light-dark(#0059b3, #7ab8ff); } th, .when { white-space: nowrap; }
</style></head><body>
<h1>Reports</h1>
<p>What the newest runs have found: how the rows were checked, how far they have drifted from what was learnt.</p>
{% if pages %}<table><thead><tr><th>Report</th><th>DAG</th><th>Run</th><th>Written (UTC)</th></tr></thead><tbody>
{% for page in pages %}<tr><td class="when"><a href="{{ page.address }}">{{ page.title }}</a></td><td>{{ page.dag_id }}</td>
<td>{{ page.run_id }}</td><td class="when">{{ page.written }}</td></tr>
{% endfor %}</tbody></table>{% else %}<p>There is none yet: run a data DAG.</p>{% endif %}
</body></html>
""")


class Page(NamedTuple):
    """A page of a run, as the list shows it. ``address`` is relative to the list's."""

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
        text = LIST.render(pages=[page for page in _pages() if page.dag_id in readable][:NEWEST])
        return HTMLResponse(text, headers={**HEADERS, "Content-Security-Policy": LIST_POLICY})

    readable_run = requires_access_dag(method="GET", access_entity=DagAccessEntity.RUN)

    @app.get("/{dag_id}/{run_id}/{file}", dependencies=[Depends(readable_run)])
    def page(dag_id: str, run_id: str, file: str) -> HTMLResponse:
        path = _find(dag_id, run_id, file)
        if path is None:
            raise HTTPException(404, "There is no such page. It may have been deleted, or its run has not written it yet.")
        return HTMLResponse(path.read_bytes(), headers={**HEADERS, "Content-Security-Policy": SANDBOX})

    return app


def _find(dag_id: str, run_id: str, file: str) -> UPath | None:
    """The page that a browser asks for, if it is one: by its name, and by where it really lies."""
    known = file.removesuffix(".html") in PAGES and file.endswith(".html")
    if not (known and ID.fullmatch(dag_id) and ID.fullmatch(run_id)):
        return None
    folder = settings().path("reports").resolve()
    path = (folder / dag_id / run_id / file).resolve()
    return path if path.is_relative_to(folder) and path.is_file() else None


def _pages() -> list[Page]:
    """All pages, the newest first."""
    found = []
    for job, title in PAGES.items():
        for path in settings().path("reports").glob(f"*/*/{job}.html"):
            dag_id, run_id = path.parts[-3:-1]
            written = datetime.fromtimestamp(path.stat().st_mtime, UTC).strftime("%Y-%m-%d %H:%M:%S")
            found.append(Page(written, dag_id, run_id, title, quote(f"{dag_id}/{run_id}/{job}.html")))
    return sorted(found, reverse=True)
