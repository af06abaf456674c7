"""What Airflow's UI gains: the pages of jobs (Data Docs, drift reports), and a list of them."""

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin
from updraft.core.pages import PREFIX


async def pages(scope: Any, receive: Any, send: Any) -> None:
    """Serve a request.

    The process of every task reads this file, so what only the API server needs is imported here.
    """
    from updraft.pages.reports import pages_app

    await pages_app()(scope, receive, send)


class UpdraftPages(AirflowPlugin):
    """Registered by Airflow when it starts."""

    name = "updraft_pages"
    fastapi_apps = ({"app": pages, "url_prefix": PREFIX, "name": "Updraft's pages"},)
    external_views: ClassVar = [
        {"name": "Reports", "href": f"{PREFIX}/", "destination": "nav", "url_route": "reports"}
    ]
