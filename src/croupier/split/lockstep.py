"""A batch of the plan is one rank's batch; ranks take consecutive ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.key import Key
from croupier.core.policies import FewIds, Whole
from croupier.core.split import Recut, Share, Shares
from croupier.errors import BadArgument, TooFewIds, checked_int
from croupier.split.arranging import in_random_order, without_empty_batches
from croupier.split.recutting import recut_to_multiple

__all__ = ["Lockstep"]

MAY_BE_CUT = (Whole.NO, Whole.CUT_ONLY, Whole.WITH_ITS_LANES)


@dataclass(frozen=True, slots=True)
class Lockstep:
    """W ranks take W consecutive batches of the flat order per step.

    Parameters
    ----------
    lanes : int, optional
        How many consecutive batches are cut from neighbouring lengths and dealt together. Default: the world size at
        the start of the run; from then on it is part of the run. With a world size that divides the lanes, each step
        is of one shape; with any other, the same ids come in the same order and a few steps mix shapes.
    few_ids : FewIds
        What to do where the end of an epoch has fewer ids than ranks.

    Guarantees: every rank gets the same number of batches, each with at least one id; the flat order does not depend
    on the world size. The last batches of a segment are split in place to fill the lanes, those of an epoch to fill
    the ranks; ids keep their order and no budget is broken.

    Examples
    --------
    >>> import croupier as cr
    >>> plan, table = cr.chain(cr.Sequential(), cr.FixedSize(2)), cr.Table(size=6)
    >>> [[deal.ids.tolist() for deal in cr.Dealer(plan, table, seed=0, rank=rank, world_size=2)] for rank in (0, 1)]
    [[[0, 1], [4]], [[2, 3], [5]]]
    """

    lanes: int | None = None
    few_ids: FewIds = FewIds.REFUSE

    def __post_init__(self) -> None:
        if self.lanes is not None:
            lanes = checked_int("lanes", self.lanes, at_least=1, fix="pass the usual number of ranks, or None")
            object.__setattr__(self, "lanes", lanes)
        if not isinstance(self.few_ids, FewIds):
            raise BadArgument("few_ids", "be a FewIds", self.few_ids, "pass FewIds.DROP or FewIds.PAD, say")

    @property
    def steady_micro_batches(self) -> int:
        """One: a batch is a step's share."""
        return 1

    def lanes_for(self, world_size: int) -> int:
        """The lanes given, else the world size."""
        return int(self.lanes or world_size)

    def arrange(self, batches: Batches, lanes: int, key: Key) -> Batches:
        """Fill the lanes, then deal the groups in random order where that is allowed."""
        batches = without_empty_batches(batches)
        sizes = recut_to_multiple(batches.sizes, lanes) if batches.whole in MAY_BE_CUT else None
        if sizes is not None and sizes.size != len(batches):
            batches = batches.with_offsets(np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]))
        return in_random_order(batches, lanes, key)

    def batches_per_step(self, world_size: int) -> int:
        """One for each rank."""
        return world_size

    def recut(self, sizes: Int64, world_size: int, whole: Whole) -> Recut:
        """Split the last batches until every rank gets one; of whole batches, none is split."""
        left = sizes.size % world_size
        new_sizes = recut_to_multiple(sizes, world_size) if whole in MAY_BE_CUT or not left else None
        if new_sizes is not None:
            return Recut(new_sizes)
        match self.few_ids:
            case FewIds.PAD:
                return Recut(sizes)
            case FewIds.DROP:
                return Recut(sizes[: sizes.size - left], int(sizes[sizes.size - left :].sum()))
            case FewIds.REFUSE if whole not in MAY_BE_CUT:
                raise TooFewIds(
                    f"the epoch ends with {left} batches that may not be cut, for {world_size} ranks; choose"
                    " Lockstep(few_ids=FewIds.DROP) or FewIds.PAD, or a world size that divides the lanes that the run"
                    " began with"
                )
            case FewIds.REFUSE:
                raise TooFewIds(
                    f"the epoch ends with {int(sizes.sum())} ids in {sizes.size} batches for {world_size} ranks, and"
                    " these cannot be split into equal counts; choose Lockstep(few_ids=FewIds.DROP) or FewIds.PAD,"
                    " FixedSize(..., tail=Tail.CARRY) or Tail.DROP, or Repeat(order, times)"
                )

    def share(self, batch: Batches, world_size: int, rank: int) -> Shares:
        """Batch r is the share of rank r; ranks beyond the last batch repeat an id, or a whole batch, as padding."""
        batches = len(batch)
        if rank < batches:
            share = Share(slice(int(batch.offsets[rank]), int(batch.offsets[rank + 1])))
        elif batch.whole in MAY_BE_CUT:
            share = Share(np.array([(rank - batches) % batch.indices.size]), is_padding=True)
        else:
            begin, end = batch.offsets[(rank - batches) % batches :][:2].tolist()
            share = Share(np.arange(begin, end, dtype=np.int64), is_padding=True)
        missing = np.arange(world_size - batches)
        repeated = missing.size if batch.whole in MAY_BE_CUT else int(batch.sizes[missing % batches].sum())
        return Shares((share,), repeated)
