from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.errors import BadArgument
from croupier.schedules.batch_size_ramp import BatchSizeRamp


@st.composite
def ramps(draw, largest_gap=60, largest_size=40):
    gaps = draw(st.lists(st.integers(1, largest_gap), max_size=6))
    starts = np.cumsum([0, *gaps]).tolist()
    return BatchSizeRamp([(start, draw(st.integers(1, largest_size))) for start in starts])


def played(changes, steps):
    """The oracle: one step after another, each of the size that holds where it begins."""
    begins, sizes = [0], []
    for _ in range(steps):
        sizes.append([size for start, size in changes if start <= begins[-1]][-1])
        begins.append(begins[-1] + sizes[-1])
    return begins, sizes


@given(ramps())
def test_a_ramp_is_what_playing_its_steps_gives(ramp):
    begins, sizes = played(ramp.changes, 80)
    assert [ramp.samples_at(steps) for steps in range(81)] == begins
    assert [ramp.size_at(begin) for begin in begins[:-1]] == sizes
    whole = [sum(begin <= samples for begin in begins) - 1 for samples in range(begins[-1])]
    assert [ramp.steps_at(samples) for samples in range(begins[-1])] == whole


@given(ramps(), st.integers(0, 500))
def test_arrays_give_what_numbers_give(ramp, first):
    numbers = np.arange(first, first + 50)
    for method in (ramp.size_at, ramp.steps_at, ramp.samples_at):
        found = method(numbers)
        assert found.dtype == np.int64
        assert found.tolist() == [method(int(number)) for number in numbers]


@given(ramps(2**60, 2**40), st.integers(0, 2**62), st.integers(-2, 2))
def test_samples_and_steps_are_inverse_however_large(ramp, samples, near):
    """Whole steps of the samples, and none more; also right at the changes. Nothing is summed: ModernBERT#205 hung."""
    for at in (samples, *(max(0, start + near) for start, _ in ramp.changes)):
        steps = ramp.steps_at(at)
        assert ramp.samples_at(steps) <= at < ramp.samples_at(steps + 1)
        assert ramp.steps_at(ramp.samples_at(steps)) == steps
        assert ramp.samples_at(steps + 1) - ramp.samples_at(steps) == ramp.size_at(ramp.samples_at(steps))


