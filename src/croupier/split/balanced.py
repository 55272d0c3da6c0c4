"""A batch of the plan is the global batch of an optimizer step, cut into equal shares under a memory cap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.cost import Cost
from croupier.core.key import Key
from croupier.core.policies import FewIds, Whole
from croupier.core.split import Recut, Share, Shares
from croupier.errors import BadArgument, keep_plain_numbers
from croupier.kernels.balancing import balanced_sizes
from croupier.split.arranging import in_random_order, without_empty_batches
from croupier.split.global_batches import check_balance, recut_last_global, too_few_for

__all__ = ["Balanced"]


@dataclass(frozen=True, slots=True)
class Balanced:
    """Cut each global batch into world size x micro-batches shares of equal padded cost.

    The global batches are the same on 1 or 512 ranks, so the training is too; only the cut differs.

    Parameters
    ----------
    max_tokens : int, optional
        Memory cap: no micro-batch has more padded tokens. As many micro-batches are made as this needs.
    micro_batches : int
        At least this many for each rank and step (gradient accumulation).
    cost : Cost
        What an example of the share's longest length costs; tokens by default. Of what was measured while running,
        ``adopt_cost`` brings in a newer version.
    few_ids : FewIds
        What to do where a global batch has fewer ids than shares.
    length : str
        The column to balance; shares are equal in count where neither plan nor table has it.

    Guarantees: every rank has the same number of micro-batches in a step; no share is empty; no way to share the ids
    has a smaller largest share (examples x cost of the longest, at least 1 each); shares of one micro-batch have
    similar lengths on all ranks.

    Shares are consecutive cuts of the batch sorted by length. That loses nothing: take any shares in order of their
    longest example and hand the examples out anew, longest first, by the same counts; no share's longest gets longer.

    A step is the unit of a checkpoint: a state saved between two micro-batches is that of the step's beginning, as
    the model's weights are.

    Examples
    --------
    >>> import croupier as cr
    >>> plan = cr.chain(cr.Sequential(), cr.FixedSize(4))
    >>> table = cr.Table(length=[6, 3, 1, 2])
    >>> [cr.Dealer(plan, table, seed=0, rank=r, world_size=2, split=Balanced()).first().ids.tolist() for r in (0, 1)]
    [[0], [1, 3, 2]]
    """

    max_tokens: int | None = None
    micro_batches: int = 1
    cost: Cost = Cost()  # noqa: RUF009 - a frozen value
    few_ids: FewIds = FewIds.REFUSE
    length: str = "length"

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        check_balance(self.max_tokens, self.micro_batches, self.cost, self.few_ids, self.length)

    @property
    def steady_micro_batches(self) -> int | None:
        """As many as asked for; None where a memory cap may need more."""
        return self.micro_batches if self.max_tokens is None else None

    def lanes_for(self, world_size: int) -> int:
        """One: a global batch stands for itself."""
        return 1

    def arrange(self, batches: Batches, lanes: int, key: Key) -> Batches:
        """Even out the last two global batches, then deal all in random order where that is allowed."""
        batches = without_empty_batches(batches)
        if batches.whole is Whole.NO:
            batches = self._with_even_end(batches)
        return in_random_order(batches, 1, key)

    def batches_per_step(self, world_size: int) -> int:
        """One global batch."""
        return 1

    def recut(self, sizes: Int64, world_size: int, whole: Whole) -> Recut:
        """Join the last global batch with the one before and halve both, where it has too few ids."""
        return recut_last_global(sizes, (world_size, self.micro_batches), whole, self.few_ids)

    def share(self, batch: Batches, world_size: int, rank: int) -> Shares:
        """Sort by length, cut into consecutive shares, and give each micro-batch neighbouring ones."""
        lengths = batch.columns.get(self.length)
        ids = batch.indices.size
        if lengths is None:
            order, micro_batches = np.arange(ids, dtype=np.int64), self.micro_batches
            sizes = _equal_sizes(ids, min(ids, world_size * micro_batches))
        else:
            order = np.argsort(-lengths, kind="stable")
            micro_batches, sizes = self._fitting_sizes(lengths[order], world_size)
        shares = world_size * micro_batches
        if ids < shares and self.few_ids is not FewIds.PAD:
            raise too_few_for(ids, (world_size, micro_batches))
        ends = np.cumsum(sizes)
        mine: list[Share] = []
        for micro_batch in range(micro_batches):
            # Every other micro-batch is dealt from the last rank to the first: no rank always has the longest.
            place = micro_batch * world_size + (world_size - 1 - rank if micro_batch % 2 else rank)
            if place < sizes.size:
                mine.append(Share(order[ends[place] - sizes[place] : ends[place]]))
            else:
                mine.append(Share(order[(place - ids) % ids, None], is_padding=True))
        return Shares(tuple(mine), shares - sizes.size)

    def cost_of(self, share: Batches) -> int:
        """Examples x cost of the longest; examples, where there is no length."""
        lengths = share.columns.get(self.length)
        if lengths is None:
            return share.indices.size
        return share.indices.size * int(self.cost.of(lengths.max()[None])[0])

    def least_largest(self, batch: Batches, world_size: int) -> int:
        """Of one micro-batch a step, the optimum; of several, what the longest example and the sum of all ask for."""
        lengths = batch.columns.get(self.length)
        if lengths is None:
            return -(-batch.indices.size // world_size)
        costs = self.cost.of(np.sort(lengths)[::-1])
        if self.micro_batches == 1 and self.max_tokens is None and costs.size >= world_size:
            sizes = cast(Int64, balanced_sizes(costs, world_size))
            return int((sizes * costs[np.cumsum(sizes) - sizes]).max())
        return max(int(costs[0]), -(-int(costs.sum()) // world_size))

    def _with_even_end(self, batches: Batches) -> Batches:
        """Where few ids are left for the last batch, too few for many ranks, move its cut forward.

        The larger of the last two becomes as small as it can be, in padded tokens, and neither gets more ids than the
        one before had.
        """
        if len(batches) < 2 or 2 * batches.sizes[-1] >= batches.sizes[-2]:
            return batches
        begin, cut, end = batches.offsets[-3:].tolist()
        left = np.arange(max(1, end - cut), cut - begin + 1, dtype=np.int64)
        lengths = batches.columns.get(self.length)
        longest_left = longest_right = np.ones(left.size, dtype=np.int64)
        if lengths is not None:
            longest_left = np.maximum.accumulate(lengths[begin:end])[left - 1]
            longest_right = np.maximum.accumulate(lengths[begin:end][::-1])[::-1][left]
        largest = np.maximum(left * longest_left, (end - begin - left) * longest_right)
        offsets = batches.offsets.copy()
        offsets[-2] = begin + left[np.argmin(largest)]
        return batches.with_offsets(offsets)

    def _fitting_sizes(self, descending: Int64, world_size: int) -> tuple[int, Int64]:
        ids = descending.size
        costs = self.cost.of(descending)
        micro_batches = self.micro_batches
        while True:
            sizes = balanced_sizes(costs, min(ids, world_size * micro_batches), descending, self.max_tokens)
            if sizes is not None:
                return micro_batches, sizes
            if world_size * micro_batches >= ids:
                raise BadArgument(
                    "Balanced(max_tokens=)", f"be >= the longest example ({int(descending[0])})", self.max_tokens,
                    "raise it, or drop or truncate such examples with TokenBudget(too_long=...)",
                )  # fmt: skip
            micro_batches += 1


def _equal_sizes(total: int, shares: int) -> Int64:
    whole, rest = divmod(total, shares)
    return np.array([whole + (share < rest) for share in range(shares)], dtype=np.int64)
