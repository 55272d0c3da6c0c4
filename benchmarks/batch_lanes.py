"""What lockstep costs: fill and the order of lengths where many ranks take batches of one shape together.

A correlation below 0 is no fault: a segment's few groups are dealt in random order without repeats, so that a long
step makes the next one a little likelier to be short.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import measures
from benchmarks.harness import OURS, Reach, Row, row
from benchmarks.lengths import MAX_TOKENS, lognormal_lengths
from benchmarks.measures import BatchFacts
from benchmarks.ours import dealer_of, default_plan, planned

IDS = 10**6
FILL_GOALS = {1: 0.97, 8: 0.95, 64: 0.95, 512: 0.88}


def rows(*, quick: bool) -> Iterator[Row]:
    """Two rows for each number of lanes, from as many epochs as give enough steps."""
    lengths = lognormal_lengths(IDS)
    steps = 3_000 if quick else 10_000
    for lanes, goal in FILL_GOALS.items():
        dealer = dealer_of(default_plan(), lengths, lanes=lanes)
        epochs: list[BatchFacts] = []
        while sum(len(facts.examples) for facts in epochs) < steps * lanes:
            epochs.append(BatchFacts.of(planned(dealer, len(epochs)), lengths))
        work = f"default plan, {IDS:.0e} lengths, 64k tokens, lanes={lanes}"
        fills = [measures.fill(facts, MAX_TOKENS) for facts in epochs]
        yield row(f"{work}: fill of the budget", "", {OURS: fills}, better="more", reach=Reach(at_least=goal))
        yield row(
            f"{work}: correlation of neighbouring steps",
            "",
            {OURS: [measures.adjacent_correlation(epochs, lanes)]},
            better=None,
            reach=Reach(at_most=0.03),
            note=f"{sum(len(facts.examples) // lanes for facts in epochs)} steps of {len(epochs)} epochs",
        )
