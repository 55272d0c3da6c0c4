"""The main job on real text: preview, train, kill, resume, prove, and write it all down."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable

from croupier.batch.fixed_size import FixedSize
from croupier.batch.sorted_windows import SortedWindows
from croupier.batch.token_budget import TokenBudget
from croupier.core.chain import Chain, chain
from croupier.demo.corpus import Corpus, read_corpus
from croupier.demo.interruption import Interruption, interrupt_and_resume
from croupier.demo.training import Trained, train
from croupier.order.shuffle import Shuffle
from croupier.report.figures import Preview
from croupier.report.preview import preview

__all__ = ["run"]

BATCH_SIZE = 16
SEED = 1


@dataclass(frozen=True, slots=True)
class Compared:
    """One plan: what was said before, and what came out."""

    said: Preview
    trained: Trained


def run(folder: Path, texts: int = 5000) -> bool:
    """Run the demo, write ``report.json`` and ``report.md`` into the folder, and say whether every promise held."""
    console = Console()
    start = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    console.print("Reading the docstrings and sources of Python's standard library ...")
    corpus, held_out = read_corpus(texts).split(0.1)
    plans = plans_for(corpus)
    budget = _budget(corpus)
    console.print(
        f"{len(corpus):,} texts to train on, {len(held_out):,} held out, {int(corpus.lengths.sum()):,} tokens of"
        f" {len(set(corpus.domains))} modules, {corpus.lengths.min()} to {corpus.lengths.max()} tokens a text.\n"
    )
    torch.set_num_threads(2)
    compared: dict[str, Compared] = {}
    with _progress(console) as progress:
        bar = progress.add_task("training", total=len(corpus) * len(plans))
        for name, plan in plans.items():
            progress.update(bar, description=name)
            said = preview(plan, corpus.table(), seed=SEED)
            trained = train(
                plan, corpus, held_out, epochs=1, seed=SEED, tick=lambda examples: progress.advance(bar, examples)
            )
            compared[name] = Compared(said, trained)
    console.print(_table(compared))
    logs = folder / "interrupted"
    _clear(logs)
    with _progress(console) as progress:
        bar = progress.add_task("", total=None)
        interruption = interrupt_and_resume(
            logs, corpus, budget, tick=lambda doing: progress.update(bar, description=doing)
        )
    console.print(_verdict(interruption))
    seconds = time.perf_counter() - start
    _write(folder, compared, interruption, seconds)
    console.print(f"\nWritten to {folder}: report.md, report.json, and the logs of every rank. {seconds:.0f} s in all.")
    return bool(interruption.audit["exactly_once"])


def plans_for(corpus: Corpus) -> dict[str, Chain]:
    """What people use today, and what they would use instead; all deal each example once an epoch."""
    return {
        "shuffle, fixed size": chain(Shuffle(), FixedSize(BATCH_SIZE)),
        "HF-style sorted windows": chain(
            Shuffle(), SortedWindows(50 * BATCH_SIZE, shuffle_batches=False), FixedSize(BATCH_SIZE)
        ),
        "croupier": chain(Shuffle(), SortedWindows(2**11), TokenBudget(_budget(corpus))),
    }


def _budget(corpus: Corpus) -> int:
    """As many padded tokens a batch as give about as many steps as the fixed size does."""
    return max(int(corpus.lengths.max()), round(float(corpus.lengths.mean()) * BATCH_SIZE * 1.05))


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


FIGURES = ("plan", "seconds", "steps", "padding said", "padding seen", "held-out loss", "times faster")


def _rows(compared: dict[str, Compared]) -> list[tuple[str, ...]]:
    plain = next(iter(compared.values())).trained.seconds
    return [
        (
            name,
            f"{each.trained.seconds:.1f}",
            f"{each.trained.steps:,}",
            f"{each.said.padding or 0.0:.1%}",
            f"{each.trained.padding:.1%}",
            f"{each.trained.held_out_loss:.3f}",
            f"{plain / each.trained.seconds:.1f}",
        )
        for name, each in compared.items()
    ]


def _table(compared: dict[str, Compared]) -> RichTable:
    table = RichTable(*FIGURES, title="one epoch, the same examples, the same model")
    for row in _rows(compared):
        table.add_row(*row)
    return table


def _verdict(interruption: Interruption) -> str:
    audit = interruption.audit
    verdict = "each id exactly once" if audit["exactly_once"] else "NOT each id exactly once"
    return (
        f"Killed a rank of {interruption.ranks_before} after step {interruption.killed_after_step}, went on with"
        f" {interruption.ranks_after}. Another process read the logs: {verdict} ({audit['dealt_once']:,} of"
        f" {audit['examples']:,} once, {audit['missing']} missing, {audit['repeated']} repeated;"
        f" {audit['dealt_again_after_the_kill']} that were lost with the killed rank were dealt again)."
    )


def _write(folder: Path, compared: dict[str, Compared], interruption: Interruption, seconds: float) -> None:
    report: dict[str, Any] = {
        "plans": {
            name: {
                "previewed": each.said.to_dict(),
                "trained": {**asdict(each.trained), "padding": each.trained.padding},
            }
            for name, each in compared.items()
        },
        "interruption": asdict(interruption),
        "seconds": seconds,
    }
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    lines = [" | ".join(FIGURES), " | ".join("---" for _ in FIGURES), *(" | ".join(row) for row in _rows(compared))]
    (folder / "report.md").write_text("\n".join(["# croupier demo", "", *lines, "", _verdict(interruption)]) + "\n")


def _clear(logs: Path) -> None:
    """Remove what an earlier demo left, and nothing else."""
    for pattern in ("log-*.jsonl", "rendezvous-*", "checkpoint.*", "corpus.npz", "errors.txt"):
        for path in logs.glob(pattern):
            path.unlink()
