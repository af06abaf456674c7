"""The page on what monitoring has found and decided, day by day."""

import base64
import io
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, FileSystemLoader
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from upath import UPath

from updraft.core.files import write_atomically
from updraft.core.reports import DecayReport, DriftReport
from updraft.core.sections import Decay
from updraft.core.triggers import Action, Trigger
from updraft.evaluation.plots.style import GREY, new_figure

CHANGED = "#D55E00"
UNCHANGED = "#0072B2"
MARKERS: dict[Action, str] = {"retrain": "^", "alert": "X"}
TEMPLATES = Environment(
    autoescape=True, loader=FileSystemLoader(Path(__file__).parent / "templates")
)


def write_history(
    drift: DriftReport | None,
    decay: DecayReport | None,
    decisions: Sequence[Trigger],
    policy: Decay,
    path: UPath,
) -> None:
    """Write the page: what was found on each day, above the decisions with their reasons.

    ``drift`` and ``decay``: None if the task has not judged. ``decisions``: at least one, in order.
    """
    image = io.BytesIO()
    history_figure(drift, decay, decisions, policy).savefig(image, format="png")
    template = TEMPLATES.get_template("history.html")
    html = template.render(
        image=base64.b64encode(image.getvalue()).decode(),
        decisions=list(reversed(decisions)),
        champion=decisions[-1].champion,
        first=decisions[0].day,
        last=decisions[-1].day,
    )
    write_atomically(path, html)


def history_figure(
    drift: DriftReport | None,
    decay: DecayReport | None,
    decisions: Sequence[Trigger],
    policy: Decay,
) -> Figure:
    """Drifted columns, the champion's metric, the evidence of decay and the decisions over time."""
    days = f"{decisions[0].day} to {decisions[-1].day}"
    figure = new_figure((11, 8.5), f"Monitoring of version {decisions[-1].champion}", days)
    axes = figure.subplots(4, 1, sharex=True, height_ratios=[2, 3, 2, 1])
    _draw_drift(axes[0], drift)
    _draw_metric(axes[1], decay)
    _draw_evidence(axes[2], decay, policy)
    _draw_decisions(axes[3], decisions)
    for each in axes:
        each.grid(alpha=0.25)
    return figure


def _draw_drift(axes: Axes, drift: DriftReport | None) -> None:
    axes.set_ylabel("drifted\ncolumns")
    if drift is None or not drift.windows:
        _say(axes, "drift was not judged")
        return
    colours = [CHANGED if window.detected else UNCHANGED for window in drift.windows]
    days = [window.day for window in drift.windows]
    axes.bar(_dates(days), [len(window.columns) for window in drift.windows], color=colours)


def _draw_metric(axes: Axes, decay: DecayReport | None) -> None:
    axes.set_ylabel(decay.metric if decay and decay.metric else "metric")
    if decay is None or decay.holdout is None:
        _say(axes, "the champion's metric was not judged")
        return
    valued = [(each.day, each.value) for each in decay.partitions if each.value is not None]
    days = [day for day, _ in valued]
    axes.plot(_dates(days), [value for _, value in valued], ".", color=GREY, label="a partition")
    axes.axhline(decay.holdout, color=UNCHANGED, label="mean of the holdout")
    worse = -1 if decay.more_is_better else 1
    judged = [look for look in decay.looks if look.lower is not None and look.upper is not None]
    if judged:
        axes.fill_between(
            _dates([look.day for look in judged]),
            [decay.holdout + worse * (look.lower or 0.0) for look in judged],
            [decay.holdout + worse * (look.upper or 0.0) for look in judged],
            color=CHANGED,
            alpha=0.2,
            linewidth=0,
            label="mean since the holdout, with its interval",
        )
        axes.plot(
            _dates([look.day for look in judged]),
            [decay.holdout + worse * (look.loss or 0.0) for look in judged],
            color=CHANGED,
            linestyle="--",
        )
    values = [value for _, value in valued]
    margin = 0.1 * (max(values) - min(values))
    axes.set_ylim(min(values) - margin, max(values) + margin)
    axes.legend(fontsize=8, loc="best")


def _draw_evidence(axes: Axes, decay: DecayReport | None, policy: Decay) -> None:
    axes.set_ylabel("evidence\nof decay")
    looks = [look for look in decay.looks if look.evidence is not None] if decay else []
    if not looks:
        _say(axes, "without a value of the metric there is no evidence")
        return
    axes.set_yscale("log")
    axes.plot(
        _dates([look.day for look in looks]), [look.evidence or 0.0 for look in looks], color=GREY
    )
    axes.axhline(1 / policy.false_alarms, color=CHANGED, linestyle="--", label="decay from here on")
    axes.legend(fontsize=8, loc="best")


def _draw_decisions(axes: Axes, decisions: Sequence[Trigger]) -> None:
    names = list(MARKERS)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.5, len(names) - 0.5)
    days = _dates([each.day for each in decisions])
    day = np.timedelta64(1, "D")
    axes.set_xlim(days.min() - day, days.max() + day)
    for position, action in enumerate(names):
        of_action = _dates([each.day for each in decisions if each.action == action])
        positions = np.full(len(of_action), position)
        axes.plot(of_action, positions, MARKERS[action], color=CHANGED, markersize=9)


def _dates(days: Sequence[date]) -> npt.NDArray[np.datetime64]:
    """Days as matplotlib has them on its axes."""
    return np.array(days, dtype="datetime64[D]")


def _say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY)
