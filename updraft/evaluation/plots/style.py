"""What all plots have in common: colours, a title, and a line that says which rows they show."""

import textwrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Two colours that people with colour blindness can distinguish; the second is dashed as well.
STYLES: list[dict[str, Any]] = [
    {"color": "#0072B2", "linestyle": "-"},
    {"color": "#D55E00", "linestyle": "--"},
]
GREY = "#767676"
Drawn = dict[str, dict[str, Any]]  # The document of each model by its legend, challenger first.


def unit_square(title: str, rows: str) -> tuple[Figure, Axes]:
    """A figure with axes that both run from 0 to 1."""
    figure = new_figure((6.4, 6.4), title, rows)
    axes = figure.subplots()
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.grid(alpha=0.25)
    return figure, axes


def new_figure(size: tuple[float, float], title: str, rows: str) -> Figure:
    """A figure of ``size`` inches without pyplot: no global state, and no display needed."""
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    figure.suptitle(title, fontsize=13, fontweight="bold")
    lines = [textwrap.fill(line, int(size[0] * 13)) for line in rows.splitlines()]
    figure.supxlabel("\n".join(lines), fontsize=8.5, color=GREY)
    return figure
