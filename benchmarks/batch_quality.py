"""How good batches are: padding, fill, the order of lengths, and who meets whom again; at any number of lanes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import croupier as cr
from benchmarks import measures, peers
from benchmarks.harness import OURS, Better, Reach, Row, row, say
from benchmarks.lengths import MAX_TOKENS, Int32, lognormal_lengths
from benchmarks.measures import BatchFacts, Epoch
from benchmarks.ours import buckets_plan, dealer_of, default_plan, planned, windows_plan

WINDOWS = tuple(2**power for power in (10, 11, 12, 13, 14))
BUCKETS = 30
LOW_PADDING_PERCENT = 1.5

DEFAULT = "ours, the default plan"
OUR_BUCKETS = f"ours, {BUCKETS} buckets"
HF = "HF group_by_length"
LHOTSE = "lhotse DynamicBucketing"
RESHUFFLED = "lhotse, reshuffled input"
FULL_SORT = "full sort (fairseq)"
CONTROL = "sorted windows in NumPy"
PACKAGES = ("lhotse", "transformers", "torch")

EpochOf = Callable[[int], Epoch]


@dataclass(frozen=True)
class Quality:
    """What is measured of two epochs of one plan."""

    padding_percent: float
    fill: float
    correlation: float
    noise: float
    re_pairing: float
    largest: float

    @classmethod
    def of(cls, epoch_of: EpochOf, lengths: Int32) -> Quality:
        first, second = epoch_of(0), epoch_of(1)
        facts = [BatchFacts.of(epoch, lengths) for epoch in (first, second)]
        steps = sum(epoch.sizes.size for epoch in (first, second))
        return cls(
            padding_percent=measures.padding_percent(facts[0]),
            fill=measures.fill(facts[0], MAX_TOKENS),
            correlation=measures.adjacent_correlation(facts),
            noise=2 / steps**0.5,
            re_pairing=measures.re_pairing(first, second),
            largest=float(facts[0].padded.max()),
        )

    def beats(self, other: Quality) -> bool:
        """On padding, fill and re-pairing, with a correlation that is no larger or no more than noise."""
        return (
            self.padding_percent < other.padding_percent
            and self.fill > other.fill
            and abs(self.correlation) <= max(self.noise, abs(other.correlation))
            and self.re_pairing < other.re_pairing
        )


Qualities = Mapping[str, Quality | None]


def rows(*, quick: bool) -> Iterator[Row]:
    """Quality at one lane, ours beside the peers."""
    lengths = lognormal_lengths(2 * 10**5 if quick else 10**6)
    ours = {DEFAULT: _quality(_planner(default_plan(), lengths), lengths)}
    ours |= {_window_name(window): _quality(_planner(windows_plan(window), lengths), lengths) for window in WINDOWS}
    others = {name: _quality(epoch_of, lengths, name) for name, epoch_of in _contenders(lengths).items()}
    all_of_them = {OURS: ours[DEFAULT]} | {name: q for name, q in ours.items() if name != DEFAULT} | others
    where = f"default plan, {lengths.size:.0e} lengths, 64k tokens"
    yield _measure(f"{where}: padding", "%", all_of_them, "padding_percent", "less")
    yield _measure(f"{where}: fill of the budget", "", all_of_them, "fill", "more", Reach(at_least=0.97))
    yield _measure(f"{where}: adjacent-length correlation", "", all_of_them, "correlation", None)
    yield _measure(f"{where}: re-pairing, times chance", "", all_of_them, "re_pairing", "less")
    yield _measure(f"{where}: largest batch", "tokens", all_of_them, "largest", "less", Reach(at_most=MAX_TOKENS))
    yield _settings_that_beat((HF, LHOTSE), ours, others)
    yield _settings_that_beat((HF, RESHUFFLED), ours, others)
    yield _at_low_padding(ours, others)
    yield row(
        f"LengthBuckets({BUCKETS}), {lengths.size:.0e} lengths, 64k tokens: padding",
        "%",
        _column({OURS: others[OUR_BUCKETS], LHOTSE: others[LHOTSE]}, "padding_percent"),
        better="less",
        reach=Reach(at_most=6.5),
        packages=PACKAGES,
    )


def _contenders(lengths: Int32) -> dict[str, EpochOf]:
    cuts: list[object] = []

    def lhotse(epoch: int, *, reshuffled: bool) -> Epoch:
        if not cuts:
            cuts.extend(peers.lhotse_cuts(lengths))
        return peers.lhotse_epoch(cuts, epoch, reshuffled=reshuffled)

    return {
        OUR_BUCKETS: _planner(buckets_plan(BUCKETS), lengths),
        HF: lambda epoch: peers.hf_epoch(lengths, epoch),
        LHOTSE: lambda epoch: lhotse(epoch, reshuffled=False),
        RESHUFFLED: lambda epoch: lhotse(epoch, reshuffled=True),
        FULL_SORT: lambda epoch: peers.full_sort_epoch(lengths, epoch),
        CONTROL: lambda epoch: peers.sorted_windows_epoch(lengths, epoch),
    }


def _planner(plan: cr.Chain, lengths: Int32) -> EpochOf:
    dealer = dealer_of(plan, lengths)
    return lambda epoch: planned(dealer, epoch)


def _quality(epoch_of: EpochOf, lengths: Int32, name: str = "") -> Quality | None:
    if name:
        say(f"  two epochs of {name}")
    try:
        return Quality.of(epoch_of, lengths)
    except ImportError:
        return None


def _window_name(window_ids: int) -> str:
    return f"ours, windows of 2^{window_ids.bit_length() - 1}"


def _column(qualities: Qualities, measure: str) -> dict[str, list[float]]:
    return {name: [] if q is None else [getattr(q, measure)] for name, q in qualities.items()}


def _measure(
    work: str, unit: str, qualities: Qualities, measure: str, better: Better | None, reach: Reach | None = None
) -> Row:
    against = LHOTSE if better else None
    samples = _column(qualities, measure)
    return row(work, unit, samples, better=better, reach=reach, against=against, packages=PACKAGES)


def _settings_that_beat(rivals: Sequence[str], ours: Qualities, others: Qualities) -> Row:
    missing = [name for name in rivals if others[name] is None]
    winners = [name for name, q in ours.items() if not missing and all(q.beats(others[rival]) for rival in rivals)]
    return row(
        f"settings better on all four measures than {' and '.join(rivals)}",
        f"of {len(ours)}",
        {OURS: [] if missing else [float(len(winners))]},
        better=None,
        reach=Reach(at_least=1),
        packages=PACKAGES,
        note=f"not installed: {', '.join(missing)}" if missing else ", ".join(winners) or "none",
    )


def _at_low_padding(ours: Qualities, others: Qualities) -> Row:
    name, best = min(
        ((name, q) for name, q in ours.items() if q.padding_percent <= LOW_PADDING_PERCENT),
        key=lambda pair: pair[1].re_pairing,
    )
    return row(
        f"re-pairing at <= {LOW_PADDING_PERCENT} % padding, times chance",
        "",
        _column({OURS: best, FULL_SORT: others[FULL_SORT], CONTROL: others[CONTROL]}, "re_pairing"),
        better="less",
        reach=Reach(times={FULL_SORT: 10}),
        against=FULL_SORT,
        note=f"{name}: {best.padding_percent:.2f} % padding; "
        + ", ".join(f"{peer}: {others[peer].padding_percent:.2f} %" for peer in (FULL_SORT, CONTROL)),
    )
