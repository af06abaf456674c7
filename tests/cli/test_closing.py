"""The closing tables show the metrics that a kind of model has."""

import io

from rich.console import Console

from updraft.cli.closing import Closing, RegisteredModel, show


def closing_lines(metric: str) -> list[str]:
    """The lines of the closing for one model that was refused."""
    model = RegisteredModel(
        version=1,
        algorithm="random_forest",
        metrics={
            "log_loss": 0.9,
            "accuracy": 0.7,
            "macro_f1": 0.6,
            "recall": 0.5,
            "precision": 0.4,
        },
        verdict="refused",
        reasons=["too few rows", "no gain [at all]"],
    )
    closing = Closing(use_case="any", ok=True, seconds=1, steps=[], models=[model])
    output = io.StringIO()
    show(closing, Console(width=80, file=output), {}, metric, "the run")
    return output.getvalue().splitlines()


def test_the_gates_metric_comes_first_then_what_the_models_have() -> None:
    heading = next(line for line in closing_lines("macro_f1") if "algorithm" in line)
    names = [name.strip() for name in heading.strip("\u2503").split("\u2503")]
    assert names == [
        *("version", "algorithm", "macro_f1", "log_loss", "accuracy", "recall", "verdict")
    ]


def test_each_reason_has_a_line_of_its_own_as_it_is() -> None:
    lines = set(closing_lines("macro_f1"))
    assert {"version 1 refused: too few rows", "version 1 refused: no gain [at all]"} < lines
