"""Print rows for a person: with Rich where it is installed, else one block of text a row."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.harness import Row

WIDTH = 150
"""Where the output goes to a file and no terminal says how wide it is."""

VERDICTS = {True: "holds", False: "MISSED", None: ""}


def print_table(rows: Sequence[Row]) -> None:
    try:
        from rich import box
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        for row in rows:
            print("\n".join(_cells(row)), end="\n\n")
        return
    table = Table(box=box.SIMPLE, show_lines=True)
    for title, share in (("work", 5), ("ours", 3), ("peers", 5), ("ratio", 3), ("reach", 3), ("", 1)):
        table.add_column(title, ratio=share, overflow="fold")
    for row in rows:
        table.add_row(*_cells(row))
    Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else WIDTH).print(table)


def number(value: float | None) -> str:
    """Three or four digits that say something."""
    if value is None:
        return "-"
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 1 else f"{value:.3f}"


def verdict(row: Row) -> str:
    return VERDICTS[row.holds]


def _cells(row: Row) -> tuple[str, ...]:
    spread = f"\n{number(row.spread[0])} .. {number(row.spread[1])}" if row.spread else ""
    peers = "\n".join(f"{name}: {number(value)}" for name, value in row.peers.items())
    ratio = "" if row.ratio is None else f"{number(row.ratio)}x\n{row.against}"
    note = f"\n({row.note})" if row.note else ""
    return (row.work + note, f"{number(row.ours)} {row.unit}{spread}", peers, ratio, row.reach, verdict(row))
