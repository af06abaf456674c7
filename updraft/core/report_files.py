"""Where a job's files are: its report, its error message and its page for people."""

import re

from upath import UPath

from updraft.core.files import write_atomically
from updraft.core.locations import Location
from updraft.core.settings import settings

OF_DAG_RUN = re.compile(r"reports/(?P<dag>[^/]+)/(?P<run>[^/]+)/[^/]+\.json")
ERROR_LENGTH = 2000  # Spark's messages can contain complete query plans.


def report_uri(dag_id: str, run_id: str, job: str) -> str:
    """Return where a job of a DAG run writes its report, relative to ``UPDRAFT_ROOT``."""
    return f"reports/{dag_id}/{run_id}/{job}.json"


def is_of_dag_run(uri: str) -> bool:
    """Return whether a report is that of a job of a DAG run, and not of one that ran by hand."""
    return OF_DAG_RUN.fullmatch(uri) is not None


def report_path(uri: str) -> UPath:
    """Return the path of a report; a relative ``uri`` is below ``UPDRAFT_ROOT``."""
    return Location.of(uri, settings().path()).path


def error_path(uri: str) -> UPath:
    """Return where a job that fails explains why there is no report."""
    return report_path(uri).with_suffix(".error.txt")


def page_uri(uri: str) -> str:
    """Return where a job writes its page for people, in the spelling of its report's ``uri``."""
    return uri.removesuffix(".json") + ".html"


def page_path(uri: str) -> UPath:
    """Return the path of a job's page for people, next to its report."""
    return report_path(page_uri(uri))


def write_error(uri: str, text: str) -> None:
    """Explain to the DAG why there is no report."""
    write_atomically(error_path(uri), text[:ERROR_LENGTH])
