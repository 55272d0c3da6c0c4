from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument


@given(lengths=st.lists(st.integers(0, 60), min_size=1, max_size=80), buckets=st.integers(1, 6), cut=st.integers(0, 80))
def test_a_batch_holds_one_bucket_and_ids_keep_their_order(lengths, buckets, cut):
    table = cr.Table(length=lengths)
    stage = cr.LengthBuckets(buckets)
    prepared = stage.prepare(table, cr.Key(0), 0)
    cut = min(cut, len(lengths))
    incoming = cr.Batches.of(np.arange(len(lengths)), [cut, len(lengths) - cut])
    out = stage.plan(incoming, cr.Context(table=table, key=cr.Key(0), prepared=prepared))
    assert out.fault() is None
    assert sorted(out.indices.tolist()) == list(range(len(lengths)))
    bounds = prepared["bounds"][:, 0]
    assert bounds[-1] == max(lengths)
    for batch in out:
        assert np.all(np.diff(batch) > 0), "order kept within a bucket"
        assert np.all(batch < cut) or np.all(batch >= cut), "incoming cuts kept"
        assert np.unique(np.searchsorted(bounds, np.array(lengths)[batch])).size <= 1
    assert out.columns["bucket"].tolist() == np.searchsorted(bounds, out.columns["length"]).tolist()


def test_the_number_of_buckets_is_checked():
    with pytest.raises(BadArgument, match="buckets must be an integer >= 1 and <= 4096"):
        cr.LengthBuckets(0)
