"""The watcher of the soak: what it says of a process, and what it makes of what it saw."""

from __future__ import annotations

import os
import sys
import time

import pytest

from reliability import soak

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_a_process_is_sampled():
    sample = soak.sampled(os.getpid(), time.monotonic())
    assert sample.anonymous_kb > 10_000
    assert sample.descriptors >= 3


def judged(memory, descriptors=lambda _: 9, pace=lambda _: 100.0):
    seconds = range(1, 101)
    samples = [[soak.Sample(float(at), memory(at), descriptors(at), 0) for at in seconds]] * soak.RANKS
    progress = [[{"seconds": float(at), "epoch": at // 10, "ids_a_second": pace(at)} for at in seconds]] * soak.RANKS
    return [finding.holds for finding in soak._judged(samples, progress, 100.0)]


def test_growth_is_found_and_warming_up_is_not_growth():
    assert judged(lambda at: 1000 * min(at, 20)) == [True, True, True]
    assert judged(lambda at: 20_000 + 10 * at) == [False, True, True]
    assert judged(lambda _: 20_000, descriptors=lambda at: 9 + at // 30) == [True, False, True]
    assert judged(lambda _: 20_000, pace=lambda at: 0.0 if at == 50 else 100.0) == [True, True, False]


@pytest.mark.slow
def test_a_short_soak(tmp_path):
    samples = soak._watched(tmp_path, 20.0)
    assert all(len(taken) > 5 for taken in samples)
