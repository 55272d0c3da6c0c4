"""How many steps it takes to find thirty batch sizes on devices of unknown law."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.harness import OURS, Reach, Row, row
from benchmarks.lengths import lognormal_lengths
from benchmarks.simulated_device import SimulatedDevice
from croupier.kernels.bucket_bounds import optimal_bounds
from croupier.torch.batch_size_search import BatchSizeSearch

BUCKETS = 30
BISECTION = "bracket and bisect, each shape from the last"
MOST = 2**16


def rows(*, quick: bool) -> Iterator[Row]:
    """Probes, and how near the sizes come to the limit."""
    distinct, counts = np.unique(lognormal_lengths(10**5).astype(np.int64), return_counts=True)
    bounds = optimal_bounds(distinct, counts, BUCKETS).tolist()
    taken: dict[str, list[float]] = {"with a reading": [], "without": [], BISECTION: []}
    shares: list[float] = []
    for seed in range(10 if quick else 60):
        for name, reads in (("with a reading", True), ("without", False)):
            device = SimulatedDevice(seed)
            search = BatchSizeSearch(device, device if reads else None, MOST)
            search.begin((bounds[0],))
            sizes = [search.largest((bound,)) for bound in reversed(bounds)]
            taken[name].append(float(len(search.probes)))
            if reads:
                limits = [min(MOST, device.most_examples(bound)) for bound in reversed(bounds)]
                # One row is as near as a small limit can be missed by.
                shares += [
                    size / limit if limit - size != 1 else max(0.95, size / limit)
                    for size, limit in zip(sizes, limits, strict=True)
                ]
        taken[BISECTION].append(float(_bisected(SimulatedDevice(seed), bounds)))
    yield row(
        f"find_batch_sizes, {BUCKETS} buckets, simulated devices, peaks read: steps tried", "",
        {OURS: taken["with a reading"], BISECTION: taken[BISECTION]}, better="less", reach=Reach(at_most=45),
        note=f"at most {max(taken['with a reading']):.0f} of {len(taken['without'])} laws",
    )  # fmt: skip
    yield row(
        "... no reading of memory, only whether a step fitted", "",
        {OURS: taken["without"], BISECTION: taken[BISECTION]}, better="less",
    )  # fmt: skip
    yield row(
        "... peaks read: smallest size over its limit (one row counts as within)",
        "",
        {OURS: [min(shares)]},
        better="more",
        reach=Reach(at_least=0.95),
    )
    yield row(
        "... peaks read: largest size over its limit",
        "",
        {OURS: [max(shares)]},
        better="less",
        reach=Reach(at_most=1.0),
    )


def _bisected(device: SimulatedDevice, bounds: list[int]) -> int:
    """OOMptimizer's search by its description: double or halve, then bisect to 5 %; start at twice the last size."""
    tries, start = 0, 32
    for bound in reversed(bounds):
        fits, too_large, rows_tried = 0, 0, start
        while not (fits and too_large and ((too_large - fits) / too_large <= 0.05 or too_large - fits <= 1)):
            tries += 1
            try:
                device(rows_tried, (bound,))
                fits = rows_tried
            except RuntimeError:
                too_large = rows_tried
            if not too_large:
                rows_tried *= 2
            elif not fits:
                rows_tried = max(1, rows_tried // 2)
            else:
                rows_tried = round((fits + too_large) / 2)
            if fits >= MOST:
                break
        start = 2 * fits
    return tries
