from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import croupier as cr

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))


def flat_ids(dealers: list[cr.Dealer]) -> list[int]:
    """What all ranks deal in a pass, rank after rank in each step."""
    return [i for step in zip(*dealers, strict=True) for deal in step for i in deal]


@pytest.fixture
def stream() -> Callable[..., Iterator[cr.Deal]]:
    """Deals of some epochs, in a row."""

    def deals(plan: cr.Chain, table: cr.Table, epochs: int = 1, seed: int = 0) -> Iterator[cr.Deal]:
        dealer = cr.Dealer(plan, table, seed=seed)
        for _ in range(epochs):
            yield from dealer

    return deals


@pytest.fixture
def check_resume_and_ranks() -> Callable[[cr.Chain, cr.Table], None]:
    """The same ids and facts of them again, after a restart in the middle, and on two ranks; another seed, others."""

    def check(plan: cr.Chain, table: cr.Table) -> None:
        def dealer(seed: int = 3, **ranks: int) -> cr.Dealer:
            return cr.Dealer(plan, table, seed=seed, **ranks)

        passes = dealer()
        epochs = [list(passes) for _ in range(3)]
        ids = [[i for deal in deals for i in deal] for deals in epochs]
        assert flat_ids([dealer(seed=4)]) != ids[0] != ids[1]
        for stop in (1, len(epochs[0]) // 2, len(epochs[0]) + 1):
            first, resumed = dealer(), dealer()
            dealt = [deal for _ in range(2) for deal, _ in zip(first, range(stop), strict=False)]
            del dealt
            resumed.load_state_dict(first.state_dict())
            rest = list(resumed)
            whole = epochs[rest[0].epoch]
            assert rest == whole[len(whole) - len(rest) :]
            for deal, same in zip(rest, whole[len(whole) - len(rest) :], strict=True):
                assert {name: values.tolist() for name, values in deal.columns.items()} == {
                    name: values.tolist() for name, values in same.columns.items()
                }
            ranks = [dealer(rank=rank, world_size=2) for rank in (0, 1)]
            for rank in ranks:
                rank.load_state_dict(first.state_dict())
            flat = flat_ids(ranks)
            assert flat == ids[rest[0].epoch][-len(flat) :]
            assert len(flat) == sum(map(len, rest))
        assert flat_ids([dealer(rank=rank, world_size=2) for rank in (0, 1)]) == ids[0]

    return check
