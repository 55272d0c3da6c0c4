from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument
from croupier.order.share_parts import ShareParts
from croupier.order.sources import as_sources


def parts_of(unit=None):
    table = cr.Table(source=["a", "a", "b", "b"], length=[1, 3, 10, 30])
    return ShareParts(table, as_sources("source"), unit)


def test_parts_in_samples_and_in_tokens():
    assert parts_of().parts(cr.Uniform())[1].tolist() == [[500_000_000, 500_000_000]]
    assert parts_of("length").parts(cr.Uniform())[1][0] == pytest.approx([1e9 * 10 / 11, 1e9 / 11], abs=1)
    assert parts_of("length").parts(cr.Proportional())[1][0] == pytest.approx([5e8, 5e8], abs=1)


def test_stages_of_shares_and_target_are_merged():
    schedule = cr.Stages([(0, cr.Uniform()), (10, {"a": 1, "b": 3})])
    starts, weights = parts_of().loss_weights(
        parts_of().parts(schedule), cr.Stages([(0, cr.Uniform()), (7, {"a": 1, "b": 0})])
    )
    assert starts.tolist() == [0, 7, 10]
    assert weights == pytest.approx(np.array([[1, 1], [2, 0], [4, 0]]))


class Backwards:
    def stages(self):
        return [(5, cr.Uniform())]


def test_a_schedule_of_ones_own_is_checked():
    with pytest.raises(BadArgument, match=r"stages of the shares must begin at 0 and increase, got \[5\]; mend"):
        parts_of().parts(Backwards())
