from __future__ import annotations

import pytest

import croupier as cr
from croupier.run.adoption import Adoption

EPOCHS = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(5), segment_ids=20), cr.Table(size=100), seed=0).program.epochs


@pytest.mark.parametrize(
    ("place", "begun", "segment", "epoch"),
    [
        ((0, 0, 0), False, 0, 0),  # before the run
        ((0, 0, 0), True, 2, 5),  # planned ahead, nothing received
        ((0, 0, 1), True, 2, 5),
        ((0, 2, 9), True, 4, 5),
        ((0, 3, 13), True, 5, 5),
        ((0, 4, 17), True, 5, 5),  # no loader plans an epoch before the one before it is over
        ((0, 4, 17), False, 5, 5),  # after a load
        ((1, 0, 0), False, 5, 5),  # between epochs
        ((3, 4, 19), True, 20, 20),
    ],
)
def test_it_holds_from_the_segment_after_next_or_the_next_epoch(place, begun, segment, epoch):
    number, at, steps = place
    cursor = cr.Cursor(epoch=number, segment=at, epoch_steps=steps)
    assert Adoption.at(cursor, EPOCHS, begun=begun, planned=3) == Adoption(segment, epoch, 3)
