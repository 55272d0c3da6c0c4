"""From which segment of a run on something may hold that is adopted where the run stands now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from croupier.core.cursor import Cursor
from croupier.run.epochs import Epochs
from croupier.run.learned_scores import DELAY

__all__ = ["Adoption"]


@dataclass(frozen=True, slots=True)
class Adoption:
    """Segments by their place among all of the run; the same on every rank, live and after a restart.

    No loader plans an epoch before the pass over the one before it is over, unless a stream that can go back has looked
    so far ahead. So the next epoch is free whatever was prefetched, and within an epoch the segment after next.

    Parameters
    ----------
    segment : int
        The segment after next, or the first of the next epoch if that comes sooner.
    epoch : int
        The first segment of the next epoch: between epochs, of the one that is about to begin.
    planned : int
        The last segment that was planned ahead.

    Examples
    --------
    >>> import croupier as cr
    >>> plan = cr.chain(cr.Shuffle(), cr.FixedSize(5), segment_ids=20)
    >>> epochs = cr.Dealer(plan, cr.Table(size=100), seed=0).program.epochs
    >>> Adoption.at(cr.Cursor(epoch=1, segment=0, epoch_steps=2), epochs, begun=True, planned=5)
    Adoption(segment=7, epoch=10, planned=5)
    """

    segment: int
    epoch: int
    planned: int

    @classmethod
    def at(cls, cursor: Cursor, epochs: Epochs, *, begun: bool, planned: int) -> Self:
        """Where the run stands at the cursor; ``begun`` says whether a pass over its epoch is under way."""
        is_between = cursor.epoch_steps == 0 and not begun
        epoch = epochs.ordinal(cursor.epoch if is_between else cursor.epoch + 1, 0)
        return cls(min(epochs.ordinal(cursor.epoch, cursor.segment) + DELAY, epoch), epoch, planned)
