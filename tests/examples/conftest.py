from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

import croupier as cr

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))


def flat_ids(dealers: list[cr.Dealer]) -> list[int]:
    """What all ranks deal in a pass, rank after rank in each step."""
    return [i for step in zip(*dealers, strict=True) for deal in step for i in deal]


def facts(deals: list[cr.Deal]) -> list[dict[str, list]]:
    return [{name: values.tolist() for name, values in deal.columns.items()} for deal in deals]


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
    """The same ids and facts again, also after a stop anywhere; the same ids over two ranks; other epochs differ."""

    def check(plan: cr.Chain, table: cr.Table) -> None:
        def dealer(seed: int = 3, **ranks: int) -> cr.Dealer:
            return cr.Dealer(plan, table, seed=seed, **ranks)

        def ranks(count: int) -> list[cr.Dealer]:
            return [dealer(rank=rank, world_size=count) for rank in range(count)]

        whole = dealer()
        epochs = [list(whole) for _ in range(3)]
        ids = [[i for deal in deals for i in deal] for deals in epochs]
        assert flat_ids([dealer(seed=4)]) != ids[0] != ids[1]
        assert flat_ids(ranks(2)) == ids[0]
        steps = len(epochs[0])
        for stop in (1, steps // 2, steps - 1, steps, steps + 1):
            stopped = dealer()
            assert len(list(islice((deal for _ in range(3) for deal in stopped), stop))) == stop
            epoch, done = divmod(stop, steps)
            resumed, on_two = dealer(), ranks(2)
            for each in (resumed, *on_two):
                each.load_state_dict(stopped.state_dict())
            rest = list(resumed)
            assert rest == epochs[epoch][done:]
            assert facts(rest) == facts(epochs[epoch][done:])
            assert flat_ids(on_two) == [i for deal in rest for i in deal]

    return check
