"""A run that stands back saves the state of a run that never went on, while its pass goes on."""

from __future__ import annotations

from itertools import islice

import croupier as cr


def dealer():
    return cr.Dealer(cr.chain(cr.Shuffle(), cr.TokenBudget(12)), cr.Table(length=[3, 5, 4, 9, 2, 7, 6, 1]), seed=3)


def test_every_place_of_a_pass_is_a_way_back():
    run, places, states = dealer(), [], []
    for _ in run:
        places.append(run.standing)
        states.append(run.state_dict())
    assert len(places) > 3
    for place, state in zip(places, states, strict=True):
        run.stand_back(place)
        assert run.state_dict() == state
        assert (run.cursor, run.ledger) == (place.cursor, place.ledger)


def test_the_pass_goes_on_from_where_it_was():
    run, straight = dealer(), list(dealer())
    start, deals = run.standing, iter(run)
    assert list(islice(deals, 2)) == straight[:2]
    front = run.standing
    run.stand_back(start)
    assert run.state_dict() == dealer().state_dict()
    run.stand_back(front)
    assert list(deals) == straight[2:]
