"""Batches: how fast they are planned and dealt, and (in ``batch_quality`` and ``batch_lanes``) how good they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks import batch_bounds, batch_lanes, batch_packing, batch_quality, peers, split_balance
from benchmarks.batch_quality import CONTROL, LHOTSE
from benchmarks.harness import OURS, Reach, Row, interleaved, row, seconds
from benchmarks.lengths import Int32, lognormal_lengths
from benchmarks.ours import deal_epoch, dealer_of, default_plan, plan_epoch

MANY_LANES = 64
LHOTSE_CUTS = 50_000


def rows(*, quick: bool) -> Iterator[Row]:
    """The rows of this room."""
    lengths = lognormal_lengths(2 * 10**6 if quick else 10**7)
    yield from _speed(lengths, repetitions=3 if quick else 5)
    yield from batch_quality.rows(quick=quick)
    yield from batch_lanes.rows(quick=quick)
    yield from batch_packing.rows(quick=quick)
    yield from batch_bounds.rows(quick=quick)
    yield from split_balance.rows(quick=quick)


def _speed(lengths: Int32, *, repetitions: int) -> Iterator[Row]:
    plan = default_plan()
    deal_epoch(dealer_of(plan, lengths[: 2**18]), 0)
    one, many = (dealer_of(plan, lengths, lanes=lanes) for lanes in (1, MANY_LANES))
    rank = dealer_of(plan, lengths, lanes=MANY_LANES, world_size=MANY_LANES)
    works: dict[str, tuple[Callable[[int], object], float]] = {
        "plan, 1 lane": (lambda epoch: plan_epoch(one, epoch), 12),
        f"plan, {MANY_LANES} lanes": (lambda epoch: plan_epoch(many, epoch), 8),
        "iterate deals, 1 rank": (lambda epoch: deal_epoch(one, epoch), 12),
        f"iterate deals, rank 0 of {MANY_LANES}": (lambda epoch: deal_epoch(rank, epoch), 8),
    }
    contenders = {name: _rate_by_epoch(work, lengths.size) for name, (work, _) in works.items()}
    contenders[LHOTSE] = _lhotse_rate(lengths[:LHOTSE_CUTS])
    contenders[CONTROL] = _rate_by_epoch(lambda epoch: peers.sorted_windows_epoch(lengths, epoch), lengths.size)
    samples = interleaved(contenders, repetitions=repetitions)
    for name, (_, goal) in works.items():
        yield row(
            f"default plan, {lengths.size:.0e} lognormal lengths: {name}",
            "M ids/s",
            {OURS: samples[name], LHOTSE: samples[LHOTSE], CONTROL: samples[CONTROL]},
            better="more",
            reach=Reach(at_least=goal, times={LHOTSE: 100}),
            against=LHOTSE,
            packages=("lhotse",),
            note=f"ids of the epoch over seconds of one process; lhotse on {LHOTSE_CUTS:,} cuts",
        )


def _rate_by_epoch(work: Callable[[int], object], ids: int) -> Callable[[], float]:
    """Millions of ids a second; every call is another epoch, so nothing kept from the last one helps."""
    epochs = iter(range(10**6))
    return lambda: ids / seconds(lambda: work(next(epochs))) / 1e6


def _lhotse_rate(lengths: Int32) -> Callable[[], float]:
    made: list[object] = []

    def rate() -> float:
        if not made:
            made.extend(peers.lhotse_cuts(lengths))
        sampler = peers.lhotse_sampler(made, epoch=0)
        return lengths.size / seconds(lambda: sum(len(batch) for batch in sampler)) / 1e6

    return rate
