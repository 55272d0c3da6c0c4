from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument


@given(rows=st.integers(1, 30), times=st.integers(1, 5), batch=st.integers(1, 20))
def test_epochs_are_joined_pass_after_pass(rows, times, batch):
    plan = cr.chain(cr.Repeat(cr.Shuffle(), times), cr.FixedSize(batch))
    dealer = cr.Dealer(plan, cr.Table(size=rows), seed=0)
    passes = [[i for deal in dealer for i in deal] for _ in range(2)]
    for dealt in passes:
        assert Counter(dealt) == dict.fromkeys(range(rows), times)
        assert all(sorted(dealt[p * rows : (p + 1) * rows]) == list(range(rows)) for p in range(times))
    if rows > 12:
        assert passes[0] != passes[1]


def test_tiny_data_has_no_short_batch_every_pass():
    deals = list(cr.Dealer(cr.chain(cr.Repeat(cr.Shuffle(), 8), cr.FixedSize(4)), cr.Table(size=3), seed=0))
    assert [len(deal) for deal in deals] == [4] * 6


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((cr.Shuffle(), 0), "times must be an integer >= 1"),
        ((cr.FixedSize(2), 3), "order must be an order of its own"),
        ((cr.chain(cr.Shuffle(), cr.FixedSize(2)), 3), "order must not cut batches"),
        ((cr.LossWeighted(), 3), "order must be an order of its own, that does not learn"),
    ],
)
def test_what_cannot_be_repeated_is_refused(arguments, text):
    with pytest.raises(BadArgument, match=text):
        cr.Repeat(*arguments)


def test_more_passes_than_a_run_has_are_refused():
    with pytest.raises(BadArgument, match=r"times must be an integer >= 1 and <= 1048576, got 9007199254740993"):
        cr.Repeat(cr.Shuffle(), 2**53 + 1)
