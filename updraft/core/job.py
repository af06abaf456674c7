"""What all Spark jobs have in common: arguments, logging, report and exit code."""

import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable

from updraft.core.arguments import ArgumentsT, UsageError, split_arguments
from updraft.core.errors import UpdraftError
from updraft.core.report_files import write_error
from updraft.core.reports import Report

PR_SET_PDEATHSIG = 1
LOGGED_LENGTH = 2000
PRIVATE = 0o077  # Reports and pages hold raw values.

log = logging.getLogger(__name__)


def run_job(
    arguments_type: type[ArgumentsT],
    job: Callable[[ArgumentsT], Report],
    description: str | None = None,
) -> None:
    """Parse the arguments of this process, run a job and write its report.

    When a user can fix what is wrong, the process ends with code 1 and one sentence; with code 2 if
    the words of the command line are not the job's arguments.

    Args:
        arguments_type: The model of the job's arguments.
        job: Does the work and returns the report.
        description: What the job does, for ``--help``.
    """
    end_with_parent()
    os.umask(PRIVATE)
    _log_to_stdout()
    try:
        values = split_arguments(arguments_type, description=description)
    except UsageError as error:
        print(f"ERROR {error}", file=sys.stderr)
        sys.exit(2)
    try:
        arguments = arguments_type.model_validate(values)
        report = job(arguments)
        report.write(arguments.report)
        content = report.model_dump_json(exclude={"use_case", "outcome"})
        log.info("%s: %s", report.outcome, content[:LOGGED_LENGTH])
    except UpdraftError as error:
        print(f"ERROR {values['use_case']}: {error}", file=sys.stderr)
        write_error(values["report"], str(error))
        sys.exit(1)
    except Exception as error:
        write_error(values["report"], f"{type(error).__name__}: {error}")
        raise


def end_with_parent() -> None:
    """Let Linux kill this process when its parent ends.

    The parent of a job is the JVM that started it, so a killed task leaves no process behind.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _log_to_stdout() -> None:
    """Let the messages of this package go to stdout, from where Airflow takes them."""
    logger = logging.getLogger("updraft")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # Otherwise a library that configures the root logger doubles them.
