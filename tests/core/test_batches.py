from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier import Batches, Ledger
from croupier.core.batches import concatenate
from croupier.errors import BadArgument

sizes_strategy = st.lists(st.integers(0, 5), max_size=8)


def ragged(sizes: list[int]) -> Batches:
    ids = np.arange(sum(sizes)) * 7 % 101
    return Batches.of(ids, sizes).with_columns(twice=ids * 2, pair=np.stack([ids, ids], axis=1))


def as_lists(batches: Batches) -> list[list[int]]:
    return [batch.tolist() for batch in batches]


@given(sizes=sizes_strategy, data=st.data())
def test_take_batches_reorders_whole_batches_with_their_columns(sizes, data):
    batches = ragged(sizes)
    order = data.draw(st.permutations(range(len(sizes))))
    taken = batches.take_batches(np.array(order, dtype=np.int64))
    assert as_lists(taken) == [as_lists(batches)[place] for place in order]
    assert taken.fault() is None
    assert np.array_equal(taken.columns["twice"], taken.indices * 2)
    assert np.array_equal(taken.columns["pair"][:, 1], taken.indices)


@given(parts=st.lists(sizes_strategy, min_size=1, max_size=4))
def test_concatenate_joins_end_to_end(parts):
    joined = concatenate([ragged(sizes).with_ledger(Ledger.of("stage", "dropped", 1)) for sizes in parts])
    assert as_lists(joined) == [batch for sizes in parts for batch in as_lists(ragged(sizes))]
    assert joined.fault() is None
    assert joined.ledger.ids("dropped") == len(parts)


@pytest.mark.parametrize(
    ("batches", "fault"),
    [
        (Batches(np.zeros(2, np.int32), np.array([0, 2])), "must be int64"),
        (Batches(np.arange(2), np.array([0, 1])), "end at the number of ids"),
        (Batches(np.arange(2), np.array([0, 3, 2])), "must not decrease"),
        (Batches(np.arange(2), np.array([0, 2]), {"weight": np.ones(1)}), "1 rows for 2 ids"),
    ],
)
def test_faults_are_named(batches, fault):
    assert fault in batches.fault()


def test_a_column_is_added_once():
    batches = Batches.of([1, 2]).with_new_columns("first", pair=np.zeros(2))
    with pytest.raises(BadArgument, match=r"stages must add column 'pair' once, got 'second' adds it again; leave one"):
        batches.with_new_columns("second", pair=np.zeros(2))


def test_a_batch_out_of_range_is_refused():
    with pytest.raises(IndexError, match="batch 1 of 1"):
        Batches.of([1])[1]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([0.5],), r"indices must be a list of integers, got \[0.5\]"),
        (([[1]],), "indices must be a list of integers"),
        (([1, 2], [5]), r"sizes must be >= 0 and sum to the 2 ids, got \[5\]"),
        (([1, 2], [3, -1]), "sizes must be >= 0 and sum to the 2 ids"),
    ],
)
def test_what_is_no_ragged_array_is_refused(arguments, text):
    with pytest.raises(BadArgument, match=text):
        Batches.of(*arguments)
