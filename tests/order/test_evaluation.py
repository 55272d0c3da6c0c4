from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument


@given(rows=st.integers(1, 80), world=st.integers(1, 8), batch=st.integers(1, 9))
def test_equal_counts_flagged_padding_and_the_way_back(rows, world, batch):
    plan = cr.chain(cr.Evaluation(multiple_of=world * batch), cr.FixedSize(batch))
    dealers = [cr.Dealer(plan, cr.Table(size=rows), seed=0, rank=rank, world_size=world) for rank in range(world)]
    deals = [list(dealer) for dealer in dealers]
    assert {len(deal) for mine in deals for deal in mine} == {batch}
    assert len({len(mine) for mine in deals}) == 1
    gathered = [deal for mine in deals for deal in mine]
    ids = np.concatenate([deal.ids for deal in gathered])
    flags = np.concatenate([deal.columns["is_padding"] for deal in gathered])
    assert cr.in_table_order(ids, ids * 3, is_padding=flags).tolist() == [3 * row for row in range(rows)]
    padded = -rows % (world * batch)
    assert dealers[0].ledger.ids("repeated as padding") == flags.sum() == padded


def test_padding_counts_for_nothing_in_the_loss():
    plan = cr.chain(cr.Evaluation(multiple_of=8), cr.FixedSize(4))
    deals = [cr.Dealer(plan, cr.Table(size=5), seed=0, rank=rank, world_size=2).first() for rank in (0, 1)]
    assert [deal.loss_scale for deal in deals] == [4 * 2 / 5, 1 * 2 / 5]


@pytest.mark.parametrize("ids", [[0, 1, 1], [0, 2], [1, 2]])
def test_a_wrong_gather_is_refused(ids):
    with pytest.raises(BadArgument, match=r"ids must hold every row once .row . is missing or repeated.*is_padding"):
        cr.in_table_order(ids, ids)


def test_results_missing_at_the_end_are_noticed():
    assert cr.in_table_order([1, 0], [5, 6], rows=2).tolist() == [6, 5]
    with pytest.raises(BadArgument, match=r"row 2 is missing or repeated"):
        cr.in_table_order([1, 0], [5, 6], rows=3)
    with pytest.raises(BadArgument, match=r"must have one entry for each id dealt, got shapes"):
        cr.in_table_order([1, 0], [5, 6, 7])
