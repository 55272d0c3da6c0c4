from __future__ import annotations

import pytest

from croupier import Cursor
from croupier.errors import BadState


def test_it_survives_a_dictionary():
    cursor = Cursor(
        epoch=2, segment=1, consumed=5, anchor=3, world_size=4, samples=9, tokens=10, steps=3, epoch_steps=1
    )
    assert Cursor.from_dict(cursor.to_dict()) == cursor
    assert cursor.at_epoch(7) == Cursor(epoch=7, world_size=4, samples=9, tokens=10, steps=3)


@pytest.mark.parametrize(
    "change", [{"epoch": -1}, {"world_size": 0}, {"steps": 2**63}, {"steps": 1.0}, {"steps": True}]
)
def test_values_out_of_range_are_refused(change):
    (name,) = change
    with pytest.raises(BadState, match=f"state: cursor.{name} must be a whole number in range"):
        Cursor.from_dict({**Cursor().to_dict(), **change})


def test_other_fields_are_refused():
    with pytest.raises(BadState, match="cursor must have the fields"):
        Cursor.from_dict({"epoch": 1})
