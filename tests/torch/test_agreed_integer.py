"""Ranks whose floats differ in their last bits decide alike; a mistake of the first reaches all."""

from __future__ import annotations

import pytest

from croupier.errors import BadArgument
from croupier.torch import agreed_integer, agreed_integers
from gradient_children import results_of_ranks


@pytest.mark.parametrize("world_size", [2, 4])
def test_perturbed_ranks_go_the_same_way(world_size):
    """The planted mutant decides on each rank: it forks within 60 steps, and a fork is a hang."""
    ranks = results_of_ranks(world_size)
    assert all(rank["agreed"] == ranks[0]["agreed"] for rank in ranks)
    assert any(rank["alone"] != ranks[0]["alone"] for rank in ranks)
    assert len({size for size, _, _ in ranks[0]["agreed"]}) > 3


@pytest.mark.parametrize("world_size", [2, 4])
def test_the_first_of_a_group_decides(world_size):
    assert [rank["first"] for rank in results_of_ranks(world_size)] == [10] * world_size


def test_one_process_decides_alone():
    assert agreed_integer(lambda: 7) == 7
    assert agreed_integers(lambda: (3, 2**40, -1)) == (3, 2**40, -1)
    assert agreed_integers(list) == ()


@pytest.mark.parametrize("value", [2.0, True, 2**63, "8"])
def test_errors(value):
    with pytest.raises(BadArgument, match=r"decide must return whole numbers, got .*; round before ranks are to agree"):
        agreed_integer(lambda: value)
