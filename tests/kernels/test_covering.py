from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels import covering
from croupier.kernels.covering import cheapest_cover


@given(data=st.data(), dimensions=st.integers(1, 3))
def test_it_is_the_first_box_that_covers(data, dimensions):
    row = st.tuples(*[st.integers(0, 9)] * dimensions)
    lengths = np.array(data.draw(st.lists(row, min_size=1, max_size=20)), dtype=np.int64)
    caps = np.array(data.draw(st.lists(row, min_size=1, max_size=6)), dtype=np.int64)
    caps = np.sort(caps, axis=0) if dimensions == 1 else caps
    expected = [next((k for k, cap in enumerate(caps) if all(length <= cap)), len(caps)) for length in lengths]
    assert cheapest_cover(lengths, caps).tolist() == expected
    assert covering._cover_numpy(lengths, caps).tolist() == expected
