from __future__ import annotations

import pytest

from croupier.errors import BadArgument
from croupier.feedback.memory_model import MemoryModel, Probe


def test_the_formula_comes_back_from_a_few_probes():
    def peak(examples, source, target):
        return int(2e9 + examples * (3e4 * source + 40 * source**2 + 2e5 * target))

    shapes = [(100, 10), (800, 10), (200, 90), (1500, 300), (50, 5), (900, 100)]
    probes = [Probe(n, caps, True, peak(n, *caps)) for n, caps in zip((4, 9, 2, 1, 30, 5), shapes, strict=True)]
    model = MemoryModel.fit([*probes, Probe(10**6, (100, 10), False)])
    assert model.fixed == pytest.approx(2e9, rel=1e-6)
    assert model.per_length == pytest.approx((3e4, 2e5), rel=1e-5)
    assert model.per_square[0] == pytest.approx(40, rel=1e-5)
    assert model.per_example((400, 40)) == pytest.approx(3e4 * 400 + 40 * 400**2 + 2e5 * 40, rel=1e-5)
    capacity = 40_000_000_000
    assert peak(int(model.most_examples((400, 40), capacity)), 400, 40) <= capacity
    assert peak(int(model.most_examples((400, 40), capacity)) + 1, 400, 40) > capacity


def test_nothing_to_fit_is_refused():
    with pytest.raises(BadArgument, match=r"probes must hold a step that fitted, with its peak, got 1; probe one"):
        MemoryModel.fit([Probe(1, (10,), False)])
