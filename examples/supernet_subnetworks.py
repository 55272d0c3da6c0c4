"""Deal the subnetworks of a supernet: which of the networks that share weights is trained in each step.

The ids are rows of a table of subnetworks (depth, width, kernel, FLOPs). Three published samplers:

- Tang et al., "ElasticViT" (ICCV 2023), complexity-aware sampling: bound the difference in FLOPs of adjacent steps, and
  cover all sizes. ``UpAndDown`` is our reading: theirs draws from levels of FLOPs next to that of the last step.
- Valipour et al., "SortedNet" (2309.00255): the subnetworks are sorted, each the beginning of the next, and every step
  draws one at random (uniformly, in our reading): ``Weighted("is_sorted")``.
- Zhang et al., "ShiftNAS" (ICCV 2023): a learned probability for each part of the search space by FLOPs, moved towards
  those trained least; in our reading by the gap to networks trained alone: ``Mixture("part", shifted(shares, gaps))``.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import croupier as cr


def subnetworks(parts: int) -> cr.Table:
    """507 of separable convolutions on 28 x 28 pixels, 13 of them sorted, in parts of equal width in FLOPs."""
    d, w, k = np.indices((13, 13, 3)).reshape(3, -1)
    depth, width, kernel = d + 8, 4 * w + 16, 2 * k + 3
    flops = depth * 28 * 28 * (kernel**2 * width + width**2)
    part = np.minimum(parts * (flops - flops.min()) // np.ptp(flops), parts - 1)
    is_sorted = ((d == w) & (k == d // 5)).astype(np.float64)
    return cr.Table(depth=depth, width=width, kernel=kernel, flops=flops, part=part, is_sorted=is_sorted)


def largest_step(costs: npt.NDArray[np.int64], places: int) -> int:
    """The largest difference between costs that are up to so many places apart when sorted."""
    costs = np.sort(costs)
    return int((costs[places:] - costs[:-places]).max() if places < costs.size else np.ptp(costs))


@dataclass(frozen=True, slots=True)
class UpAndDown:
    """Each id once an epoch, in steps of bounded cost: up through a random half of the ids, down through the others.

    Sorted by cost, ids are cut into windows of 2w: w of each, drawn anew in every epoch, come in random order on the
    way up, the rest on the way down; w is the largest that the bound allows. If it allows none, even places go up.

    Guarantees: adjacent ids, also where epochs meet, differ by at most ``max_difference`` in cost, and are at most
    4w - 1 places apart. Refused below the largest difference over two places, which no round trip through all ids can
    do without: it passes place i + 1 once, and so leaps over it once, from i or before to i + 2 or after.
    """

    max_difference: int
    name: str = "up_and_down"
    prepared_per_epoch = True

    def epoch_size(self, table: cr.Table, epoch: int) -> int:
        """All rows."""
        return table.size

    def prepare(self, table: cr.Table, key: cr.Key, epoch: int) -> dict[str, npt.NDArray[np.int64]]:
        """The ids of the epoch, in order."""
        costs, places = table.column("flops"), np.arange(table.size)
        if self.max_difference < largest_step(costs, 2):
            raise ValueError(f"max_difference must be at least {largest_step(costs, 2)}, got {self.max_difference}")
        half = next((w for w in places[:0:-1] if largest_step(costs, 4 * w - 1) <= self.max_difference), 0)
        draws = np.array([key.child(epoch, row).bits if half else 0 for row in range(table.size)], np.uint64)
        window, rank = np.divmod(places, max(2 * half, 2))
        ids = np.argsort(costs, kind="stable")[np.lexsort((draws, window))]
        return {"ids": np.append(ids[rank < max(half, 1)], ids[rank >= max(half, 1)][::-1])}

    def plan(self, batches: cr.Batches, context: cr.Context) -> cr.Batches:
        """Positions to ids."""
        return batches.with_indices(context.prepared["ids"][batches.indices])


def shifted(shares: npt.NDArray[np.float64], gaps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Shares moved up the gaps: each times exp(gap), then scaled to sum to 1."""
    weights = shares * np.exp(gaps - gaps.max())
    return weights / weights.sum()


if __name__ == "__main__":
    table = subnetworks(parts=4)
    for order in (cr.Shuffle(), UpAndDown(35_000_000), UpAndDown(11_000_000), cr.Weighted("is_sorted", 1300)):
        ids = np.concatenate([deal.ids for deal in cr.Dealer(cr.chain(order, cr.FixedSize(1)), table, seed=0)])
        mega = np.rint(table.column("flops")[ids] / 1e6)
        print(order.name, len(set(ids)), "subnetworks, steps to", np.abs(np.diff(mega)).max(), "MFLOPs:", *mega[:12])
    shares, trained = np.full(4, 0.25), np.ones(4)
    for _ in range(4):
        plan = cr.chain(cr.Mixture("part", dict(enumerate(shares)), epoch_end=500), cr.FixedSize(500))
        trained += np.bincount(table.column("part")[cr.Dealer(plan, table, seed=0).first()])
        shares = shifted(shares, gaps := 100 * np.arange(1, 5) / trained)  # simulated: larger networks need more
        print("gaps of the parts", *gaps.round(2), "next shares", *shares.round(2))
