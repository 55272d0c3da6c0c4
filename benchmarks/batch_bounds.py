"""Buckets against the optimum of their bounds, the default plan at 64 lanes, and buckets of pairs against NeMo's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import croupier as cr
from benchmarks import measures
from benchmarks.harness import OURS, Reach, Row, row
from benchmarks.lengths import Int32, lognormal_lengths
from benchmarks.measures import BatchFacts
from benchmarks.ours import dealer_of, default_plan, planned
from benchmarks.real_pairs import read_pairs
from croupier.kernels.box_bounds import fit_boxes
from croupier.kernels.covering import cheapest_cover

Int64 = npt.NDArray[np.int64]

BUCKETS = 30
LANES = 64
LONGEST_TOKENS, VOCABULARY = 2_000, 400
PERCENTS = (0, 0.1, 0.5, 1, 5, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100)
SPEECH_SECONDS = {
    28_539: (1.3, 1.9, 2.2, 2.5, 4.2, 6.4, 11.4, 13.8, 15.3, 16.7, 17.3, 18.1, 18.4, 18.8, 27.2),
    104_014: (1.0, 1.8, 2.2, 2.5, 4.2, 6.2, 11.2, 13.7, 15.3, 16.6, 17.3, 18.1, 18.4, 18.8, 33.0),
    148_688: (0.8, 1.7, 2.1, 2.3, 3.5, 5.0, 9.8, 13.4, 15.1, 16.5, 17.2, 18.1, 18.4, 18.9, 31.0),
}
"""Published quantiles of the durations of LibriSpeech's three training sets, by how many recordings each has."""


@dataclass(frozen=True)
class Lengths:
    """A distribution, its budget, and the padding that 30 optimal bounds were found to leave on a sample of it."""

    name: str
    drawn: Int32
    max_tokens: int
    optimum_percent: float


def rows(*, quick: bool) -> Iterator[Row]:
    """Three distributions of one length, then pairs."""
    count = 2 * 10**5 if quick else 10**6
    for lengths in _distributions(count):
        yield from _of_one_length(lengths)
    yield from _of_pairs(quick=quick)


def speech_frames(rows: int, seed: int = 0) -> Int32:
    """Hundredths of a second, by the inverse of the published quantiles."""
    rng = np.random.default_rng(seed)
    share = np.cumsum(list(SPEECH_SECONDS)) / sum(SPEECH_SECONDS)
    sets = np.searchsorted(share, rng.random(rows))
    drawn = np.empty(rows)
    for number, seconds in enumerate(SPEECH_SECONDS.values()):
        mine = np.flatnonzero(sets == number)
        drawn[mine] = np.interp(rng.random(mine.size) * 100, PERCENTS, seconds)
    return np.round(drawn * 100).astype(np.int32)


def speech_pairs(rows: int) -> Int64:
    """Frames and tokens: 3.25 tokens a second times a lognormal rate, which is assumed: no joint figures are known."""
    frames = speech_frames(rows, seed=1).astype(np.int64)
    rate = np.random.default_rng(2).lognormal(0, 0.2, rows)
    return np.stack([frames, np.maximum(1, np.round(frames / 100 * 3.25 * rate)).astype(np.int64)], axis=1)


def _distributions(count: int) -> Iterator[Lengths]:
    yield Lengths("LibriSpeech-like", speech_frames(count), 36_000, 2.0)
    yield Lengths("wiki <= 8k", lognormal_lengths(count), 65_536, 6.7)
    instructions = np.clip(np.random.default_rng(0).lognormal(5, 1, count), 16, 1024).astype(np.int32)
    yield Lengths("lognormal(5, 1)", instructions, 16_384, 4.4)


