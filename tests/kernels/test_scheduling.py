from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels.scheduling import schedule_events


def oracle(events, capacity):
    batches, last = [], {}
    for number, nodes in enumerate(events):
        batch = max((last.get(node, -1) + 1 for node in nodes), default=0)
        while batch < len(batches) and len(batches[batch]) == capacity:
            batch += 1
        batches += [[] for _ in range(batch + 1 - len(batches))]
        batches[batch].append(number)
        last |= dict.fromkeys(nodes, batch)
    return batches


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=60), st.integers(1, 8))
def test_each_event_is_in_the_first_batch_it_may_be_in(events, capacity):
    batch = schedule_events(np.array(events, dtype=np.int64), capacity)
    expected = oracle(events, capacity)
    assert [np.flatnonzero(batch == number).tolist() for number in range(len(expected))] == expected
    assert batch.max() == len(expected) - 1
