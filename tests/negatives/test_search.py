from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument
from croupier.negatives.search import Nearest, check_same_width


class Backwards:
    """A search of one's own: the last items, whatever is asked."""

    def over(self, corpus):
        self.count = len(corpus)
        return self

    def queries_at_once(self, count):
        return 2

    def nearest(self, queries, count):
        items = np.tile(self.count - 1 - np.arange(count), (len(queries), 1))
        return Nearest(items, -items.astype(np.float32))


def test_a_search_of_ones_own_will_do():
    corpus = np.eye(6, dtype=np.float32)
    known = cr.KnownPositives.of([0, 1, 2], [5, 4, 0])
    rules = cr.MiningRules(2, cr.RankWindow(range_max=3))
    found = cr.mine(cr.Queries([0, 1, 2], corpus[:3]), corpus, known, rules, Backwards())
    assert isinstance(Backwards(), cr.Search)
    assert found.items.tolist() == [[4, 3], [5, 3], [5, 4]]


def test_other_spaces_are_refused():
    with pytest.raises(
        BadArgument, match=r"queries must have 3 numbers a row, as items have, got shape \(1, 2\); use one"
    ):
        check_same_width(np.ones((1, 2)), np.ones((4, 3)))
