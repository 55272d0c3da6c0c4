from __future__ import annotations

import croupier as cr
from croupier.core.split import Split


def test_both_splits_are_splits_and_a_stage_is_none():
    assert isinstance(cr.Lockstep(), Split)
    assert isinstance(cr.Balanced(), Split)
    assert not isinstance(cr.FixedSize(2), Split)
