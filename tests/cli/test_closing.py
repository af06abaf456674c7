"""The closing tables show the metrics that a kind of model has."""

import io

import pytest
from rich.console import Console

from updraft.cli.closing import Closing, show


def models_table(width: int, metric: str) -> list[str]:
    """The names in the head of the models' table."""
    metrics = {"log_loss": 0.9, "accuracy": 0.7, "macro_f1": 0.6, "recall": 0.5, "precision": 0.4}
    one = {"version": 1, "algorithm": "random_forest", "metrics": metrics, "verdict": "refused", "reasons": ["too few rows"]}
    closing = Closing(use_case="any", ok=True, seconds=1, steps=[], models=[one])
    console = Console(width=width, file=io.StringIO())
    show(closing, console, {}, metric, "the run")
    text = console.file.getvalue()  # type: ignore[attr-defined]
    head = next(line for line in text.splitlines() if "version" in line)
    return [name.strip() for name in head.strip("┃").split("┃")]


@pytest.mark.parametrize(
    ("width", "shown"), [(120, ["macro_f1", "log_loss", "accuracy", "recall"]), (80, ["macro_f1", "log_loss"])]
)
def test_the_gates_metric_comes_first_then_what_the_models_have(width: int, shown: list[str]) -> None:
    assert models_table(width, "macro_f1") == ["version", "algorithm", *shown, "verdict", "why"]
