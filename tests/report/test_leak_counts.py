"""Leaks, effective negatives and exposure against a look at every contrast, for each kind of loss."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument
from croupier.report.contrast_rows import read_rows
from croupier.report.leak_counts import LeakCounts

KNOWN = cr.KnownPositives.of([0, 0, 1, 2, 3], [4, 5, 5, 0, 1])


@st.composite
def some_batches(draw):
    negatives = draw(st.integers(0, 2))
    row = st.tuples(
        st.integers(-1, 4), st.integers(0, 6), st.lists(st.integers(-1, 6), min_size=negatives, max_size=negatives)
    )
    return draw(st.lists(st.lists(row, max_size=6), max_size=4))


def contrasts_of(batch, contrast):
    """(query, own item, negative, whether it is in-batch) of every contrast, one list a row."""
    for place, (query, own, mine) in enumerate(batch):
        others = [(item, True) for at, (_, item, _) in enumerate(batch) if at != place]
        everyones = [(item, False) for _, _, negatives in batch for item in negatives]
        listed = {
            cr.Contrast.OWN: [(item, False) for item in mine],
            cr.Contrast.IN_BATCH: others + [(item, False) for item in mine],
            cr.Contrast.ALL: others + everyones,
        }[contrast]
        yield [(query, own, item, is_in_batch) for item, is_in_batch in listed if item >= 0]


@given(some_batches(), st.sampled_from(list(cr.Contrast)))
def test_it_is_what_a_look_at_every_contrast_says(batches, contrast):
    counts = LeakCounts(KNOWN, cr.AuditScope(contrast))
    rows, served, bad_batches, firsts = [], Counter(), 0, set()
    for number, batch in enumerate(batches):
        given = [np.array(part, dtype=np.int64) for part in zip(*batch, strict=True)] if batch else [[], [], []]
        counts.add(number, read_rows(tuple(given), number))
        here = list(contrasts_of([row for row in batch if row[0] >= 0], contrast))
        leaks = [(number, q, item) for row in here for q, own, item, _ in row if _right(q, own, item)]
        bad_batches += bool(leaks)
        firsts = firsts or set(leaks)
        rows += here
        served.update(item for row in here for _, _, item, _ in row)
    if not any(rows):
        with pytest.raises(BadArgument, match=r"batches must have negatives, got \d batches with nothing to contrast"):
            counts.figures()
        return
    figures = counts.figures()
    every = [contrast for row in rows for contrast in row]
    assert figures.in_batch == sum(is_in for *_, is_in in every)
    assert figures.explicit == sum(not is_in for *_, is_in in every)
    assert figures.in_batch_leaks == sum(is_in and _right(*three) for *three, is_in in every)
    assert figures.explicit_leaks == sum(not is_in and _right(*three) for *three, is_in in every)
    assert figures.batches_with_leaks == bad_batches
    assert (figures.first is None) == (not firsts)
    assert figures.first is None or figures.first in firsts
    left = [sum(not _right(*three) for *three, _ in row) for row in rows]
    assert (figures.effective_mean, figures.effective_min) == (pytest.approx(np.mean(left)), min(left))
    exposure = counts.exposure()
    assert exposure.served == len(served)
    assert exposure.top_share == pytest.approx(max(served.values()) / sum(served.values()))


def _right(query, own, item):
    return item == own or item in KNOWN.of_query(query).tolist()
