from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels.packing import _pack, pack_best_fit

cases = st.integers(1, 60).flatmap(
    lambda capacity: st.tuples(st.just(capacity), st.lists(st.integers(0, capacity), max_size=80), st.integers(1, 4))
)


def groups_of(count, parts):
    return np.unique(np.linspace(0, count, parts + 1).astype(np.int64)) if count else np.zeros(1, np.int64)


def best_fit_decreasing(lengths, capacity):
    """The oracle: longest first, each into the fullest pack that has room, the latest of equals."""
    rooms, packs, touched = [], {}, []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        open_packs = [p for p, room in enumerate(rooms) if room >= lengths[i]]
        if not open_packs:
            rooms.append(capacity)
            touched.append(0)
            open_packs = [len(rooms) - 1]
        pack = min(open_packs, key=lambda p: (rooms[p], -touched[p]))
        rooms[pack] -= lengths[i]
        touched[pack] = max(touched) + 1
        packs[i] = pack
    return [packs[i] for i in range(len(lengths))]


@given(cases)
def test_packs_are_those_of_best_fit_decreasing(case):
    capacity, lengths, parts = case
    groups = groups_of(len(lengths), parts)
    packs = pack_best_fit(np.array(lengths, dtype=np.int64), groups, capacity)
    first = 0
    for begin, end in pairwise(groups.tolist()):
        expected = best_fit_decreasing(lengths[begin:end], capacity)
        assert packs[begin:end].tolist() == [first + pack for pack in expected]
        first += max(expected) + 1
    if lengths:
        assert np.bincount(packs, weights=lengths).max() <= capacity
    assert _pack.twin(np.array(lengths, dtype=np.int64), groups, capacity).tolist() == packs.tolist()


def test_capacities_that_are_no_power_of_two_pack_as_well():
    """A known fault elsewhere: nothing was packed where the capacity was not a power of two."""
    lengths = np.random.default_rng(0).integers(1, 500, 5000)
    for capacity in (999, 1000, 1023, 1024, 1025):
        packs = pack_best_fit(lengths, np.array([0, 5000]), capacity)
        assert packs.max() + 1 <= np.ceil(lengths.sum() / capacity) + 3
