"""The order in which torch's DistributedSampler deals, batch by batch and rank by rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from croupier.core.batches import Batches, Int64
from croupier.core.key import Key
from croupier.core.ledger import Ledger
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_flag, checked_int

__all__ = ["CutByRank", "DistributedSamplerOrder"]


@dataclass(frozen=True, slots=True)
class DistributedSamplerOrder:
    """Deal what ``DataLoader(..., sampler=DistributedSampler(...))`` deals, to go on with a run begun there.

    Parameters
    ----------
    batch_size : int
        Ids per batch and rank: those of the DataLoader, and of ``FixedSize``.
    world_size : int
        The ranks that the DistributedSampler knew, ``num_replicas``. It is part of the order: a run that later goes on
        on other ranks keeps it.
    seed : int
    shuffle, drop_last : bool
        As given to the DistributedSampler.

    Epoch e is that of ``sampler.set_epoch(e)``; the seed of the run changes nothing. The flat order of a step is
    rank 0's batch, rank 1's batch, and so on. Adds column ``sampler_rank``: the rank that torch gives the id to.

    Guarantees: with ``cr.chain(DistributedSamplerOrder(...), CutByRank(), cr.FixedSize(batch_size))`` on
    ``world_size`` ranks each rank gets torch's batches, the last short one included; ``Tail.DROP`` does what the
    DataLoader's ``drop_last`` does. Without ``CutByRank`` they differ in the last step of an epoch alone: it holds the
    same ids over all ranks, cut into other batches. On other ranks the same ids follow in the same flat order.
    As in torch, ids repeated to even out the ranks are not flagged; the ledger counts them.
    Prepares 4 or 8 bytes a row and epoch where it shuffles. Which permutation a seed gives is up to the torch that is
    installed. Not guaranteed: that epochs are unrelated, for epoch 1 of seed 0 is epoch 0 of seed 1;
    :class:`croupier.Shuffle` stores nothing and has no such relation.

    Source: ``torch.utils.data.DistributedSampler`` of torch 2.13, by its behaviour and its published source.

    Examples
    --------
    >>> import croupier as cr
    >>> order = DistributedSamplerOrder(batch_size=2, world_size=2, shuffle=False)
    >>> plan = cr.chain(order, CutByRank(), cr.FixedSize(2))
    >>> ranks = [cr.Dealer(plan, cr.Table(size=5), seed=0, rank=rank, world_size=2) for rank in (0, 1)]
    >>> [[deal.ids.tolist() for deal in rank] for rank in ranks]
    [[[0, 2], [4]], [[1, 3], [0]]]

    To change over after a batch of epoch 3, deal it and drop it, which reads no data:

    >>> dealer = ranks[0]
    >>> dealer.set_epoch(3)
    >>> deals = iter(dealer)
    >>> already_seen = next(deals)
    >>> next(deals).ids.tolist()
    [4]
    """

    batch_size: int
    world_size: int
    seed: int = 0
    shuffle: bool = True
    drop_last: bool = False
    name: str = "distributed_sampler_order"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shuffle", checked_flag("shuffle", self.shuffle, fix="as in DistributedSampler"))
        object.__setattr__(self, "drop_last", checked_flag("drop_last", self.drop_last, fix="as in DistributedSampler"))
        batch_size = checked_int("batch_size", self.batch_size, at_least=1, fix="pass that of the DataLoader")
        object.__setattr__(self, "batch_size", batch_size)
        world_size = checked_int(
            "world_size", self.world_size, at_least=1, fix="pass num_replicas of the DistributedSampler"
        )
        object.__setattr__(self, "world_size", world_size)
        seed = checked_int("seed", self.seed, at_least=0, fix="pass the seed of the DistributedSampler")
        object.__setattr__(self, "seed", seed)

    @property
    def prepared_per_epoch(self) -> bool:
        """Each epoch has a permutation of its own."""
        return self.shuffle

    @property
    def may_repeat(self) -> bool:
        """To even out the ranks."""
        return not self.drop_last

    def epoch_size(self, table: Table, epoch: int) -> int:
        """The rows, made a multiple of the ranks."""
        return self._rank_samples(table) * self.world_size

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The permutation that torch draws."""
        if not self.shuffle:
            return {}
        generator = torch.Generator(device="cpu")
        generator.manual_seed(self.seed + epoch)
        permutation = torch.randperm(table.size, generator=generator, device="cpu").numpy()
        return {"permutation": permutation.astype(np.int32) if table.size < 2**31 else permutation}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        rows = context.table.size
        steps, inside = np.divmod(batches.indices, self.batch_size * self.world_size)
        ranks, turns = np.divmod(inside, self._batch_sizes(steps, context.table))
        places = (steps * self.batch_size + turns) * self.world_size + ranks
        ids = places % rows
        if self.shuffle:
            ids = context.prepared["permutation"][ids].astype(np.int64)
        dealt = batches.with_indices(ids, sampler_rank=ranks.astype(np.int32))
        return dealt.with_ledger(Ledger.of(self.name, "repeated as padding", int(np.count_nonzero(places >= rows))))

    def position_of(self, ids: Int64, context: Context) -> Int64:
        """Where in this epoch each id comes first; -1 for those dropped."""
        places = np.asarray(ids, np.int64)
        if self.shuffle:
            permutation = context.prepared["permutation"]
            inverse = np.empty_like(permutation)
            inverse[permutation] = np.arange(permutation.size, dtype=permutation.dtype)
            places = inverse[places].astype(np.int64)
        turns, ranks = np.divmod(places, self.world_size)
        steps, turns_inside = np.divmod(turns, self.batch_size)
        inside = ranks * self._batch_sizes(steps, context.table) + turns_inside
        positions = steps * self.batch_size * self.world_size + inside
        return np.where(turns < self._rank_samples(context.table), positions, -1)

    def _rank_samples(self, table: Table) -> int:
        return table.size // self.world_size if self.drop_last else -(-table.size // self.world_size)

    def _batch_sizes(self, steps: Int64, table: Table) -> Int64:
        return np.minimum(self.batch_size, self._rank_samples(table) - steps * self.batch_size)


@dataclass(frozen=True, slots=True)
class CutByRank:
    """Cut where :class:`DistributedSamplerOrder` goes on to the next rank, so that each rank's last batch is torch's.

    Stands between that order and ``FixedSize``, which keeps its cuts. torch gives the last step's ids to the ranks in
    equal parts; ``FixedSize`` alone would fill the batches of the first ranks.

    Examples
    --------
    >>> import croupier as cr
    >>> order = DistributedSamplerOrder(batch_size=4, world_size=2, shuffle=False)
    >>> for plan in (cr.chain(order, cr.FixedSize(4)), cr.chain(order, CutByRank(), cr.FixedSize(4))):
    ...     [len(cr.Dealer(plan, cr.Table(size=6), seed=0, rank=rank, world_size=2).first()) for rank in (0, 1)]
    [4, 2]
    [3, 3]
    """

    name: str = "cut_by_rank"

    def plan(self, batches: Batches, context: Context) -> Batches:
        """The same ids, with cuts added."""
        if "sampler_rank" not in batches.columns:
            raise BadArgument(
                "CutByRank", "follow DistributedSamplerOrder", sorted(batches.columns), "put that order in front"
            )
        turns = np.flatnonzero(np.diff(batches.columns["sampler_rank"])) + 1
        return batches.with_offsets(np.union1d(batches.offsets, turns))
