from __future__ import annotations

import croupier as cr
from croupier.core.stage import Learning, Order, Preparing, Stage


def test_capabilities_are_told_by_methods():
    assert isinstance(cr.Shuffle(), Order)
    assert not isinstance(cr.FixedSize(1), Order)
    assert isinstance(cr.LengthBuckets(2), Preparing)
    assert isinstance(cr.LossWeighted(), Learning)
    assert not isinstance(cr.Shuffle(), (Preparing, Learning))
    assert not isinstance(object(), Stage)


def test_a_child_context_sees_its_own_part():
    context = cr.Context(
        table=cr.Table(size=1), key=cr.Key(0), epoch=3, segment=4, prepared={"a": {"b": {"x": 1}}}, learned={"a": 5}
    )
    inner = context.child("a")
    assert inner.key == cr.Key(0, ("a",))
    assert (inner.prepared, inner.learned) == ({"b": {"x": 1}}, 5)
    assert context.child("other").prepared == {}
    assert inner.epoch_key == cr.Key(0, ("a", 3))
    assert inner.segment_key == cr.Key(0, ("a", 3, 4))
