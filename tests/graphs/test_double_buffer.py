from __future__ import annotations

import threading

import numpy as np
import pytest

from croupier.errors import BadArgument
from croupier.graphs.double_buffer import double_buffered

SECONDS = 10


class Pools:
    """Counts what was asked for, and by which threads; each pool is its number."""

    def __init__(self, count, fails_at=None):
        self.count, self.fails_at = count, fails_at
        self.begun = 0
        self.threads = set()
        self.changed = threading.Condition()
        self.is_closed = False

    def __iter__(self):
        try:
            for number in range(self.count):
                with self.changed:
                    self.begun += 1
                    self.threads.add(threading.current_thread())
                    self.changed.notify_all()
                if number == self.fails_at:
                    raise KeyError(number)
                yield number
        finally:
            self.is_closed = True

    def wait_until_begun(self, number):
        with self.changed:
            return self.changed.wait_for(lambda: self.begun >= number, timeout=SECONDS)


def test_the_next_pool_is_made_while_one_is_in_use_and_no_other():
    pools = Pools(6)
    for number, pool in enumerate(double_buffered(pools)):
        assert pool == number
        assert pools.wait_until_begun(min(number + 2, 6))
        assert pools.begun <= number + 2
    assert pools.is_closed
    assert threading.current_thread() not in pools.threads
    assert len(pools.threads) == 1


def test_nothing_is_begun_before_it_is_asked_for_and_none_is_no_end():
    pools = Pools(3)
    buffered = double_buffered(pools)
    assert pools.begun == 0
    assert list(buffered) == [0, 1, 2]
    assert list(double_buffered([None, None])) == [None, None]
    assert list(double_buffered([])) == []


@pytest.mark.parametrize("fails_at", [0, 1, 3])
def test_an_error_comes_out_where_its_pool_is_asked_for(fails_at):
    pools, taken = Pools(5, fails_at), []
    with pytest.raises(KeyError, match=str(fails_at)):
        taken.extend(double_buffered(pools))
    assert taken == list(range(fails_at))
    assert pools.is_closed
    assert not any(thread.is_alive() for thread in pools.threads)


@pytest.mark.parametrize("fails_at", [None, 2])
def test_leaving_early_ends_the_thread(fails_at):
    pools = Pools(100, fails_at)
    buffered = double_buffered(pools)
    assert next(buffered) == 0
    assert next(buffered) == 1
    buffered.close()
    assert pools.is_closed
    assert pools.begun <= 3
    assert not any(thread.is_alive() for thread in pools.threads)


def test_an_error_of_the_training_ends_the_thread_too():
    pools = Pools(100)

    def train():
        for pool in double_buffered(pools):
            if pool == 3:
                raise ValueError("diverged")

    with pytest.raises(ValueError, match="diverged"):
        train()
    assert pools.is_closed
    assert pools.begun <= 5


def test_what_cannot_be_iterated_is_refused_at_once():
    with pytest.raises(BadArgument, match=r"pools must be an iterable, got 3; pass a generator that makes one pool"):
        double_buffered(3)


def test_a_number_is_no_pools():
    with pytest.raises(BadArgument, match=r"pools must be an iterable, got array\(3\)"):
        double_buffered(np.array(3))