def test_a_size_that_another_replaces_while_it_waits_begins_no_step():
    ramp = BatchSizeRamp([(0, 100), (120, 7), (150, 50)])
    assert [ramp.samples_at(steps) for steps in range(5)] == [0, 100, 200, 250, 300]


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 12), st.integers(0, 3000))
def test_linear_is_what_megatron_does_at_every_number_of_consumed_samples(start, increment, changes, more):
    """Its rule: start + int(consumed / (over / changes)) * increment while consumed <= over, then the global size.

    The rule divides floats: exactly at a change they may fall an ulp short, and its change comes a sample later.
    """
    over, stop = changes + more, start + changes * increment
    ramp = BatchSizeRamp.linear(start, stop, increment, over)
    for consumed in range(0, over + 20, 1 + over // 200):
        theirs = start + int(consumed / (over / changes)) * increment if consumed <= over else stop
        exactly_at_a_change = consumed * changes % over == 0
        assert ramp.size_at(consumed) == theirs or (
            exactly_at_a_change and ramp.size_at(consumed) - theirs == increment
        )


def test_the_ramp_of_gpt3_as_megatron_lists_it():
    """Its documentation's own example: 16 to 1536 by 16 over 5,859,375 samples; recorded values of its calculator."""
    ramp = BatchSizeRamp.linear(16, 1536, increment=16, over_samples=5_859_375)
    consumed = [0, 61_677, 61_678, 1_000_000, 2_929_687, 5_797_697, 5_797_698, 5_859_375, 10**9]
    assert [ramp.size_at(samples) for samples in consumed] == [16, 16, 32, 272, 768, 1504, 1520, 1536, 1536]


def test_ramps_go_down_too_and_may_have_one_size():
    assert BatchSizeRamp.linear(64, 16, increment=-16, over_samples=30).changes == (
        (0, 64),
        (10, 48),
        (20, 32),
        (30, 16),
    )
    assert BatchSizeRamp.linear(64, 64, increment=16, over_samples=0).changes == ((0, 64),)
    assert BatchSizeRamp.geometric(3, 27, factor=3, over_samples=8).changes == ((0, 3), (4, 9), (8, 27))
    assert BatchSizeRamp.geometric(8, 8, factor=2, over_samples=100).changes == ((0, 8),)


def test_a_ramp_is_a_value():
    ramp = BatchSizeRamp([[0, 4], [8, 2]])
    assert ramp == BatchSizeRamp(((0, 4), (8, 2)))
    assert hash(ramp) == hash(BatchSizeRamp(((0, 4), (8, 2))))
    assert repr(ramp) == "BatchSizeRamp(changes=((0, 4), (8, 2)))"


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: BatchSizeRamp(256), r"changes must be pairs of samples and size, got 256; write \[\(0, 256\)"),
        (lambda: BatchSizeRamp([(0, 1, 2)]), r"changes must be pairs of samples and size"),
        (lambda: BatchSizeRamp([]), r"samples of the changes must begin at 0 and ascend, got \[\]; sort them"),
        (lambda: BatchSizeRamp([(5, 1)]), r"samples of the changes must begin at 0 and ascend, got \[5\]"),
        (lambda: BatchSizeRamp([(0, 1), (7, 2), (7, 3)]), r"must begin at 0 and ascend, got \[0, 7, 7\]"),
        (lambda: BatchSizeRamp([(0, 0)]), r"size must be an integer >= 1, got 0; pass the global batch size"),
        (lambda: BatchSizeRamp([(0, 1), (1e6, 2)]), r"samples of a change must be an integer >= 0, got 1000000.0"),
        (
            lambda: BatchSizeRamp.linear(16, 50, 16, 100),
            r"increment must divide stop - start = 34, with its sign, got 16",
        ),
        (lambda: BatchSizeRamp.linear(16, 48, -16, 100), r"increment must divide stop - start = 32, with its sign"),
        (
            lambda: BatchSizeRamp.linear(16, 48, 0, 100),
            r"increment must divide stop - start = 32, with its sign, got 0",
        ),
        (lambda: BatchSizeRamp.linear(16, 48, 16, 1), r"over_samples must be an integer >= 2, got 1; the ramp needs a"),
        (
            lambda: BatchSizeRamp.geometric(8, 48, 2, 100),
            r"stop must be start=8 times a power of factor=2, got 48; pass 64",
        ),
        (lambda: BatchSizeRamp.geometric(8, 16, 1, 100), r"factor must be an integer >= 2, got 1; pass 2 to double"),
        (
            lambda: BatchSizeRamp([(0, 8)]).steps_at(-1),
            r"samples must be a whole number of at least 0, got -1; count from the start",
        ),
        (lambda: BatchSizeRamp([(0, 8)]).size_at(2.5), r"samples must be a whole number of at least 0, got 2.5"),
        (
            lambda: BatchSizeRamp([(0, 8)]).size_at(float("nan")),
            r"samples must be a whole number of at least 0, got nan",
        ),
        (
            lambda: BatchSizeRamp([(0, 8)]).steps_at(float("inf")),
            r"samples must be a whole number of at least 0, got in",
        ),
        (
            lambda: BatchSizeRamp([(0, 8)]).size_at(np.array([8, -1])),
            r"samples must be numbers of at least 0, below 2\*\*63, got .*-1.0.*; count from the start of the run",
        ),
        (
            lambda: BatchSizeRamp([(0, 8)]).samples_at(np.array([3, 2**63 + 5], np.uint64)),
            r"steps must be numbers of at least 0, below 2\*\*63, got .*9.2",
        ),
        (lambda: BatchSizeRamp([(0, 8)]).steps_at(np.array([np.nan])), r"samples must be numbers of at least 0, below"),
        (lambda: BatchSizeRamp([(0, 8)]).samples_at(-1), r"steps must be a whole number of at least 0, got -1"),
    ],
)
def test_bad_ramps_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()


@pytest.mark.parametrize("count", [np.True_, np.array(0.5), 2**63, 10**400, np.float16("nan")])
def test_counts_are_whole_and_have_63_bits(count):
    ramp = BatchSizeRamp([(0, 2)])
    for method, name in ((ramp.size_at, "samples"), (ramp.steps_at, "samples"), (ramp.samples_at, "steps")):
        with pytest.raises(BadArgument, match=f"{name} must be a whole number of at least 0|now must be a number"):
            method(count)
