"""What benchmarks share: timed commands, measurements with targets, and their report."""

import json
import os
import platform
import resource
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

from rich.console import Console
from rich.table import Table

from updraft.core.files import write_atomically
from updraft.core.settings import REPO, settings

console = Console(highlight=False)


@dataclass(frozen=True)
class Cost:
    """The cost of one run of a command, in seconds.

    ``wall``: elapsed time. ``cpu``: CPU time of all its processes on all cores.
    """

    wall: float
    cpu: float


def cost_of(command: list[str], env: dict[str, str] | None = None) -> Cost:
    """Run a command to its end; return its cost, with all processes that it has waited for."""
    started = time.monotonic()
    cpu_before = _cpu_of_children()
    completed = subprocess.run(
        command,
        check=False,
        cwd=REPO,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
    )
    wall = time.monotonic() - started
    cpu = _cpu_of_children() - cpu_before
    if completed.returncode:
        output = completed.stdout + completed.stderr
        raise SystemExit(
            f"{' '.join(command)[:200]} ended with {completed.returncode}:\n{output[-2000:]}"
        )
    return Cost(wall, cpu)


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def in_turns(rounds: int, **variants: Callable[[], Cost]) -> dict[str, list[Cost]]:
    """Measure each variant once a round.

    The order changes, so that a machine that becomes slower affects all variants equally.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in variants}
    for number in range(rounds):
        names = list(variants)
        if number % 2 == 1:
            names.reverse()
        for name in names:
            cost = variants[name]()
            costs[name].append(cost)
            console.print(
                f"round {number + 1} of {rounds}  {name:12} "
                f"{cost.wall:6.2f} s  {cost.cpu:6.2f} CPU s"
            )
    return costs


def ratio(
    costs: dict[str, list[Cost]], numerator: str, denominator: str, unit: Literal["wall", "cpu"]
) -> float:
    """Return the median, over the rounds, of one variant's cost divided by the other's."""
    pairs = zip(costs[numerator], costs[denominator], strict=True)
    return statistics.median(
        getattr(first, unit) / getattr(second, unit) for first, second in pairs
    )


@dataclass(frozen=True)
class Measurement:
    """One result. ``target``: what it should not exceed; without one, it only informs."""

    value: float
    unit: str
    target: float | None = None

    @property
    def met(self) -> bool | None:
        return None if self.target is None else self.value <= self.target


def report(name: str, measurements: dict[str, Measurement]) -> None:
    """Print the measurements and write them to ``$UPDRAFT_ROOT/bench/<name>.json``."""
    columns = ("measurement", "value", "unit", "target", "met")
    table = Table(*columns, title=f"bench/{name}", title_justify="left")
    for title, measurement in measurements.items():
        target = "" if measurement.target is None else f"<= {measurement.target:g}"
        met = {True: "yes", False: "no", None: ""}[measurement.met]
        table.add_row(title, f"{measurement.value:.3g}", measurement.unit, target, met)
    console.print(table)
    content = {
        "name": name,
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.system(),
        },
        "figures": {
            title: {**asdict(measurement), "met": measurement.met}
            for title, measurement in measurements.items()
        },
    }
    file = settings().path("bench", f"{name}.json")
    write_atomically(file, json.dumps(content, indent=2) + "\n")
    console.print(f"Written to {file}", soft_wrap=True)
