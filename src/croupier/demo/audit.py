"""Prove from the logs of the training side alone that each id was trained on exactly once.

A step counts if its effect is in the weights that went on: those after the checkpoint that the next generation began
from were lost with the killed process, and must have been dealt again.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

__all__ = ["audit", "main"]


def audit(folder: Path, examples: int) -> dict[str, Any]:
    """Figures of what the logs in a folder hold; ``exactly_once`` is the verdict."""
    generations: dict[int, list[list[dict[str, Any]]]] = {}
    for path in sorted(folder.glob("log-*-*.jsonl")):
        generation = int(path.stem.split("-")[1])
        generations.setdefault(generation, []).append(_entries(path))
    order = sorted(generations)
    begins = {generation: {log[0]["begins_after_step"] for log in generations[generation]} for generation in order}
    counted: Counter[int] = Counter()
    lost = 0
    for place, generation in enumerate(order):
        following = order[place + 1] if place + 1 < len(order) else None
        last_kept = float("inf") if following is None else max(begins[following])
        for log in generations[generation]:
            for entry in log:
                if "ids" not in entry or entry["is_padding"]:
                    continue
                if entry["step"] <= last_kept:
                    counted.update(entry["ids"])
                else:
                    lost += len(entry["ids"])
    steps = [{sum("step" in entry for entry in log) for log in generations[order[-1]]}]
    once = sum(times == 1 for times in counted.values())
    return {
        "examples": examples,
        "dealt_once": once,
        "missing": examples - len(counted),
        "repeated": sum(times > 1 for times in counted.values()),
        "dealt_again_after_the_kill": lost,
        "world_sizes": [generations[generation][0][0]["world_size"] for generation in order],
        "ranks_agree": all(len(begun) == 1 for begun in begins.values()) and len(steps[0]) == 1,
        "exactly_once": once == examples == len(counted),
    }


def _entries(path: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        try:
            entries.append(json.loads(line))
        except ValueError:
            if number != len(lines) - 1:  # only the last line of a killed process may be cut off
                raise
    return entries


def main(arguments: list[str]) -> None:
    """Print the audit of a folder as JSON; the second argument is the number of examples."""
    sys.stdout.write(json.dumps(audit(Path(arguments[0]), int(arguments[1]))) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
