from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier import KnownPositives
from croupier.errors import BadArgument
from croupier.report.exposure import ItemCounts

KNOWN = KnownPositives.of([0, 1], [3, 2000])


@given(st.lists(st.tuples(st.lists(st.integers(0, 3000), max_size=30), st.integers(0, 5)), max_size=8))
def test_it_counts_what_a_counter_counts(additions):
    counts, expected = ItemCounts(), Counter()
    for ids, times in additions:
        counts.add(np.array(ids, dtype=np.int64), times)
        for item in ids:
            expected[item] += times
    served = sorted((times for times in expected.values() if times), reverse=True)
    figures = counts.figures(KNOWN)
    assert figures.served == len(served)
    assert figures.items == len({3, 2000} | {item for item, times in expected.items() if times})
    top = -(-figures.items // 100)
    assert figures.top_share == pytest.approx(sum(served[:top]) / max(1, sum(served)))
    assert figures.curve[0] == (0.0, 0.0)
    assert figures.curve[-1][0] == 1.0
    assert np.all(np.diff(figures.curve, axis=0) >= 0)


def test_the_number_of_items_may_be_given():
    counts = ItemCounts(items=1000)
    counts.add(np.arange(20), 1)
    figures = counts.figures(KNOWN)
    assert (figures.items, figures.served, figures.top_share) == (1000, 20, 0.5)
    with pytest.raises(BadArgument, match=r"scope.items must be above every id, got 1000, and id 1000; raise it"):
        counts.add(np.array([1000]), 1)
