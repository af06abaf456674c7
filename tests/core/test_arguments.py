"""The arguments of each job: parsed from words, checked before anything starts."""

import importlib
import inspect
import sys

import pytest
from pydantic import ValidationError

from tests.conftest import run
from updraft.core.arguments import (
    ARGUMENTS,
    JobArguments,
    MonitoringArguments,
    PartitionArguments,
    ReleaseArguments,
    RollbackArguments,
    ScoreArguments,
    TrainingArguments,
    UsageError,
    parse_arguments,
)
from updraft.core.errors import UpdraftError
from updraft.core.interval import SNAPSHOT, Interval, parse_interval
from updraft.core.settings import REPO
from updraft.core.use_case import UseCase, load_use_case

WORDS = ["--use-case", "flights", "--report", "reports/x.json"]


def test_every_job_has_arguments() -> None:
    scripts = {file.stem for file in (REPO / "spark_jobs").glob("*.py")}
    assert set(ARGUMENTS) == scripts


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_job_takes_the_arguments_that_its_dag_checks(name: str) -> None:
    script = importlib.import_module(f"spark_jobs.{name}")
    taken = inspect.signature(script.job).parameters["arguments"].annotation
    assert taken is ARGUMENTS[name]
    assert f"run_job({taken.__name__}, job, __doc__)" in inspect.getsource(script)


def test_a_jobs_arguments_are_checked_together() -> None:
    training = parse_arguments(
        TrainingArguments, [*WORDS, "--search", '{"trials": 9}', "--end", "None"]
    )
    drift = parse_arguments(MonitoringArguments, [*WORDS, "--window", "3"])
    assert (training.use_case.model.search.trials, training.until) == (9, None)
    assert drift.use_case.drift.window == 3
    with pytest.raises(UpdraftError, match="no data interval"):
        parse_arguments(PartitionArguments, [*WORDS, "--start", "None"])
    for arguments_type in (TrainingArguments, ScoreArguments):
        with pytest.raises(UpdraftError, match="in the future"):
            parse_arguments(arguments_type, [*WORDS, "--end", "2999-01-01"])


@pytest.mark.parametrize("missing", ["", "None"])
def test_missing_values_of_templates_are_none(missing: str) -> None:
    words = ["--to=3", "--reason=complaints", f"--by={missing}"]
    assert parse_arguments(RollbackArguments, [*WORDS, *words]).by is None
    days = ["--start=2013-01-01", f"--end={missing}"]
    interval = parse_arguments(PartitionArguments, [*WORDS, *days]).interval
    assert interval == parse_interval("2013-01-01", None)


def test_a_value_may_begin_with_a_dash() -> None:
    words = ["--reason=--to=3 was wrong", "--to=3"]
    arguments = parse_arguments(RollbackArguments, [*WORDS, *words])
    assert (arguments.to, arguments.reason) == (3, "--to=3 was wrong")


@pytest.mark.parametrize("value", ["", "None"])
def test_a_value_that_a_template_has_lost_does_not_mean_the_default(value: str) -> None:
    """An empty day must not score other days, an empty search not be the use case's own."""
    with pytest.raises(UpdraftError, match="start: found none"):
        parse_arguments(ScoreArguments, [*WORDS, f"--start={value}", "--end=2013-01-01"])
    with pytest.raises(UpdraftError, match="search: found"):
        parse_arguments(TrainingArguments, [*WORDS, f"--search={value}"])
    with pytest.raises(UpdraftError, match="window"):
        parse_arguments(MonitoringArguments, [*WORDS, f"--window={value}"])
    with pytest.raises(UpdraftError, match=r"to: found .*, expected the number of a version"):
        parse_arguments(RollbackArguments, [*WORDS, f"--to={value}", "--reason=complaints"])
    with pytest.raises(UpdraftError, match=r"version: found .*, expected the number of a version"):
        parse_arguments(ReleaseArguments, [*WORDS, f"--version={value}", "--reason=fixed"])
    for arguments_type, words in ((RollbackArguments, ["--to=3"]), (ReleaseArguments, [])):
        with pytest.raises(UpdraftError, match="reason: found none, expected why"):
            parse_arguments(arguments_type, [*WORDS, *words, f"--reason={value}"])


