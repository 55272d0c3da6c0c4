"""A batch of the plan is the global batch of an optimizer step, cut into packed shares of equal cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.cost import Cost
from croupier.core.key import Key
from croupier.core.policies import FewIds, Whole
from croupier.core.split import Recut, Share, Shares
from croupier.errors import BadArgument, keep_plain_numbers
from croupier.kernels.partitioning import partition
from croupier.split.arranging import in_random_order, without_empty_batches
from croupier.split.global_batches import check_balance, recut_last_global, too_few_for

__all__ = ["BalancedPacked"]

NO_CAP = 2**61


@dataclass(frozen=True, slots=True)
class BalancedPacked:
    """Cut each global batch into world size x micro-batches shares of equal summed cost, to be laid end to end.

    For models that take packed sequences (``croupier.torch.packed``): a share costs the sum of what its examples cost,
    so they need not be of similar lengths. Where shares are padded, choose :class:`Balanced`.

    Parameters
    ----------
    max_tokens : int, optional
        Memory cap: no share has more tokens. As many micro-batches are made as this needs.
    micro_batches : int
        At least this many for each rank and step (gradient accumulation).
    cost : Cost
        What an example costs; attention makes long ones cost more than their tokens, see :class:`Cost`.
    few_ids : FewIds
        What to do where a global batch has fewer ids than shares.
    length : str
        The column of lengths.

    Guarantees: every rank has the same number of micro-batches in a step; each example whole in one share, none empty;
    the largest share within a third of the least there can be, and on real lengths of text within one in ten thousand
    of the mean wherever no single example costs more than that. ``preview`` shows both: the largest rank, and the bound
    below which no assignment can be.

    Raises
    ------
    BadTable
        The table has no such column of lengths.

    Source: R. L. Graham, "Bounds on multiprocessing timing anomalies" (1969), improved by exchanges; see
    ``kernels/partitioning.py``.

    Examples
    --------
    >>> import croupier as cr
    >>> plan, table = cr.chain(cr.Sequential(), cr.FixedSize(5)), cr.Table(length=[8, 7, 6, 5, 4])
    >>> split = BalancedPacked()
    >>> [cr.Dealer(plan, table, seed=0, rank=r, world_size=2, split=split).first().ids.tolist() for r in (0, 1)]
    [[2, 3, 4], [0, 1]]
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
    def needs_lengths(self) -> bool:
        """There is nothing else to balance by."""
        return True

    @property
    def steady_micro_batches(self) -> int | None:
        """As many as asked for; None where a memory cap may need more."""
        return self.micro_batches if self.max_tokens is None else None

    def lanes_for(self, world_size: int) -> int:
        """One: a global batch stands for itself."""
        return 1

    def arrange(self, batches: Batches, lanes: int, key: Key) -> Batches:
        """Deal the global batches in random order where that is allowed."""
        return in_random_order(without_empty_batches(batches), 1, key)

    def batches_per_step(self, world_size: int) -> int:
        """One global batch."""
        return 1

    def recut(self, sizes: Int64, world_size: int, whole: Whole) -> Recut:
        """Join the last global batch with the one before and halve both, where it has too few ids."""
        return recut_last_global(sizes, (world_size, self.micro_batches), whole, self.few_ids)

    def share(self, batch: Batches, world_size: int, rank: int) -> Shares:
        """Partition by cost, and give each micro-batch shares that are neighbours in cost."""
        lengths: Int64 = batch.columns[self.length]
        order = np.argsort(-lengths, kind="stable")
        # At least one each, so that examples without a length do not leave a share empty.
        costs, sizes = np.maximum(1, self.cost.of(lengths[order])), lengths[order]
        micro_batches, share_of = self._fitting(costs, sizes, world_size)
        shares = world_size * micro_batches
        if lengths.size < shares and self.few_ids is not FewIds.PAD:
            raise too_few_for(lengths.size, (world_size, micro_batches))
        sums = np.bincount(share_of, weights=costs, minlength=shares)
        by_cost = np.argsort(-sums, kind="stable")
        mine: list[Share] = []
        for micro_batch in range(micro_batches):
            place = micro_batch * world_size + (world_size - 1 - rank if micro_batch % 2 else rank)
            rows = np.sort(order[share_of == by_cost[place]])
            is_padding = not rows.size
            mine.append(Share(order[place % lengths.size, None] if is_padding else rows, is_padding))
        return Shares(tuple(mine), max(0, shares - lengths.size))

    def cost_of(self, share: Batches) -> int:
        """The sum over the examples."""
        return int(self.cost.of(share.columns[self.length]).sum())

    def least_largest(self, batch: Batches, world_size: int) -> int:
        """What the costliest example and the sum of all ask for."""
        costs = self.cost.of(batch.columns[self.length])
        return max(int(costs.max()), -(-int(costs.sum()) // world_size))

    def _fitting(self, costs: Int64, sizes: Int64, world_size: int) -> tuple[int, Int64]:
        capacity = NO_CAP if self.max_tokens is None else self.max_tokens
        if int(sizes[0]) > capacity:
            raise BadArgument(
                "BalancedPacked(max_tokens=)", f"be >= the longest example ({int(sizes[0])})", self.max_tokens,
                "raise it, or split, truncate or drop such examples with TokenBudget(too_long=...)",
            )  # fmt: skip
        micro_batches = max(self.micro_batches, -(-int(sizes.sum()) // (capacity * world_size)))
        while (share_of := partition(costs, sizes, world_size * micro_batches, capacity)) is None:
            micro_batches += 1
        return micro_batches, share_of
