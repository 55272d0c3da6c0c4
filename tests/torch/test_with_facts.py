from __future__ import annotations

import pickle

import numpy as np
import pytest

from croupier.errors import BadArgument
from croupier.torch import Row, WithFacts


class Plain:
    def __getitem__(self, index):
        return [10, 20, 30][index]

    def __len__(self):
        return 3


class Many(Plain):
    def __getitems__(self, rows):
        return [(int(row), dict(row.facts)) for row in rows]


def test_a_dataset_that_wants_no_facts_works_unchanged():
    facts = WithFacts(Plain())
    assert (len(facts), facts[1], facts.__getitems__([2, 0])) == (3, 20, [30, 10])


def test_a_dataset_that_fetches_many_gets_rows():
    assert WithFacts(Many()).__getitems__([2, 0]) == [(2, {}), (0, {})]


def test_rows_are_integers_that_pickle():
    row = Row(3)
    row.facts = {"weight": 2.0}
    there = pickle.loads(pickle.dumps(row))
    assert (there, there.facts) == (3, {"weight": 2.0})
    assert [0, 1, 2, 3][there] == 3


def test_a_number_has_no_rows():
    with pytest.raises(BadArgument, match=r"dataset must have rows by number, got .*; pass a map-style dataset"):
        WithFacts(np.array(3))
