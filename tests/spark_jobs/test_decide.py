"""The job that decides after monitoring, on real tables and reports; it starts no Spark."""

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from spark_jobs import decide
from updraft.core.arguments import DecideArguments
from updraft.core.errors import UpdraftError
from updraft.core.interval import SNAPSHOT, Interval
from updraft.core.ledger import Entry
from updraft.core.manifest import Manifest
from updraft.core.reports import (
    DayDiagnosis,
    DecayLook,
    DecayReport,
    DecideReport,
    DiagnoseReport,
    DriftReport,
    WindowDrift,
)
from updraft.core.schema import EVENT_DATE, FEATURES
from updraft.core.sections import Retraining
from updraft.core.settings import REPO
from updraft.core.triggers import Cause
from updraft.core.use_case import UseCase, load_use_case
from updraft.data.ledger import DeltaLedger
from updraft.data.tables import Table
from updraft.data.triggers import Triggers
from updraft.models.versions import FEATURES_TABLE, FEATURES_VERSION

FIRST = date(2013, 5, 1)
HOLDOUT = (date(2013, 5, 25), date(2013, 5, 31))
DAY = date(2013, 6, 30)
TRAINED = Entry(
    number=0,
    key="t",
    time=datetime(2013, 6, 1, tzinfo=UTC),
    event="trained",
    version=1,
    from_version=None,
    to_version=None,
    by="flights_training one",
    reasons=[],
    evidence=None,
    run_id="run of 1",
    features_version=0,
    code="c",
    holdout_first=HOLDOUT[0],
    holdout_last=HOLDOUT[1],
)
PROMOTED = TRAINED._replace(key="p", event="promoted", to_version=1)
Verdicts = Sequence[bool | None]
Y, N, U = True, False, None


def write_features(use_case: UseCase, days: Sequence[date]) -> None:
    """A features table with a row for each day; written again, it is another version."""
    rows = pa.table({EVENT_DATE: pa.array(days, pa.date32()), "row_id": [str(day) for day in days]})
    location = Table(use_case, FEATURES).location.deltalake
    write_deltalake(location, rows, mode="overwrite", partition_by=[EVENT_DATE])


def enter(use_case: UseCase, *entries: Entry) -> None:
    with DeltaLedger(use_case).hold() as held:
        for entry in entries:
            held.add(entry, held.entries())


def uri(use_case: UseCase, run: str, job: str) -> str:
    return f"reports/{use_case.name}_monitoring/{run}/{job}.json"


def days_until(last: date, number: int) -> list[date]:
    return [last - timedelta(days=ago) for ago in range(number)][::-1]


def report_drift(
    use_case: UseCase, run: str, verdicts: Verdicts, last: date = DAY, champion: int | None = 1
) -> None:
    windows = [
        WindowDrift(day=day, detected=verdict, judged=9)
        for day, verdict in zip(days_until(last, len(verdicts)), verdicts, strict=True)
    ]
    report = DriftReport(use_case=use_case.name, champion=champion, windows=windows)
    report.write(uri(use_case, run, "drift"))


def report_decay(
    use_case: UseCase,
    run: str,
    verdicts: Verdicts,
    last: date = DAY,
    champion: int | None = 1,
    partitions: int = 30,
) -> None:
    looks = [
        DecayLook(day=day, partitions=partitions, decayed=verdict, reason="few rows")
        for day, verdict in zip(days_until(last, len(verdicts)), verdicts, strict=True)
    ]
    report = DecayReport(use_case=use_case.name, champion=champion, looks=looks)
    report.write(uri(use_case, run, "decay"))


def report_causes(
    use_case: UseCase, run: str, days: Sequence[date], cause: Cause | None = "covariate drift"
) -> None:
    diagnoses = [DayDiagnosis(day=day, cause=cause, columns=["temp"]) for day in days]
    report = DiagnoseReport(use_case=use_case.name, diagnoses=diagnoses)
    report.write(uri(use_case, run, "diagnose"))


def report_all(use_case: UseCase, run: str, drift: Verdicts, decay: Verdicts) -> None:
    """The reports of a run in which all verdicts are found, and their causes."""
    report_drift(use_case, run, drift)
    report_decay(use_case, run, decay)
    report_causes(use_case, run, days_until(DAY, len(drift)))


