"""Rows that conflict, and what a conflict is: for the tests of all that deals them apart."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from croupier.negatives.known_positives import KnownPositives


def conflict(one, two, known):
    """Whether an item of one row is right for the other's query: the definition."""
    return any((one[0], item) in known for item in two[1:]) or any((two[0], item) in known for item in one[1:])


@st.composite
def rows_and_known(draw, widest=2):
    """Rows of a query, an item that is right for it, and perhaps a further item; few kinds, some of them frequent."""
    width = draw(st.integers(1, widest))
    number = st.one_of(st.integers(0, 7), st.just(0))
    rows = draw(st.lists(st.tuples(*[number] * (width + 1)), min_size=1, max_size=25))
    more = draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=8))
    return rows, {*((row[0], row[1]) for row in rows), *more}


def arguments(rows, known):
    """What ``conflicts_among`` is given of such rows."""
    pairs = KnownPositives.of([query for query, _ in sorted(known)], [item for _, item in sorted(known)])
    queries, items = np.array(rows)[:, 0].copy(), pairs.items.numbers(np.array(rows)[:, 1:].copy())
    return queries, items, (pairs.offsets, pairs.positives), pairs.items.count


def check_apart(rows, known, dealt):
    """No two rows of a batch conflict; rows of batch -1 are in none."""
    for batch in set(dealt.tolist()) - {-1}:
        own = np.flatnonzero(dealt == batch).tolist()
        assert not any(conflict(rows[one], rows[two], known) for one in own for two in own if one < two)
