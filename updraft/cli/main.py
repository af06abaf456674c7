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
from rich.markup import escape

from updraft.core.errors import UpdraftError

PRIVATE = 0o077  # What this command and all that it starts write holds raw values.
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=(
        "Keep machine-learning models in production honest. "
        "Start with `make demo`, then `make up` to look around."
    ),
)
console = Console()

UseCaseName = Annotated[str, typer.Argument(help="Name of a folder in use_cases/.")]
SparkUi = Annotated[
    bool,
    typer.Option(
        "--spark-ui",
        help="Serve Spark's pages on port 4040 and up while a task runs. They ask for no password.",
    ),
]
NEW_SAMPLE = "The sample is then written again."


@app.command()
def demo(name: UseCaseName, spark_ui: SparkUi = False) -> None:
    """Run a use case's complete loop in a real Airflow: data, champion, drift, retraining."""
    from updraft.cli.demo import demo as run_demo

    _serve_spark_ui(spark_ui)
    if not run_demo(name, console):
        raise typer.Exit(1)


@app.command()
def run(
    name: UseCaseName,
    start: Annotated[
        str | None,
        typer.Option(help="First day, e.g. 2013-01-01. Default: the first that has raw rows."),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(help="Last day, included. Default: the last that has raw rows."),
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=1, help=f"Rows of the sample. {NEW_SAMPLE}")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help=f"Seed of the sample. {NEW_SAMPLE}")
    ] = None,
    drift: Annotated[
        float | None, typer.Option(min=0, help=f"Drift in the sample. {NEW_SAMPLE}")
    ] = None,
    spark_ui: SparkUi = False,
) -> None:
    """Run a use case's data, training and monitoring DAGs to the end, without a scheduler.

    If there are no raw rows, its sample is written first.
    """
    from updraft.cli.run import run as run_dags
    from updraft.core.interval import parse_interval

    _serve_spark_ui(spark_ui)
    if end and not start:
        raise UpdraftError(
            "--start: missing, and --end is set. Set both, or neither for all days with raw rows."
        )
    days = parse_interval(start, end) if start else None
    options = {"rows": rows, "seed": seed, "drift": drift}
    if not run_dags(name, console, days, options):
        raise typer.Exit(1)


@app.command()
def up(spark_ui: SparkUi = False) -> None:
    """Start Airflow and MLflow on this machine, on loopback only, and print their addresses.

    Safe to repeat.
    """
    from updraft.cli import servers

    _serve_spark_ui(spark_ui)
    with console.status("Starting") as status:
        running = servers.start(lambda text: status.update(escape(f"Starting: {text}")))
    secrets = servers.home() / "secrets.json"
    console.print(
        f"Airflow  {running.airflow}  user admin, airflow_password in {secrets}",
        soft_wrap=True,
        highlight=False,
    )
    console.print(
        f"MLflow   {running.mlflow}  user admin, mlflow_password in {secrets}",
        soft_wrap=True,
        highlight=False,
    )
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
    rows: Annotated[
        int | None,
        typer.Option(min=1, help="How many rows to make. Default: few enough for a quick run."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Same seed, same files. Each use case has its own default."),
    ] = None,
    drift: Annotated[
        float | None,
        typer.Option(min=0, help="How much the rows drift over time: 0 not at all, 1 visibly."),
    ] = None,
    start: Annotated[str | None, typer.Option(help="First day, e.g. 2013-01-01.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day, included.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write the files to. Default: the landing folder."),
    ] = None,
) -> None:
    """Write a use case's sample data to its landing folder, as its source would.

    Samples of real data take no options for rows, seed and drift.
    """
    from updraft.cli.sample import write_sample

    number = write_sample(
        name,
        out,
        rows=rows,
        seed=seed,
        drift=drift,
        first=_day(start, "--start"),
        last=_day(end, "--end"),
    )
    console.print(f"{number} {'file' if number == 1 else 'files'} written.")


@app.command()
def history(
    name: UseCaseName,
    at: Annotated[
        str | None,
        typer.Option(help="Only who was champion then: a day (its end) or a time, UTC."),
    ] = None,
) -> None:
    """Show who was champion when, by whom and why.

    Lists every decision of the gate, promotion, rollback and release,
    and between which of them the gate's policy, use case or suites have changed.
    Then the present champion, and what is held or barred.
    """
    from updraft.cli.champions import history as show_history

    show_history(name, at, console)


