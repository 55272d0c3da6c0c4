"""Where two runs part: their settings, their orders, what they deal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.fingerprint import describe, differences
from croupier.core.progress import with_progress
from croupier.errors import BadArgument, checked_int
from croupier.run.dealer import Dealer
from croupier.run.program import Program

__all__ = ["Difference", "diff"]

COMPARED_IDS = 2**22
"""Epochs are compared up to this many ids."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How two runs differ in one epoch; pairs are (how many from the start agree, how many were compared).

    ``settings`` holds the settings that differ, by name, with their two values. ``order_ids`` compares the orders
    before any grouping, ``dealt_ids`` the ids as dealt, over all ranks, ``batches`` also where they are cut.
    ``shared_ids`` is the share of the dealt ids, counted with repeats, that both runs deal.
    """

    epoch: int
    settings: Mapping[str, tuple[Any, Any]]
    order_ids: tuple[int, int]
    dealt_ids: tuple[int, int]
    batches: tuple[int, int]
    shared_ids: float

    @property
    def is_none(self) -> bool:
        """Whether both deal the same batches, whatever their settings."""
        return all(agree == compared for agree, compared in (self.order_ids, self.dealt_ids, self.batches))

    def to_json(self) -> str:
        """All of it as JSON text."""
        return json.dumps(asdict(self))

    def __str__(self) -> str:
        lines = [f"epoch {self.epoch}: " + ("the same batches" if self.is_none else "the runs differ")]
        lines += [f"{name}: {first!r} and {second!r}" for name, (first, second) in self.settings.items()]
        for what, (agree, compared) in (
            ("order, ids", self.order_ids), ("dealt, ids", self.dealt_ids), ("dealt, batches", self.batches)
        ):  # fmt: skip
            same = "all" if agree == compared else f"the first {agree:,} of"
            lines.append(f"{what}: {same} {compared:,} agree")
        return "\n".join([*lines, f"dealt by both: {self.shared_ids:.2%} of the ids"])


def diff(first: Dealer, second: Dealer, *, epoch: int = 0) -> Difference:
    """Compare what two plans deal in an epoch, and why: did the order survive that change?

    Steps that a run has skipped are listed among its settings; the comparison is of what the plans deal.

    Parameters
    ----------
    first, second : Dealer
        Of any plans, tables, seeds and numbers of ranks; ``loader.batch_sampler.dealer`` in torch. Not advanced.
    epoch : int
        Compared up to four million ids. Plans that learn are compared as they stand now.

    Examples
    --------
    >>> import croupier as cr
    >>> def run(batch_size):
    ...     return cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(batch_size)), cr.Table(size=100), seed=0)
    >>> print(diff(run(10), run(20)))
    epoch 0: the runs differ
    plan.stages[1].batch_size: 10 and 20
    run.window: 262150 and 262160
    order, ids: all 100 agree
    dealt, ids: all 100 agree
    dealt, batches: the first 0 of 10 agree
    dealt by both: 100.00% of the ids
    """
    for name, dealer in (("first", first), ("second", second)):
        if not isinstance(dealer, Dealer):
            raise BadArgument(name, "be a Dealer", dealer, "in torch, pass loader.batch_sampler.dealer")
    epoch = checked_int("epoch", epoch, at_least=0, fix="pass the number of the epoch")
    one, two = first.program, second.program
    order_ids = _agreement(_order(one, epoch), _order(two, epoch))
    (ids_one, ends_one), (ids_two, ends_two) = _dealt(one, epoch), _dealt(two, epoch)
    dealt_ids = _agreement(ids_one, ids_two)
    cuts_agree, batches = _agreement(ends_one, ends_two)
    whole = int(np.searchsorted(np.minimum(ends_one[:cuts_agree], COMPARED_IDS), dealt_ids[0], side="right"))
    return Difference(
        epoch=epoch,
        settings={name: (a, b) for name, a, b in differences("", _settings(first), _settings(second))},
        order_ids=order_ids,
        dealt_ids=dealt_ids,
        batches=(min(cuts_agree, whole), batches),
        shared_ids=_shared(ids_one, ids_two),
    )


def _settings(dealer: Dealer) -> dict[str, Any]:
    program = dealer.program
    run = {"seed": program.seed, "lanes": program.lanes, "window": program.epochs.window}
    return {
        "plan": program.plan_description,
        "table": program.table_fingerprint,
        "run": {**run, "split": describe(program.split), "skipped": describe(dealer.skipped)},
    }


def _order(program: Program, epoch: int) -> Int64:
    """The first ids of the epoch's order."""
    size, window, context = program.epochs.size(epoch), program.epochs.window, program.context(epoch)
    starts = range(0, min(size, COMPARED_IDS), window)
    parts = [program.plan.order(Batches.of(np.arange(low, min(low + window, size))), context) for low in starts]
    return np.concatenate([part.indices for part in parts])[:COMPARED_IDS]


def _dealt(program: Program, epoch: int) -> tuple[Int64, Int64]:
    """The first ids of the epoch's flat order, and where its batches end."""
    ids: list[Int64] = []
    ends: list[Int64] = []
    count = 0
    for number in with_progress(range(program.epochs.segments(epoch)), program.epochs.segments(epoch), "comparing"):
        if count >= COMPARED_IDS:
            break
        batches = program.segment(epoch, number).batches
        ids.append(batches.indices)
        ends.append(count + batches.offsets[1:])
        count += batches.indices.size
    joined = np.concatenate(ends)
    kept = joined[: int(np.searchsorted(joined, COMPARED_IDS, side="left")) + 1]
    return np.concatenate(ids)[:COMPARED_IDS], kept


def _agreement(one: Int64, two: Int64) -> tuple[int, int]:
    common = min(one.size, two.size)
    wrong = np.flatnonzero(one[:common] != two[:common])
    return int(wrong[0]) if wrong.size else common, max(one.size, two.size)


def _shared(one: Int64, two: Int64) -> float:
    (ids_one, counts_one), (ids_two, counts_two) = (np.unique(ids, return_counts=True) for ids in (one, two))
    _, at_one, at_two = np.intersect1d(ids_one, ids_two, assume_unique=True, return_indices=True)
    return float(np.minimum(counts_one[at_one], counts_two[at_two]).sum() / max(one.size, two.size, 1))
