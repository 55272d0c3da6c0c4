"""What a training loop chose among the candidates it was dealt, counted over all ranks."""

from __future__ import annotations

from croupier.core.key import Key
from croupier.core.ledger import Ledger
from croupier.errors import checked_kind
from croupier.run.deal import Deal
from croupier.run.walk import Step

__all__ = ["Choices", "choice_key"]

LOOP = "loop"
OFFERED, CHOSEN = "offered as candidates", "chosen among them"


def choice_key(seed: int, deal: Deal) -> Key:
    """The stream for a choice within this deal: by its place in the flat order, so after a resume it is the same again.

    Ranks and micro-batches have streams of their own.
    """
    checked_kind("deal", deal, Deal, fix="pass loader.deal")
    return Key(seed).child("choice", deal.epoch, deal.segment, int(deal.places[0]))


class Choices:
    """A tally that goes with the cursor: a choice counts once its step is done, and not if the step is dealt again."""

    def __init__(self) -> None:
        self._before = self._settled = Ledger()
        self._pending: dict[int, Ledger] = {}
        self._last_step = 0
        self._shared: tuple[Step, list[tuple[int, int]]] | None = None

    def begin_pass(self, steps: int) -> None:
        """A pass begins where the run has made so many steps; what was chosen in later ones was abandoned."""
        if steps >= self._last_step:
            self._before = self.ledger(steps)
        self._settled, self._pending, self._last_step = Ledger(), {}, steps

    def add(self, deal: Deal, chosen: int, world_size: int) -> None:
        """Count a choice of so many of a deal's ids, on each rank alike."""
        if self._shared is None or self._shared[0] is not deal.origin[0]:
            self._shared = deal.origin[0], _candidates(deal, world_size)
        offered, ranks = self._shared[1][deal.micro_batch]
        counted = Ledger.of(LOOP, OFFERED, offered) + Ledger.of(LOOP, CHOSEN, chosen * ranks)
        number = deal.cursor.steps
        self._pending[number] = self._pending.get(number, Ledger()) + counted
        self._last_step = max(self._last_step, number)

    def ledger(self, steps: int) -> Ledger:
        """What was chosen since the last state was loaded, by a run that has made so many steps."""
        for number in [number for number in self._pending if number <= steps]:
            self._settled += self._pending.pop(number)
        return self._before + self._settled


def _candidates(deal: Deal, world_size: int) -> list[tuple[int, int]]:
    """For each micro-batch of the step, over all ranks: the examples offered, and the ranks that are offered some."""
    step = deal.origin[0]
    flags = step.batches.columns.get("is_padding")
    first = step.split.share(step.batches, world_size, 0)
    if deal.micro_batches == 1 and not first.padding_ids:
        return [(deal.step_examples, world_size)]
    counts = [(0, 0)] * deal.micro_batches
    for rank in range(world_size):
        for micro, share in enumerate(step.split.share(step.batches, world_size, rank).mine):
            if not share.is_padding:
                rows = step.batches.indices[share.rows].size
                offered = rows if flags is None else rows - int(flags[share.rows].sum())
                counts[micro] = (counts[micro][0] + offered, counts[micro][1] + 1)
    return counts
