from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.errors import BadArgument
from croupier.graphs.partition import Partition

WEIGHTS = st.lists(st.integers(0, 1000), min_size=1, max_size=60)


@given(WEIGHTS, st.integers(1, 9))
def test_parts_are_even_in_size_and_nearly_so_in_weight(weights, parts):
    parts = min(parts, len(weights))
    partition = Partition.by_weight(weights, parts)
    sizes = np.bincount(partition.part_of, minlength=parts)
    sums = partition.sums(weights)
    assert sizes.max() - sizes.min() <= 1
    assert sums.max() - sums.min() <= max(weights)
    assert sums.sum() == sum(weights)
    members = [partition.members(part).tolist() for part in range(parts)]
    assert sorted(node for part in members for node in part) == list(range(len(weights)))


def test_the_bound_is_reached_and_dealing_one_way_breaks_it():
    assert Partition.by_weight([7], 1).sums([7]).tolist() == [7]
    assert np.ptp(Partition.by_weight([7, 0], 2).sums([7, 0])) == 7
    weights = np.arange(40)[::-1]
    one_way = Partition((np.arange(40) % 4).astype(np.int32), 4)
    assert np.ptp(one_way.sums(weights)) == 30
    assert np.ptp(Partition.by_weight(weights, 4).sums(weights)) == 0


def test_heavy_tails():
    """Pareto(1.5) weights of 10,000 nodes on 8 parts: the heaviest node alone is 2% of all, the parts within that."""
    weights = np.random.default_rng(0).pareto(1.5, 10_000) + 1
    sums = Partition.by_weight(weights, 8).sums(weights)
    assert sums.max() - sums.min() <= weights.max()
    assert sums.max() / sums.mean() < 1.1


@pytest.mark.parametrize(
    ("weights", "parts", "text"),
    [
        ([1, 2], 3, r"parts must be an integer >= 1 and <= 2, got 3; pass at most one part a node"),
        ([1, -2], 1, r"weights must be finite and >= 0, got (np.int64\()?-2\)?; pass graph.degrees"),
        ([1, float("nan")], 1, r"weights must be finite and >= 0, got (np.float64\()?nan\)?; pass graph.degrees"),
        ([[1]], 1, r"weights must be one number a node, got int64, shape \(1, 1\); pass graph.degrees"),
    ],
)
def test_weights_that_cannot_be_dealt(weights, parts, text):
    with pytest.raises(BadArgument, match=text):
        Partition.by_weight(weights, parts)


def test_parts_out_of_range_are_refused():
    with pytest.raises(BadArgument, match=r"part_of must be from 0 to 1, got 0 to 2; let Partition.by_weight choose"):
        Partition(np.array([0, 2], np.int32), 2)


def test_lists_are_taken_and_other_things_refused():
    partition = Partition([0, 1, 1], 2)
    assert partition.part_of.dtype == np.int32
    assert partition.members(1).tolist() == [1, 2]
    for call, text in (
        (lambda: Partition([0.5, 1], 2), r"part_of must be a list of integers, got float64, shape \(2,\)"),
        (
            lambda: Partition([[0], [0, 1]], 2),
            r"part_of must be an array, got a list that NumPy cannot read; give rows",
        ),
        (lambda: Partition(None, 2), r"part_of must be a list of integers, got object, shape \(\)"),
        (lambda: partition.members(2), r"part must be an integer >= 0 and <= 1, got 2; pass one of the parts"),
        (lambda: partition.sums([1, 2]), r"weights must be those of 3 nodes, got 2; pass graph.degrees"),
        (
            lambda: Partition.by_weight([2**62, 2**62], 1),
            r"weights must sum to less than 2\*\*63, got .*4611686018427387904",
        ),
    ):
        with pytest.raises(BadArgument, match=text):
            call()