def test_monitoring_looks_at_the_newest_day_or_at_a_history() -> None:
    days = ["--start=2013-03-01", "--end=2013-03-31"]
    history = parse_arguments(MonitoringArguments, [*WORDS, *days]).replayed
    assert history == parse_interval("2013-03-01", "2013-03-31")
    newest = parse_arguments(MonitoringArguments, [*WORDS, "--start=None", "--end=None"])
    assert newest.replayed is None
    for days, message in (
        (["--end=2013-03-31"], "end: found 2013-03-31 without a first day"),
        (["--start=2013-03-31", "--end=2013-03-01"], "end"),
        (["--start=2999-01-01"], "in the future"),
    ):
        with pytest.raises(UpdraftError, match=message):
            parse_arguments(MonitoringArguments, [*WORDS, *days])


def test_a_rollback_without_a_version_is_refused() -> None:
    with pytest.raises(UsageError, match="--to"):
        parse_arguments(RollbackArguments, [*WORDS, "--reason=complaints"])


@pytest.mark.parametrize("to", ["-1", "the one before", "1.5"])
def test_a_version_is_a_number(to: str) -> None:
    with pytest.raises(UpdraftError, match="expected the number of a version"):
        parse_arguments(RollbackArguments, [*WORDS, f"--to={to}", "--reason=complaints"])


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ("ingest", ["--start=2013-01-01", "--to=3"]),
        ("ingest", ["--star=2013-01-01"]),
        ("gate", ["--start=2013-01-01"]),
        ("drift", ["--to=3"]),
    ],
)
def test_an_argument_that_a_job_does_not_have_is_refused(job: str, words: list[str]) -> None:
    with pytest.raises(UsageError, match=f"{words[-1]}. The arguments of this job are"):
        parse_arguments(ARGUMENTS[job], [*WORDS, *words])
    command = [sys.executable, str(REPO / "spark_jobs" / f"{job}.py"), *WORDS, *words]
    ended = run(*command)
    assert ended.returncode == 2
    assert f"ERROR unrecognized arguments: {words[-1]}" in ended.stderr


def test_arguments_that_are_missing_are_refused() -> None:
    with pytest.raises(UsageError, match="--report"):
        parse_arguments(JobArguments, ["--use-case", "flights"])


@pytest.mark.parametrize("arguments_type", list(dict.fromkeys(ARGUMENTS.values())))
def test_help_explains_every_argument(
    arguments_type: type[JobArguments], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(arguments_type, ["--help"], "What the job does.")
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "What the job does." in text
    for name, field in arguments_type.model_fields.items():
        assert f"--{name.replace('_', '-')}" in text
        assert field.description
        assert field.description in text


def test_score_takes_the_newest_partitions_unless_it_gets_days(flights: UseCase) -> None:
    newest = ScoreArguments(use_case=flights, report="x.json", end="2013-02-01")
    assert (newest.newest, newest.until) == (True, "2013-02-01")
    assert ScoreArguments(use_case=flights, report="x.json").newest
    days = ScoreArguments(use_case=flights, report="x.json", start="2013-01-01", end="2013-01-02")
    assert not days.newest
    assert days.interval == parse_interval("2013-01-01", "2013-01-02")


def test_a_snapshot_ignores_days() -> None:
    snapshot = load_use_case("churn")
    assert snapshot.unit is None
    arguments = PartitionArguments(use_case=snapshot, report="x.json", start="yesterday")
    assert arguments.interval == Interval(SNAPSHOT, SNAPSHOT)


def test_arguments_are_strict_and_immutable(flights: UseCase) -> None:
    with pytest.raises(ValidationError):
        PartitionArguments(use_case=flights, report="x.json", start=20130101)  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        JobArguments(use_case=flights, report="x.json", start="2013-01-01")  # type: ignore[call-arg]
    arguments = JobArguments(use_case=flights, report="x.json")
    with pytest.raises(ValidationError):
        arguments.report = "y.json"  # type: ignore[misc]
