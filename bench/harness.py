"""What benchmarks share: commands timed in turns, figures with their targets, one report a benchmark."""

import json
import os
import platform
import resource
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from updraft.core.settings import REPO, settings

console = Console(highlight=False)


@dataclass(frozen=True)
class Cost:
    """What one run of a command has cost: seconds by the clock, and seconds of all its processes on all cores."""

    wall: float
    cpu: float


def cost_of(command: list[str], env: dict[str, str] | None = None) -> Cost:
    """Run a command to its end, and say what it has cost with all the processes that it has waited for."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, check=False, cwd=REPO, env={**os.environ, **(env or {})}, capture_output=True, text=True)
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)[:200]} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")
    return Cost(wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def in_turns(rounds: int, **ways: Callable[[], Cost]) -> dict[str, list[Cost]]:
    """Measure each way once a round, in changing order, so that a machine that slows down slows all of them."""
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways) if number % 2 == 0 else reversed(list(ways)):
            cost = ways[name]()
            costs[name].append(cost)
            console.print(f"round {number + 1} of {rounds}  {name:12} {cost.wall:6.2f} s  {cost.cpu:6.2f} CPU s")
    return costs


def ratio(costs: dict[str, list[Cost]], ours: str, theirs: str, of: str) -> float:
    """The median, over the rounds, of one way's cost over the other's."""
    pairs = zip(costs[ours], costs[theirs], strict=True)
    return statistics.median(getattr(one, of) / getattr(other, of) for one, other in pairs)


@dataclass(frozen=True)
class Figure:
    """One result. ``met`` compares it with its target, which it should not exceed; without a target it only informs."""

    value: float
    unit: str
    target: float | None = None

    @property
    def met(self) -> bool | None:
        return None if self.target is None else self.value <= self.target


def report(name: str, figures: dict[str, Figure]) -> None:
    """Print the figures and write them to ``$UPDRAFT_ROOT/bench/<name>.json``."""
    table = Table("figure", "value", "unit", "target", "met", title=f"bench/{name}", title_justify="left")
    for title, one in figures.items():
        met = {True: "yes", False: "no", None: ""}[one.met]
        table.add_row(title, f"{one.value:.3g}", one.unit, "" if one.target is None else f"<= {one.target:g}", met)
    console.print(table)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
    content = {
        "name": name,
        "machine": machine,
        "figures": {title: {**asdict(one), "met": one.met} for title, one in figures.items()},
    }
    file = Path(str(settings().path("bench", f"{name}.json")))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=2) + "\n")
    console.print(f"Written to {file}", soft_wrap=True)
