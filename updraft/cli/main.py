"""`updraft`: the command line."""

import json
import os
import signal
import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from updraft.core.errors import UpdraftError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Keep machine-learning models in production honest. Start with `make demo`, then `make up` to look around.",
)
console = Console()
SparkUi = Annotated[bool, typer.Option("--spark-ui", help="Serve Spark's pages on port 4040 and up while a task runs.")]
UseCaseName = Annotated[str, typer.Argument(help="Name of a folder in use_cases/.")]


@app.command()
def demo(name: UseCaseName, spark_ui: SparkUi = False) -> None:
    """Run a use case through its whole loop on a real Airflow: data, champion, drift, retraining: a quarter of an hour."""
    from updraft.cli.demo import demo as run_demo

    _serve_spark_ui(spark_ui)
    if not run_demo(name, console):
        raise typer.Exit(1)


@app.command()
def run(
    name: UseCaseName,
    start: Annotated[str | None, typer.Option(help="First day, e.g. 2013-01-01. Default: the first that has raw rows.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day, included. Default: the last that has raw rows.")] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Rows of the sample, which is laid anew then.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the sample, which is laid anew then.")] = None,
    drift: Annotated[float | None, typer.Option(min=0, help="Drift in the sample, which is laid anew then.")] = None,
    spark_ui: SparkUi = False,
) -> None:
    """Run a use case's data, training and monitoring DAGs to the end, without a scheduler, on its sample if it has no rows."""
    from updraft.cli.run import run as run_all
    from updraft.core.interval import parse_interval

    _serve_spark_ui(spark_ui)
    if end and not start:
        raise UpdraftError("--start: found none beside --end. Give both, or neither for all days that have raw rows.")
    days = parse_interval(start, end) if start else None
    if not run_all(name, console, days, {"rows": rows, "seed": seed, "drift": drift}):
        raise typer.Exit(1)


@app.command()
def up(spark_ui: SparkUi = False) -> None:
    """Start Airflow and MLflow on this machine, on loopback only, and say where they are. Safe to repeat."""
    from updraft.cli import servers

    _serve_spark_ui(spark_ui)
    with console.status("Starting") as status:
        running = servers.start(lambda text: status.update(f"Starting: {text}"))
    secrets = servers.home() / "secrets.json"
    console.print(f"Airflow  {running.airflow}  user admin, airflow_password in {secrets}", soft_wrap=True, highlight=False)
    console.print(f"MLflow   {running.mlflow}  user admin, mlflow_password in {secrets}", soft_wrap=True, highlight=False)
    console.print("Stop both with `make down`.", highlight=False)


@app.command()
def down() -> None:
    """End the servers that `updraft up` has started, and only those."""
    from updraft.cli import servers

    ended = servers.stop()
    console.print(f"Ended: {', '.join(ended)}." if ended else "Nothing was running.")


@app.command()
def sample(
    name: UseCaseName,
    rows: Annotated[int | None, typer.Option(min=1, help="How many rows to make. Default: few enough for a quick run.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same files. Each use case has its own default.")] = None,
    drift: Annotated[float | None, typer.Option(min=0, help="How much they drift over time: 0 not at all, 1 visibly.")] = None,
    start: Annotated[str | None, typer.Option(help="First day, e.g. 2013-01-01.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day, included.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to lay the files into. Default: the landing folder.")] = None,
) -> None:
    """Lay a use case's sample data into its landing folder, as its source would. What is real is not made to measure."""
    from updraft.cli.sample import lay_sample
    from updraft.core.interval import parse_day

    def day(text: str | None, option: str) -> date | None:
        return parse_day(text, option) if text else None

    days = {"first": day(start, "--start"), "last": day(end, "--end")}
    laid = lay_sample(name, out, rows=rows, seed=seed, drift=drift, **days)
    console.print(f"{laid} file{'s' * (laid != 1)} laid.")


@app.command()
def history(
    name: UseCaseName,
    at: Annotated[str | None, typer.Option(help="Only who was champion then: a day (its end) or a time, UTC.")] = None,
) -> None:
    """Say who was champion when, by whom and why: every decision of the gate, promotion and rollback."""
    from updraft.cli.champions import history as show_history

    show_history(name, at, console)


@app.command()
def rollback(
    name: UseCaseName,
    reason: Annotated[str, typer.Option(help="Why; it stands in the ledger.")],
    to: Annotated[int | None, typer.Option(min=0, help="A former champion; 0: none. Default: the one before.")] = None,
) -> None:
    """Make a former champion champion again, if it still scores. The ledger keeps it, with who has asked for it and why."""
    from updraft.cli.champions import rollback as roll_back

    done = roll_back(name, to, reason, console)
    if done.previous == done.champion:
        console.print(f"{name}: version {done.champion} is champion already.", highlight=False)
        return
    if done.champion is None:
        console.print(
            f"{name}: nobody is champion, after version {done.previous}. The next model begins anew.", highlight=False
        )
        return
    console.print(f"{name}: version {done.champion} is champion again, in place of {done.previous}.", highlight=False)
    console.print(f"To score a period again, trigger the DAG {name}_rollback with its days.", highlight=False)


@app.command()
def schema(as_json: Annotated[bool, typer.Option("--json", help="As JSON schema, for editors.")] = False) -> None:
    """Say what a use_case.yaml may hold: every key with its type, default, allowed values and meaning."""
    from updraft.cli.schema import json_schema, text

    typer.echo(json.dumps(json_schema(), indent=2) if as_json else text())


def _serve_spark_ui(wanted: bool) -> None:
    # Tasks get it from the servers that start them, so it does nothing for servers that run already.
    if wanted:
        os.environ["UPDRAFT_SPARK_UI"] = "1"


def main() -> None:
    """The entry point: mistakes that a user can mend end in one sentence, not in a traceback."""
    # Without this a SIGTERM would leave behind the servers that a command has started.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        app()
    except UpdraftError as error:
        console.print(f"[red]updraft:[/] {error}", soft_wrap=True, highlight=False)
        sys.exit(1)
