from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels.cutting import cut_by_budget

lengths_strategy = st.lists(st.integers(0, 30), max_size=40)


def oracle(lengths, max_tokens, max_examples, pad):
    """Greedy, one example at a time."""
    batches, batch = [], []
    for length in lengths:
        padded = -(-length // pad) * pad
        if batch and (len(batch) == max_examples or (len(batch) + 1) * max(*batch, padded) > max_tokens):
            batches.append(batch)
            batch = []
        batch.append(padded)
    return [*batches, batch] if batch else batches


@given(lengths=lengths_strategy, budget=st.integers(1, 90), most=st.integers(1, 9), pad=st.integers(1, 8))
def test_it_cuts_as_the_five_line_oracle(lengths, budget, most, pad):
    offsets = cut_by_budget(
        np.array(lengths, dtype=np.int64), np.array([0, len(lengths)]), max_tokens=budget, max_examples=most,
        pad_multiple=pad,
    )  # fmt: skip
    assert np.diff(offsets).tolist() == [len(batch) for batch in oracle(lengths, budget, most, pad)]


@given(lengths=lengths_strategy, cut=st.integers(0, 40))
def test_no_batch_spans_a_group(lengths, cut):
    ids = np.array(lengths, dtype=np.int64)
    groups = np.unique([0, min(cut, ids.size), ids.size])
    offsets = cut_by_budget(ids, groups, max_tokens=60, max_examples=10)
    assert set(groups.tolist()) <= {0, *offsets.tolist()}
