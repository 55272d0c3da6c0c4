"""A controller changes the batch size in the middle of runs on two and four gloo processes."""

from __future__ import annotations

import pytest

from growing_children import EPOCHS, ROWS, runs_of_ranks

CASES = [(world_size, way) for world_size in (2, 4) for way in ("accumulation", "plan")]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-ranks-{case[1]}")
def ranks(request):
    world_size, way = request.param
    return [rank[way] for rank in runs_of_ranks(world_size)]


def test_every_rank_takes_the_same_steps_and_every_id_comes_once_an_epoch(ranks):
    steps = list(zip(*(rank["whole"] for rank in ranks), strict=True))
    for step in steps:
        assert len({(one["epoch"], one["size"], tuple(one["held"])) for one in step}) == 1
        assert len({tuple(one["weights"]) for one in step}) == 1
    for epoch in range(EPOCHS):
        dealt = [i for step in steps for one in step if one["epoch"] == epoch for i in one["ids"]]
        assert sorted(dealt) == list(range(ROWS))


def test_the_size_grows_more_than_once_in_the_middle(ranks):
    sizes = [step["size"] for step in ranks[0]["whole"]]
    held = [step["held"][0] for step in ranks[0]["whole"]]
    assert held == sorted(held)
    assert len(set(held)) > 2
    assert max(sizes) > 2 * sizes[0]


def test_going_on_from_before_at_and_after_the_change_is_bit_identical(ranks):
    for rank in ranks:
        assert 2 <= rank["change"] < len(rank["whole"]) - 2
        for at, again in rank["again"].items():
            assert again == rank["whole"][int(at) + 1 :]