def run(
    use_case: UseCase,
    name: str,
    trainings: str | None = "0",
    start: str | None = None,
    end: str | None = None,
) -> DecideReport:
    arguments = DecideArguments(
        use_case=use_case,
        report=uri(use_case, name, "decide"),
        trainings=trainings,
        start=start,
        end=end,
    )
    return decide.job(arguments)


@pytest.fixture
def champion(root: Path, flights: UseCase) -> UseCase:
    """Flights of two months, whose champion has a holdout at the end of the first one."""
    write_features(flights, Interval(FIRST, DAY).days)
    enter(flights, TRAINED, PROMOTED)
    return flights


def test_confirmed_drift_starts_one_training_and_the_next_run_knows_it(champion: UseCase) -> None:
    report_all(champion, "one", [N, Y, Y], [N, N, U])
    report = run(champion, "one")
    reasons = [
        "drift was found in 2 of the newest 3 looks (retraining.confirmed 2)",
        "decay was found in 0 of the newest 3 looks, and 1 without a verdict "
        "(retraining.confirmed 2)",
        "the cause is covariate drift, in temp",
        "decay: few rows",
        "30 partitions with complete labels came after the champion's holdout "
        "(retraining.min_new 7)",
    ]
    assert report == DecideReport(
        use_case="flights",
        day=DAY,
        action="retrain",
        reasons=reasons,
        cause="covariate drift",
        columns=["temp"],
    )
    (trigger,) = Triggers(champion).all()
    assert trigger._replace(key="", time=TRAINED.time) == (
        "",
        TRAINED.time,
        DAY,
        "flights_monitoring one",
        1,
        "run of 1",
        True,
        None,
        "covariate drift",
        ["temp"],
        "retrain",
        reasons,
        False,
    )
    # The same run, cleared and run again: it decides the same, and writes nothing.
    assert run(champion, "one") == report
    assert Triggers(champion).all() == [trigger]
    # The next hour of the same day, while the training is queued, and after it has failed.
    for name, trainings in (("two", "1"), ("three", "0")):
        report_all(champion, name, [N, Y, Y], [N, N, N])
        again = run(champion, name, trainings)
        assert again.action == "nothing"
        assert "1 training (retraining.per_week 1)" in " ".join(again.reasons)
    assert [row.action for row in Triggers(champion).all()] == ["retrain", "nothing", "nothing"]


def test_without_reports_nothing_starts_and_the_reasons_say_so(champion: UseCase) -> None:
    report = run(champion, "one")
    assert (report.outcome, report.action, report.day) == ("done", "nothing", DAY)
    missing = [f"{job}: the task has left no report" for job in ("drift", "decay", "diagnose")]
    assert report.reasons[-3:] == missing
    assert Triggers(champion).all()[0].reasons == report.reasons
    # Drift alone: nobody has looked for the cause, and what is new is not known.
    report_drift(champion, "two", [Y, Y, Y])
    report = run(champion, "two")
    assert report.action == "alert"
    assert "so the data may be broken" in " ".join(report.reasons)
    assert "how much is new to the champion is not known" in " ".join(report.reasons)


def test_a_cause_that_was_looked_for_on_other_days_alone_is_not_known(champion: UseCase) -> None:
    report_all(champion, "one", [Y, Y, Y], [N, N, N])
    report_causes(champion, "one", [DAY - timedelta(days=1)], "broken data")
    report = run(champion, "one")
    assert (report.action, report.cause) == ("alert", None)
    report_causes(champion, "two", [], None)
    report_drift(champion, "two", [Y, Y, N])
    report_decay(champion, "two", [N, N, N])
    assert run(champion, "two").action == "nothing"


def test_broken_data_are_told_and_not_learnt(champion: UseCase) -> None:
    report_all(champion, "one", [Y, Y, Y], [Y, Y, Y])
    report_causes(champion, "one", [DAY], "broken data")
    report = run(champion, "one")
    assert (report.action, report.cause) == ("alert", "broken data")


@pytest.mark.parametrize("found", [2, None])
def test_reports_about_another_champion_say_nothing(champion: UseCase, found: int | None) -> None:
    report_all(champion, "one", [Y, Y, Y], [Y, Y, Y])
    report_drift(champion, "one", [Y, Y, Y], champion=found)
    report_decay(champion, "one", [Y, Y, Y], champion=found)
    report = run(champion, "one")
    assert (report.action, report.day) == ("nothing", DAY)
    version = f"version {found}" if found else "no champion"
    assert report.reasons[-2:] == [
        f"{job}: the report is about {version}, but version 1 is champion"
        for job in ("drift", "decay")
    ]


