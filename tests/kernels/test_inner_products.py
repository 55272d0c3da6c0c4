from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels import inner_products as kernel
from croupier.kernels.inner_products import inner_products

numbers = st.floats(-4, 4, width=32, allow_subnormal=False)


@given(st.integers(1, 40).flatmap(lambda width: st.tuples(*[st.lists(numbers, min_size=width, max_size=width)] * 2)))
def test_it_is_the_nearest_float32_and_the_twin_agrees_to_the_bit(vectors):
    left, right = (np.array([vector], np.float32) for vector in vectors)
    row = np.zeros(1, np.int64)
    found = inner_products(left, row, right, row)
    exact = sum((Fraction(float(a)) * Fraction(float(b)) for a, b in zip(left[0], right[0], strict=True)), Fraction())
    scale = sum(abs(float(a) * float(b)) for a, b in zip(left[0], right[0], strict=True))
    assert abs(float(found[0]) - float(exact)) <= abs(float(exact)) * 2**-24 + scale * 2**-45 + 1e-45
    assert kernel._pairs_numpy(left, row, right, row).tobytes() == found.tobytes()


@pytest.mark.parametrize("width", [1, 7, 8, 9, 16, 17, 64, 255, 256, 300])
def test_twin_and_loop_agree_on_many_pairs(width, monkeypatch):
    generator = np.random.default_rng(width)
    left, right = (generator.standard_normal((20, width)).astype(np.float32) for _ in range(2))
    rows, others = generator.integers(0, 20, (2, 500))
    found = inner_products(left, rows, right, others)
    monkeypatch.setattr(kernel, "TWIN_NUMBERS", 3 * width)
    assert kernel._pairs_numpy(left, rows, right, others).tobytes() == found.tobytes()
    np.testing.assert_allclose(found, (left[rows] * right[others]).sum(axis=1), rtol=1e-4, atol=1e-4)
