from __future__ import annotations

import croupier as cr


def test_it_deals_the_table_as_it_stands():
    dealer = cr.Dealer(cr.chain(cr.Sequential(), cr.FixedSize(3)), cr.Table(size=7), seed=0)
    for _ in range(2):
        assert [i for deal in dealer for i in deal] == list(range(7))
    assert dealer.position_of([4, 2]).tolist() == [4, 2]
