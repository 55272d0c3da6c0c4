"""What a trial calls: a public name with valid arguments, and what is done with its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

import croupier as cr
from croupier.core.fingerprint import describe

__all__ = ["ROWS", "Call", "as_it_is", "built", "deals", "method", "ring", "table"]

ROWS = 24


def as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Call:
    """``function(**arguments())`` is valid; ``use`` of its result says what it is good for, and may refuse it too.

    ``kept`` names arguments that are left as they are, ``by_kind`` those for which a list, an array and a tensor of the
    same numbers are not the same: they are taken or refused, and not compared.
    """

    name: str
    function: Callable[..., Any]
    arguments: Callable[[], dict[str, Any]]
    use: Callable[[Any], Any] = as_it_is
    kept: frozenset[str] = frozenset()
    by_kind: frozenset[str] = frozenset()

    def __call__(self, replaced: Mapping[str, Any]) -> Any:
        return self.use(self.function(**{**self.arguments(), **replaced}))


def built(make: Callable[[], Any], use: Callable[[Any], Any] = as_it_is, **more: Any) -> Call:
    """A frozen dataclass, by an instance of it."""
    example = make()
    names = [one.name for one in fields(example) if one.init and not one.name.startswith("_")]
    name = type(example).__name__
    return Call(name, type(example), lambda: {name: getattr(make(), name) for name in names}, use, **more)


def method(name: str, make: Callable[[], Any], arguments: Callable[[], dict[str, Any]], **more: Any) -> Call:
    """A method of an object that is made anew for each call."""
    return Call(name, partial(_of_new, make, name.rpartition(".")[2]), arguments, **more)


def _of_new(make: Callable[[], Any], attribute: str, **arguments: Any) -> Any:
    made = make()
    returned = getattr(made, attribute)(**arguments)
    return made if returned is None else returned


def table() -> cr.Table:
    """A small table with a column for every kind of stage."""
    rows = np.arange(ROWS)
    return cr.Table.from_shards(
        [7, 5, 12],
        length=rows * 7 % 19 + 1,
        tokens=rows * 5 % 23 + 1,
        query=rows // 3,
        item=rows * 11 % 17,
        weight=(rows % 5 + 1) / 2,
        source=rows % 3,
        reward=(rows * 7 % 10) / 4,
        mined=(rows[:, None] * 7 + np.arange(4) * 13) % 17,
        walk=(rows[:, None] + np.arange(3)) % ROWS,
    )


def ring() -> cr.Graph:
    nodes = np.arange(ROWS)
    return cr.Graph.from_edges(nodes, (nodes + 1) % ROWS, nodes=ROWS)


def deals(*stages: Any, split: Any = None, facts: cr.Table | None = None) -> Any:
    """How a plan is described, and what it deals first."""
    plan = cr.chain(*stages, segment_ids=16)
    dealer = cr.Dealer(plan, table() if facts is None else facts, seed=3, split=split)
    first = [(deal.ids, dict(deal.columns), deal.loss_scale) for deal in islice(dealer, 3)]
    return describe(plan), first
