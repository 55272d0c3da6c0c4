"""Runs: how soon a training job stands again where it stopped, late in an epoch of 10**9 ids."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import croupier as cr
from benchmarks import peers
from benchmarks.harness import OURS, Reach, Row, interleaved, row, seconds
from benchmarks.lengths import mapped_lengths, write_lengths
from benchmarks.ours import dealer_of, default_plan
from croupier.core.cursor import Cursor
from croupier.core.ledger import Ledger
from croupier.run.state import write_state

PLACE = 0.9
PEER_SIZE = 10**7
SPARE_BYTES = 2 * 10**9


def rows(*, quick: bool) -> Iterator[Row]:
    """The rows of this room."""
    size = 10**8 if quick else 10**9
    note = ""
    if shutil.disk_usage(tempfile.gettempdir()).free < 4 * size + SPARE_BYTES:
        size, note = 10**7, "too little room on disk for a larger column"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lengths.int32"
        write_lengths(path, size)
        yield _restore(path, size, repetitions=5 if quick else 11, note=note)


def state_at(dealer: cr.Dealer, place: float) -> dict[str, Any]:
    """The state of a run in the middle of a segment, without dealing what comes before."""
    program = dealer.program
    number = int(place * program.epochs.segments(0))
    offsets = program.segment(0, number).batches.offsets
    # The totals are not those of a real run; no deal depends on them.
    cursor = Cursor(segment=number, consumed=int(offsets[offsets.size // 2]), epoch_steps=1, steps=1)
    return write_state(program, cursor, Ledger())


def _restore(path: Path, size: int, *, repetitions: int, note: str) -> Row:
    plan = default_plan()
    state = state_at(dealer_of(plan, mapped_lengths(path)), PLACE)

    def ours() -> float:
        # A new mapping each time: the pages are in memory, but this process has not touched them, as after a restart.
        dealer = dealer_of(plan, mapped_lengths(path))

        def work() -> cr.Deal:
            dealer.load_state_dict(state)
            return next(iter(dealer))

        return 1e3 * seconds(work)

    ours()
    peer = f"torchdata RandomSampler at {PEER_SIZE:.0e}"
    contenders = {
        OURS: ours,
        peer: lambda: 1e3 * seconds(peers.torchdata_restore(PEER_SIZE, int(PLACE * PEER_SIZE))),
    }
    return row(
        f"restore at {PLACE:.0%} of an epoch, N = {size:.0e}, mapped int32 lengths: load the state, first batch",
        "ms",
        interleaved(contenders, repetitions=repetitions, once=(peer,)),
        better="less",
        reach=Reach(at_most=100),
        packages=("torchdata",),
        note=note,
    )