def test_without_a_champion_or_data_nothing_is_decided(root: Path, flights: UseCase) -> None:
    assert run(flights, "one").outcome == "no champion"
    enter(flights, TRAINED, PROMOTED)
    report_all(flights, "two", [], [])
    assert run(flights, "two").outcome == "no data"
    write_features(flights, [DAY])
    assert run(flights, "two").outcome == "done"
    enter(flights, PROMOTED._replace(event="rolled back", from_version=1, to_version=None))
    report = run(flights, "three")
    assert (report.outcome, report.day, report.decisions) == ("no champion", DAY, 0)
    assert len(Triggers(flights).all()) == 1


def test_while_promotions_are_held_decay_is_told_and_drift_waits(champion: UseCase) -> None:
    hold = PROMOTED._replace(key="r", event="rolled back", from_version=2, holds=True)
    enter(champion, hold)
    report_all(champion, "one", [Y, Y, Y], [N, N, N])
    report_all(champion, "two", [Y, Y, Y], [Y, Y, Y])
    assert [run(champion, name).action for name in ("one", "two")] == ["nothing", "alert"]
    enter(champion, hold._replace(key="s", event="released", holds=None))
    assert run(champion, "two").action == "retrain"


def test_any_training_cools_down_whoever_started_it_and_however_it_ended(champion: UseCase) -> None:
    """From the day on which all that it knew was there, where labels come late."""
    enter(champion, TRAINED._replace(version=2, holdout_last=date(2013, 6, 17)))
    report_all(champion, "one", [Y, Y, Y], [N, N, N])
    assert run(champion, "one").action == "retrain"
    target = champion.data.target
    assert target is not None
    mature = target.model_copy(update={"matures": timedelta(days=10)})
    late = champion.model_copy(update={"data": champion.data.model_copy(update={"target": mature})})
    report_all(champion, "one", [Y, Y, Y], [N, N, N])
    report = run(late, "one")
    assert report.action == "nothing"
    assert report.reasons[-1] == (
        "the last training is of 2013-06-27, fewer than 7 days before 2013-06-30 "
        "(retraining.cool_down 7)"
    )


@pytest.mark.parametrize(("every", "action"), [(29, "retrain"), (30, "nothing")])
def test_partitions_since_the_last_training_are_those_of_the_table(
    champion: UseCase, every: int, action: str
) -> None:
    """A day without flights is no partition."""
    write_features(champion, [day for day in Interval(FIRST, DAY).days if day.day != 10])
    report_all(champion, "one", [N, N, N], [N, N, N])
    policy = Retraining(on=["schedule"], every=every)
    report = run(champion.model_copy(update={"retraining": policy}), "one")
    reason = f"since the last training, 29 partitions came (retraining.every {every})"
    assert report.action == action
    assert reason in report.reasons


def test_a_history_is_decided_day_by_day_and_starts_nothing(champion: UseCase) -> None:
    drift = [N] * 10 + [Y] * 20
    report_all(champion, "replay", drift, [N] * 30)
    report = run(champion, "replay", trainings=None, start="2013-06-03", end="2013-06-30")
    assert (report.decisions, report.day, report.action) == (28, DAY, "nothing")
    history = Triggers(champion).all()
    assert [row.day for row in history] == days_until(DAY, 28)
    assert all(row.replayed for row in history)
    # Drift since 11 June, in two looks on 12 June; then one training a week.
    retrained = [row.day for row in history if row.action == "retrain"]
    assert retrained == [date(2013, 6, 12), date(2013, 6, 19), date(2013, 6, 26)]
    # The same again is in the table; another run has a history of its own.
    assert run(champion, "replay", start="2013-06-03", end="2013-06-30") == report
    assert Triggers(champion).all() == history
    report_all(champion, "other", drift, [N] * 30)
    run(champion, "other", start="2013-06-03", end="2013-06-30")
    others = [row for row in Triggers(champion).all() if row.by.endswith("other")]
    assert [row.action for row in others] == [row.action for row in history]
    # What was replayed has not happened: the newest day is decided without it.
    report_all(champion, "now", [Y, Y, Y], [N, N, N])
    assert run(champion, "now").action == "retrain"


