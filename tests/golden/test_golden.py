"""The order of small tables, frozen: a change here reshuffles every user's run and is a major version.

Write new files, once that is decided, with ``python tests/golden/test_golden.py``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from cases import CASES, Case
from streams import program_of, steps_of

FOLDER = Path(__file__).parent


def dealt(case: Case) -> dict[str, list[list[int]]]:
    """The flat order of two epochs on two ranks, batch by batch."""
    program = program_of(case, world_size=2)
    epochs = {}
    for epoch in (0, 1):
        from croupier import Cursor

        steps = steps_of(program, 2, Cursor(epoch=epoch, world_size=2))
        epochs[str(epoch)] = [batch.tolist() for step in steps for batch in step.batches]
    return epochs


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_order_is_the_one_that_was_released(case: Case):
    assert dealt(case) == json.loads((FOLDER / f"{case.name}.json").read_text())


def test_large_tables_too():
    import croupier as cr

    table = cr.Table(size=10**12)
    deal = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(4)), table, seed=7).first()
    assert list(deal) == json.loads((FOLDER / "shuffle-of-10^12.json").read_text())


if __name__ == "__main__":
    import croupier as cr

    for each in CASES:
        (FOLDER / f"{each.name}.json").write_text(json.dumps(dealt(each)) + "\n")
    first = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(4)), cr.Table(size=10**12), seed=7).first()
    (FOLDER / "shuffle-of-10^12.json").write_text(json.dumps(list(first)) + "\n")