def _of_one_length(lengths: Lengths) -> Iterator[Row]:
    buckets = cr.chain(cr.Shuffle(), cr.LengthBuckets(BUCKETS), cr.TokenBudget(lengths.max_tokens))
    facts = BatchFacts.of(planned(dealer_of(buckets, lengths.drawn), 0), lengths.drawn)
    correlation = measures.adjacent_correlation([facts])
    yield row(
        f"LengthBuckets({BUCKETS}), {lengths.name}: padding",
        "%",
        {OURS: [measures.padding_percent(facts)], "optimum of the bounds": [lengths.optimum_percent]},
        better="less",
        reach=Reach(at_most=round(1.03 * lengths.optimum_percent, 3)),
        note=f"adjacent correlation {correlation:+.3f}; the optimum is of another sample, to two digits",
    )
    dealer = dealer_of(default_plan(lengths.max_tokens), lengths.drawn, lanes=LANES)
    epochs = [BatchFacts.of(planned(dealer, epoch), lengths.drawn) for epoch in range(4)]
    work = f"default plan, {lengths.name}, {LANES} lanes"
    yield row(
        f"{work}: padding", "%", {OURS: [measures.padding_percent(facts) for facts in epochs]}, better="less",
        reach=Reach(at_most=1.5),
    )  # fmt: skip
    fills = [measures.fill(facts, lengths.max_tokens) for facts in epochs]
    yield row(f"{work}: fill of the budget", "", {OURS: fills}, better="more", reach=Reach(at_least=0.95))
    steps = sum(len(facts.examples) // LANES for facts in epochs)
    yield row(
        f"{work}: correlation of neighbouring steps", "", {OURS: [measures.adjacent_correlation(epochs, LANES)]},
        better=None, reach=Reach(at_most=0.05), note=f"{steps} steps; a negative one comes of dealing without repeats",
    )  # fmt: skip


def _of_pairs(*, quick: bool) -> Iterator[Row]:
    texts = read_pairs(longest=LONGEST_TOKENS, vocabulary=VOCABULARY)
    contenders = {
        "functions and docstrings": np.stack([texts.source_lengths, texts.target_lengths], axis=1),
        "LibriSpeech-like pairs": speech_pairs(50_000 if quick else 200_000),
    }
    for name, pairs in contenders.items():
        distinct, counts = np.unique(pairs, axis=0, return_counts=True)
        ours = fit_boxes(distinct, counts.astype(np.int64), 2 * BUCKETS)
        theirs = equal_mass_bounds(pairs, BUCKETS, 2)
        yield row(
            f"buckets of pairs, {BUCKETS} x 2, {name}: padding to the bounds",
            "%",
            {OURS: [_padding(pairs, ours)], "NeMo's equal mass": [_padding(pairs, theirs)]},
            better="less",
            reach=Reach(times={"NeMo's equal mass": 1.0}),
            note=f"{len(pairs):,} pairs, {len(ours)} and {len(theirs)} buckets",
        )


def equal_mass_bounds(pairs: Int64, buckets: int, parts: int) -> Int64:
    """NeMo's scheme by its description: bins of equal mass of inputs, within each of equal mass of outputs."""
    order = np.argsort(pairs[:, 0], kind="stable")
    mass = np.cumsum(pairs[order, 0])
    ends = np.unique(pairs[order, 0][np.searchsorted(mass, mass[-1] * np.arange(1, buckets + 1) / buckets)])
    caps: list[tuple[int, int]] = []
    before = -1
    for end in ends.tolist():
        outputs = np.sort(pairs[(pairs[:, 0] > before) & (pairs[:, 0] <= end), 1])
        within = np.cumsum(outputs)
        places = np.searchsorted(within, within[-1] * np.arange(1, parts + 1) / parts)
        caps += [(end, cap) for cap in np.unique(outputs[np.minimum(places, outputs.size - 1)]).tolist()]
        before = end
    bounds = np.array(caps, dtype=np.int64)
    return bounds[np.argsort(bounds.sum(axis=1), kind="stable")]


def _padding(pairs: Int64, caps: Int64) -> float:
    padded = caps.sum(axis=1)[cheapest_cover(pairs, caps)]
    return 100 * (1 - float(pairs.sum() / padded.sum()))
