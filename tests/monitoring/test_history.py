"""The page on the history of monitoring shows what was found, decided and why."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from upath import UPath

from updraft.core.reports import (
    DecayLook,
    DecayReport,
    DriftReport,
    PartitionMetric,
    WindowDrift,
)
from updraft.core.sections import Decay
from updraft.core.triggers import Trigger
from updraft.monitoring.history import history_figure, write_history

DAYS = [date(2013, 3, 1) + timedelta(n) for n in range(20)]
DRIFT = DriftReport(
    use_case="flights",
    champion=3,
    windows=[
        WindowDrift(day=day, detected=n > 15, judged=4, columns=["temp"] * (n > 15))
        for n, day in enumerate(DAYS)
    ],
)
DECAY = DecayReport(
    use_case="flights",
    champion=3,
    metric="auc",
    holdout=0.7,
    partitions=[
        PartitionMetric(day=day, rows=9, value=0.7 - n / 100) for n, day in enumerate(DAYS)
    ],
    looks=[
        DecayLook(day=day, partitions=n, loss=0.1, lower=0.0, upper=0.2, evidence=n, decayed=n > 19)
        for n, day in enumerate(DAYS, start=1)
    ],
)


def trigger(day: date, reason: str, action: str = "nothing") -> Trigger:
    return Trigger(
        key=f"{day}",
        time=datetime(2013, 4, 1, tzinfo=UTC),
        day=day,
        by="flights_monitoring run",
        champion=3,
        run_id="run",
        drifted=action == "retrain",
        decayed=None,
        cause="covariate drift" if action == "retrain" else None,
        columns=["temp"],
        action=action,  # type: ignore[arg-type]
        reasons=[reason],
        replayed=True,
    )


def test_the_page_lists_each_day_and_escapes_what_it_shows(tmp_path: Path) -> None:
    path = UPath(tmp_path / "history.html")
    decisions = [
        trigger(DAYS[0], "nothing has changed"),
        trigger(DAYS[1], "<script>is a value</script>", "retrain"),
    ]
    write_history(DRIFT, DECAY, decisions, Decay(), path)
    html = path.read_text()
    for expected in ("2013-03-01", "2013-03-02", "covariate drift", "no verdict", "image/png"):
        assert expected in html
    assert "&lt;script&gt;is a value" in html
    assert "<script" not in html


@pytest.mark.parametrize("drift", [None, DriftReport(use_case="flights"), DRIFT])
@pytest.mark.parametrize("decay", [None, DecayReport(use_case="flights"), DECAY])
def test_what_was_not_judged_is_said_and_what_was_is_drawn(
    drift: DriftReport | None, decay: DecayReport | None
) -> None:
    figure = history_figure(drift, decay, [trigger(day, "a reason") for day in DAYS], Decay())
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert len(texts) == (drift is not DRIFT) + 2 * (decay is not DECAY)
    assert len(figure.axes[0].patches) == (len(DAYS) if drift is DRIFT else 0)
    points = figure.axes[1].get_lines()
    if decay is DECAY:
        assert list(points[0].get_ydata()) == [each.value for each in DECAY.partitions]
