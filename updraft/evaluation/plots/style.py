"""What all pictures have in common: colours, a title, and a line that says which rows they show."""

import textwrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Two colours that the colour-blind can tell apart; the second is dashed as well.
STYLES: list[dict[str, Any]] = [{"color": "#0072B2", "linestyle": "-"}, {"color": "#D55E00", "linestyle": "--"}]
GREY = "#767676"
Drawn = dict[str, dict[str, Any]]  # What is drawn of each model, by what a legend calls it, the challenger first.


def square(title: str, rows: str) -> tuple[Figure, Axes]:
    """A picture whose both axes run from 0 to 1."""
    figure = figure_of((6.4, 6.4), title, rows)
    axes = figure.subplots()
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.grid(alpha=0.25)
    return figure, axes


def figure_of(size: tuple[float, float], title: str, rows: str) -> Figure:
    """A picture of its own, without pyplot: nothing global, nothing to close, and no display needed."""
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    figure.suptitle(title, fontsize=13, fontweight="bold")
    lines = [textwrap.fill(line, int(size[0] * 13)) for line in rows.splitlines()]
    figure.supxlabel("\n".join(lines), fontsize=8.5, color=GREY)
    return figure