def test_a_history_does_not_know_trainings_and_holds_of_later_days(champion: UseCase) -> None:
    enter(champion, TRAINED._replace(version=2, holdout_last=date(2013, 6, 28)))
    enter(champion, PROMOTED._replace(event="rolled back", from_version=2, holds=True))
    report_all(champion, "replay", [Y] * 10, [N] * 10)
    run(champion, "replay", start="2013-06-24", end="2013-06-30")
    actions = [row.action for row in Triggers(champion).all()]
    assert actions == ["retrain", *["nothing"] * 6]
    report = run(champion, "replay", start="2013-05-01", end="2013-05-03")
    assert (report.outcome, report.decisions) == ("no data", 0)


def test_without_labels_all_partitions_after_the_holdout_are_new(root: Path) -> None:
    customers = load_use_case("customers")
    months = [date(2013, month, 1) for month in range(1, 11)]
    write_features(customers, months)
    trained = TRAINED._replace(holdout_first=months[3], holdout_last=months[3])
    enter(customers, trained, trained._replace(key="p", event="promoted", to_version=1))
    policy = Retraining(looks=1, confirmed=1, min_new=6)
    use_case = customers.model_copy(update={"retraining": policy})
    for last, action in ((months[8], "nothing"), (months[9], "retrain")):
        name = str(last)
        report_drift(customers, name, [Y], last)
        report_causes(customers, name, [last])
        report = run(use_case, name)
        assert (report.action, report.day) == (action, last)


def test_a_snapshot_is_new_when_its_table_is_not_that_of_the_training(root: Path) -> None:
    """It has no days: cool-down and budget are counted by the clock."""
    churn = load_use_case("churn")
    write_features(churn, [SNAPSHOT])
    table = Table(churn, FEATURES)
    facts = {FEATURES_TABLE: table.id, FEATURES_VERSION: str(table.version)}
    manifest = Manifest(files={}, facts=facts).model_dump_json()
    trained = TRAINED._replace(
        model=manifest,
        holdout_first=None,
        holdout_last=None,
        time=datetime.now(UTC) - timedelta(days=8),
    )
    enter(churn, trained, trained._replace(key="p", event="promoted", to_version=1, model=None))

    def decide_again(name: str) -> DecideReport:
        report_drift(churn, name, [Y], SNAPSHOT)
        report_decay(churn, name, [N], SNAPSHOT, partitions=0)
        report_causes(churn, name, [SNAPSHOT])
        return run(churn, name)

    same = decide_again("one")
    assert (same.day, same.action) == (SNAPSHOT, "nothing")
    assert same.reasons[-1] == "the features table has the rows of the champion's training"
    write_features(churn, [SNAPSHOT])
    assert DeltaTable(table.location.deltalake).version() == 1
    assert decide_again("two").action == "retrain"
    # At once again, and after a training by hand.
    again = decide_again("three")
    assert again.action == "nothing"
    assert f"the last training is of {datetime.now(UTC).date()}, fewer than 7 days" in " ".join(
        again.reasons
    )


@pytest.mark.parametrize("trainings", [None, "", "None"])
def test_an_unknown_number_of_trainings_starts_none(
    champion: UseCase, trainings: str | None
) -> None:
    report_all(champion, "one", [Y, Y, Y], [N, N, N])
    report = run(champion, "one", trainings)
    assert report.action == "alert"
    assert report.reasons[-1] == "how many trainings are queued or running is not known"


def test_what_is_no_number_of_trainings_is_refused(champion: UseCase) -> None:
    report_all(champion, "one", [Y, Y, Y], [N, N, N])
    with pytest.raises(UpdraftError, match=r"trainings: found '-1', expected how many"):
        run(champion, "one", "-1")
    assert Triggers(champion).all() == []


def test_the_job_needs_no_java(champion: UseCase, root: Path) -> None:
    report_all(champion, "one", [Y, Y, Y], [N, N, N])
    report = uri(champion, "one", "decide")
    words = ["--use-case", "flights", "--report", report, "--trainings", "0"]
    result = subprocess.run(
        [sys.executable, REPO / "spark_jobs" / "decide.py", *words],
        env={"UPDRAFT_ROOT": str(root), "PYTHONPATH": str(REPO), "PATH": "", "HOME": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert DecideReport.read(report).action == "retrain"
