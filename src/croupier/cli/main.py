"""The command line: ``croupier demo``, ``croupier preview`` and ``croupier dial``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from croupier.core.table import Table
from croupier.errors import printable
from croupier.order.shares import Temperature
from croupier.recipes import bucketed, length_grouped, mixed, shuffled
from croupier.report.preview import preview as preview_plan
from croupier.report.randomness_dial import randomness_dial

__all__ = ["app", "run"]

LONGEST_ERROR = 1000

app = typer.Typer(
    help="Deal training batches: see what a plan would do before it runs.", no_args_is_help=True, add_completion=False
)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where to write what was found.")] = Path("croupier-demo"),
    texts: Annotated[
        int, typer.Option(help="How many texts of the standard library to use.", min=500, max=10**7)
    ] = 5000,
) -> None:
    """Train a small model on real text with three plans; kill it, resume it, prove that nothing was lost."""
    # By name, at run time: it imports torch, which the other commands do without.
    main_job = importlib.import_module("croupier.demo.main_job")
    if not main_job.run(folder, texts):
        raise typer.Exit(1)


@app.command()
def preview(
    table: Annotated[Path, typer.Argument(help="A .npy file of lengths, or a Parquet file with a length column.")],
    max_tokens: Annotated[int | None, typer.Option(help="Padded tokens a batch; groups by length.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples a batch; plain shuffling.")] = None,
    buckets: Annotated[int | None, typer.Option(help="Length buckets instead of sorted windows.")] = None,
    source: Annotated[str | None, typer.Option(help="A column of sources to mix, in shares of tokens.")] = None,
    temperature: Annotated[float, typer.Option(help="Of their sizes: 1 proportional, high uniform.")] = 1.0,
    length: Annotated[str, typer.Option(help="The column of lengths.")] = "length",
    world_size: Annotated[int, typer.Option(help="Ranks.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the run.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a plan would deal from a table of lengths: padding, fill, steps, imbalance, randomness, shares."""
    if batch_size is not None and max_tokens is None:
        plan = shuffled(batch_size)
    elif max_tokens is None or batch_size is not None:
        raise typer.BadParameter("give one of --max-tokens and --batch-size")
    elif source is not None:
        if buckets is not None:
            raise typer.BadParameter("give one of --source and --buckets")
        plan = mixed(source, Temperature(temperature), max_tokens, length=length)
    elif buckets is not None:
        plan = bucketed(max_tokens, buckets=buckets, length=length)
    else:
        plan = length_grouped(max_tokens, length=length)
    figures = preview_plan(plan, _table(table, length), seed=seed, world_size=world_size)
    console = Console()
    console.print_json(figures.to_json()) if as_json else console.print(figures)


@app.command()
def dial(
    table: Annotated[Path, typer.Argument(help="A .npy file of lengths, or a Parquet file with a length column.")],
    max_tokens: Annotated[int, typer.Option(help="Padded tokens a batch.")],
    length: Annotated[str, typer.Option(help="The column of lengths.")] = "length",
    world_size: Annotated[int, typer.Option(help="Ranks.")] = 1,
    plot: Annotated[Path | None, typer.Option(help="Draw it too: an .svg or .png file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure padding against randomness over the settings of length grouping; * marks those that none beats."""
    measured = randomness_dial(_table(table, length), max_tokens=max_tokens, length=length, world_size=world_size)
    if plot is not None:
        measured.plot(plot)
    typer.echo(measured.to_json() if as_json else str(measured))


def run() -> None:
    """Run a command; a mistake is one clear line, not a traceback."""
    try:
        app()
    except (ValueError, OSError, RuntimeError, ImportError) as error:
        Console(stderr=True).print(
            f"croupier: {printable(str(error)[:LONGEST_ERROR])}", style="red", highlight=False, markup=False
        )
        sys.exit(2)


def _table(path: Path, length: str) -> Table:
    if path.suffix == ".npy":
        return Table(**{length: np.load(path, mmap_mode="r", allow_pickle=False)})
    return Table.from_parquet(path)
