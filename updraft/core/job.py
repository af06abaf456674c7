"""What every Spark job has in common: its arguments, its report, its exit code."""

import argparse
import ctypes
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from updraft.core.errors import UpdraftError
from updraft.core.interval import SNAPSHOT, Interval, given, parse_day, parse_interval
from updraft.core.ledger import NOBODY
from updraft.core.overrides import with_search, with_window
from updraft.core.reports import Report, write_error
from updraft.core.use_case import UseCase, load_use_case

PR_SET_PDEATHSIG = 1
NEWEST = "newest"


@dataclass(frozen=True)
class Arguments:
    """A job's arguments, the only thing besides reports that it shares with its DAG.

    Of a rollback: ``to`` which version, for which ``reason``, and ``by`` whom.
    """

    use_case: UseCase
    start: str | None
    end: str | None
    report: str
    to: int | None = None
    reason: str | None = None
    by: str | None = None

    @property
    def interval(self) -> Interval:
        """The partitions to work on, for the jobs that need them; of a snapshot all there is."""
        if self.use_case.unit is None:
            return Interval(SNAPSHOT, SNAPSHOT)
        return parse_interval(self.start, self.end, self.use_case.unit)

    @property
    def newest(self) -> bool:
        """Whether the newest partitions are meant, for the jobs that can find them."""
        return self.start in (None, NEWEST)

    @property
    def until(self) -> str | None:
        """The last day to look at, for the jobs that otherwise take the newest."""
        return str(parse_day(self.end, "end")) if self.end is not None and given(self.end) else None


def end_with_parent() -> None:
    """Let Linux end this process with the JVM that has started it, so that a killed task leaves nothing behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def parse_arguments(words: Sequence[str] | None = None, description: str | None = None) -> argparse.Namespace:
    """The arguments as they were given, by default to this process."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--use-case", required=True, help="name of a folder in use_cases/")
    parser.add_argument("--start", help=f"first day, e.g. 2013-01-01; {NEWEST}: the newest partitions")
    parser.add_argument("--end", help="last day, included; without it, the start alone")
    parser.add_argument(
        "--search", help='another search for this run, e.g. {"trials": 8}: keys of model.search, and algorithms'
    )
    parser.add_argument("--window", help="another drift.window, in partitions")
    parser.add_argument("--to", help=f"the version to go back to, {NOBODY}: to no champion; by default the champion before")
    parser.add_argument("--reason", help="why, for the ledger")
    parser.add_argument("--by", help="who asks for it, for the ledger")
    parser.add_argument("--report", required=True, help="where the report goes, relative to UPDRAFT_ROOT")
    return parser.parse_args(words)


def check_arguments(given_arguments: argparse.Namespace) -> Arguments:
    """What the arguments mean. A DAG asks this before it submits a job, so that a wrong form starts nothing.

    Raises:
        UpdraftError: the use case, a day or a value is wrong.
    """
    use_case = load_use_case(given_arguments.use_case)
    if given_arguments.search is not None:
        use_case = with_search(use_case, given_arguments.search)
    if given_arguments.window is not None:
        use_case = with_window(use_case, given_arguments.window)
    to = given_arguments.to if given(given_arguments.to) else None
    if to is not None and not to.isdecimal():
        raise UpdraftError(f"to: found {to!r}, expected the number of a version, such as 3, or {NOBODY} for no champion")
    start, end, said = given_arguments.start, given_arguments.end, [given_arguments.reason, given_arguments.by]
    reason, by = (one if given(one) else None for one in said)
    arguments = Arguments(use_case, start, end, given_arguments.report, None if to is None else int(to), reason, by)
    _ = arguments.until if arguments.newest else arguments.interval
    return arguments


def run_job(description: str | None, job: Callable[[Arguments], Report]) -> None:
    """Parse the arguments, run ``job``, write its report. Exit code 1 and one sentence when a user can mend it."""
    end_with_parent()
    given_arguments = parse_arguments(description=description)
    try:
        arguments = check_arguments(given_arguments)
        report = job(arguments)
        report.write(arguments.report)
        print(f"{report.outcome}: {report.model_dump_json(exclude={'use_case', 'outcome'})[:2000]}")
    except UpdraftError as error:
        print(f"ERROR {given_arguments.use_case}: {error}", file=sys.stderr)
        write_error(given_arguments.report, str(error))
        sys.exit(1)
    except Exception as error:
        write_error(given_arguments.report, f"{type(error).__name__}: {error}")
        raise
