"""Run the benchmarks and print one table: ``python -m benchmarks --room order --quick --json out.json``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import batch_room, feedback_room, negatives_room, order_room, run_room, torch_room
from benchmarks.harness import Row, say
from benchmarks.table import number, print_table, verdict

ROOMS = {
    "negatives": negatives_room.rows,
    "order": order_room.rows,
    "batch": batch_room.rows,
    "run": run_room.rows,
    "torch": torch_room.rows,
    "feedback": feedback_room.rows,
}


def main() -> None:
    arguments = _parser().parse_args()
    chosen = list(ROOMS) if arguments.room == "all" else [arguments.room]
    rows: list[Row] = []
    start = time.perf_counter()
    for room in chosen:
        say(f"{room} room")
        for row in ROOMS[room](quick=arguments.quick):
            rows.append(row)
            say(f"  {time.perf_counter() - start:4.0f} s  {row.work}: {number(row.ours)} {row.unit} {verdict(row)}")
    print_table(rows)
    if arguments.json:
        arguments.json.write_text(json.dumps(_report(rows, quick=arguments.quick), indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--room", choices=[*ROOMS, "all"], default="all")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, under a minute a room")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to this file")
    return parser


def _report(rows: Sequence[Row], *, quick: bool) -> dict[str, Any]:
    machine = {"python": platform.python_version(), "system": platform.platform(), "cores": os.cpu_count()}
    return {"quick": quick, "machine": machine, "rows": [row.to_dict() for row in rows]}


if __name__ == "__main__":
    main()
