from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels.balancing import balanced_sizes


@given(lengths=st.lists(st.integers(0, 40), min_size=1, max_size=9), data=st.data())
def test_no_consecutive_cut_has_a_smaller_largest_share(lengths, data):
    descending = np.array(sorted(lengths, reverse=True))
    shares = data.draw(st.integers(1, descending.size))
    sizes = balanced_sizes(descending, shares)
    assert sizes.size == shares
    assert sizes.sum() == descending.size
    assert sizes.min() >= 1

    def largest(cuts):
        edges = [0, *cuts, descending.size]
        return max((b - a) * descending[a] for a, b in pairwise(edges))

    best = min(largest(cuts) for cuts in combinations(range(1, descending.size), shares - 1))
    assert largest(np.cumsum(sizes)[:-1].tolist()) == best
