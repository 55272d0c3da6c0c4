from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.order.share_timeline import ShareTimeline

stages = st.lists(
    st.tuples(st.integers(1, 60), st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any)),
    min_size=1,
    max_size=5,
)


def timeline_of(lengths_and_parts):
    starts = np.concatenate([[0], np.cumsum([length for length, _ in lengths_and_parts])])[:-1]
    return ShareTimeline.of(starts, np.array([parts for _, parts in lengths_and_parts]))


@given(stages)
def test_counts_go_on_from_stage_to_stage(lengths_and_parts):
    """The oracle counts one by one; positions and counts are found without dealing."""
    timeline = timeline_of(lengths_and_parts)
    sources, ordinals = timeline.at(np.arange(400))
    counts = [0, 0, 0]
    for position, (source, ordinal) in enumerate(zip(sources.tolist(), ordinals.tolist(), strict=True)):
        assert ordinal == counts[source]
        if position % 37 == 0:
            assert timeline.counts_before(position).tolist() == counts
        counts[source] += 1
    for source in range(3):
        mine = sources == source
        assert timeline.positions_of(source, ordinals[mine]).tolist() == np.flatnonzero(mine).tolist()


def test_a_source_that_comes_no_more_has_no_position():
    timeline = timeline_of([(10, [1, 1, 0]), (1, [1, 0, 0])])
    assert timeline.positions_of(1, np.array([4, 5])).tolist()[1] == np.iinfo(np.int64).max
    assert timeline.positions_of(2, np.array([0])).tolist() == [np.iinfo(np.int64).max]


@given(
    st.lists(st.integers(0, 9), min_size=4, max_size=4).filter(any),
    st.lists(st.integers(1, 50), min_size=4, max_size=4),
)
def test_until_all_run_out_every_source_is_dealt_to_its_end(parts, sizes):
    timeline, end = ShareTimeline.until_all_run_out(np.array(parts), np.array(sizes))
    sources, _ = timeline.at(np.arange(end))
    assert np.bincount(sources, minlength=4).tolist() == [
        size if part else 0 for part, size in zip(parts, sizes, strict=True)
    ]
    for stage, start in enumerate(timeline.starts.tolist()[1:], start=1):
        before = np.bincount(sources[:start], minlength=4)
        gone = (before == sizes) & (np.array(parts) > 0)
        assert np.array_equal(timeline.trees[stage].parts, np.where(gone, 0, parts))