@app.command()
def rollback(
    name: UseCaseName,
    reason: Annotated[str, typer.Option(help="Why. The ledger keeps it.")],
    to: Annotated[
        int | None,
        typer.Option(
            min=0, help="A former champion; 0: none. Default: the one before, which is named first."
        ),
    ] = None,
) -> None:
    """Make a former champion the champion again, if it can still score.

    The ledger keeps who has asked for it, and why.

    The model file that is taken away may not become champion again,
    whatever its version, until a rollback to it lifts that bar.

    By gate.hold_after_rollback of the use case, which is the default,
    no model is promoted until `updraft release`.
    """
    from updraft.cli.champions import rollback as roll_back

    report = roll_back(name, to, reason, console)
    if report.previous == report.champion:
        console.print(f"{name}: version {report.champion} is champion already.", highlight=False)
        return
    if report.champion is None:
        console.print(
            f"{name}: no version is champion, after version {report.previous}. "
            "The next model is judged as a first one.",
            highlight=False,
        )
    else:
        console.print(
            f"{name}: version {report.champion} is champion again, "
            f"in place of {report.previous or 'none'}.",
            highlight=False,
        )
        console.print(
            f"To score a period again, trigger the DAG {name}_scoring with its days.",
            highlight=False,
        )
    if report.barred:
        console.print(
            f"The model file of version {report.previous} may not become champion again.",
            highlight=False,
        )
    if report.holds:
        console.print(
            "Promotions are held: models are trained, but none is promoted until "
            f"`updraft release {name} --reason ...`.",
            highlight=False,
        )


@app.command()
def release(
    name: UseCaseName,
    reason: Annotated[str, typer.Option(help="Why. The ledger keeps it.")],
    version: Annotated[
        int | None,
        typer.Option(
            min=1, help="Readmit the barred model file of this version instead; a hold stays."
        ),
    ] = None,
) -> None:
    """Let the gate promote models again, after a rollback has held all promotions.

    What was refused meanwhile stays refused until its gate judges again:
    clear the task gate of its training within a day, or train again.

    Model files that rollbacks have taken away stay barred.
    With --version, one of them is readmitted, and nothing else is released.

    `updraft history` lists what is held and barred.
    """
    from updraft.cli.champions import release as release_held

    report = release_held(name, version, reason, console)
    if report.readmitted is not None:
        text = f"the model file of version {report.readmitted} is admitted again."
    elif report.outcome == "done":
        text = "promotions are released; the gate judges again."
    else:
        text = "promotions were not held. Nothing was changed."
    console.print(f"{name}: {text}", highlight=False)


@app.command()
def rebuild(
    name: UseCaseName,
    table: Annotated[str, typer.Argument(help="features; or clean, then features follow.")],
) -> None:
    """Write a table of a use case anew, after a change of its columns.

    Its older versions can still be read, so models that were trained on them keep their evidence.
    """
    from updraft.cli.rebuild import rebuild as rebuild_tables

    rows = rebuild_tables(name, table, console)
    console.print(f"{name}: {table} is rebuilt; features has {rows:,} rows.", highlight=False)


@app.command()
def status(
    name: Annotated[
        str | None, typer.Argument(help="Name of a folder in use_cases/. Default: all of them.")
    ] = None,
    run: Annotated[
        bool, typer.Option("--run", help="Start the runs that are missing, in Airflow.")
    ] = False,
) -> None:
    """List the partitions that need a run: raw files that no run has seen as they are now.

    Also partitions whose features are not made from the present raw rows, and gaps. Ends with code
    1 if something is missing, and says by which command to make up for it.
    """
    from updraft.cli.status import print_status

    if not print_status(name, console, run=run):
        raise typer.Exit(1)


@app.command()
def schema(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON schema, for editors.")] = False,
) -> None:
    """Show what a use_case.yaml may hold.

    Every key is listed with its type, default, allowed values and meaning.
    """
    from updraft.cli.schema import json_schema, text

    typer.echo(json.dumps(json_schema(), indent=2) if as_json else text())


def _day(text: str | None, option: str) -> date | None:
    from updraft.core.interval import parse_day

    return parse_day(text, option) if text else None


def _serve_spark_ui(enabled: bool) -> None:
    # Tasks inherit it from the servers that start them: it changes nothing for running servers.
    if enabled:
        os.environ["UPDRAFT_SPARK_UI"] = "1"


def main() -> None:
    """Run the command line. A mistake that a user can fix ends in one sentence, no traceback."""
    # Without this they would leave behind the servers that a command has started.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    os.umask(PRIVATE)
    try:
        app()
    except UpdraftError as error:
        console.print(f"[red]updraft:[/] {escape(str(error))}", soft_wrap=True, highlight=False)
        sys.exit(1)
