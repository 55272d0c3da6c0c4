from __future__ import annotations

import numpy as np
import pytest
import torch
from benchmarks.simulated_device import SimulatedDevice

from croupier.errors import BadArgument
from croupier.torch.batch_size_search import BatchSizeSearch

LENGTHS = [int(length) for length in np.geomspace(8_000, 40, 30)]


def found(device, *, reads, most=2**16):
    search = BatchSizeSearch(device, device if reads else None, most)
    search.begin((LENGTHS[-1],))
    return search, [search.largest((length,)) for length in LENGTHS]


def test_with_a_reading_it_takes_little_more_than_one_try_a_shape():
    """Of 20 laws, none is to take more than 45 tries, no size to be over its limit."""
    for seed in range(20):
        device = SimulatedDevice(seed)
        search, sizes = found(device, reads=True)
        assert len(search.probes) <= 45
        for length, size in zip(LENGTHS, sizes, strict=True):
            limit = min(device.most_examples(length), 2**16)
            assert size <= limit
            assert size >= 0.94 * limit or size >= limit - 1
            assert any(p.fits and p.examples >= size and p.lengths == (length,) for p in search.probes), "it ran"


def test_without_one_it_takes_about_two():
    tries = []
    for seed in range(5):
        device = SimulatedDevice(seed)
        search, sizes = found(device, reads=False)
        tries.append(len(search.probes))
        for length, size in zip(LENGTHS, sizes, strict=True):
            limit = min(device.most_examples(length), 2**16)
            assert 0.88 * limit <= size + 1 <= limit * 1.04 + 1
    assert np.mean(tries) < 75


def test_bisection_alone_would_take_six_to_eight(monkeypatch):
    monkeypatch.setattr(BatchSizeSearch, "_predicted", lambda *_: None)
    search, _ = found(SimulatedDevice(0), reads=False)
    assert len(search.probes) > 5 * len(LENGTHS)


def test_a_peak_above_the_capacity_does_not_fit_though_it_ran():
    class Roomy(SimulatedDevice):
        capacity = 0

        def __call__(self, examples, lengths):
            self._peak = examples * lengths[0] * 2**20

    device = Roomy(0)
    search = BatchSizeSearch(device, device, 2**16)
    search.begin((100,))
    assert search.largest((1024,)) == pytest.approx(80, abs=3)
    assert not all(probe.fits for probe in search.probes) or max(p.examples for p in search.probes) <= 80


def test_errors_that_mean_no_memory_and_errors_that_do_not():
    def raising(error):
        def step(examples, lengths):
            if examples > 10:
                raise error

        return BatchSizeSearch(step, None, 64).largest((8,))

    for error in (
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
        RuntimeError("cuFFT error: CUFFT_INTERNAL_ERROR"),
    ):
        assert raising(error) == 10
    with pytest.raises(ValueError, match="a bug of the model"):
        raising(ValueError("a bug of the model"))
    with pytest.raises(RuntimeError, match="size mismatch"):
        raising(RuntimeError("size mismatch"))


def test_a_shape_of_which_no_row_fits_is_refused_by_name():
    def step(examples, lengths):
        raise torch.OutOfMemoryError

    with pytest.raises(BadArgument, match=r"lengths must fit with one row at least, got \(8,\); leave that shape out"):
        BatchSizeSearch(step, None, 64).largest((8,))


def test_no_more_rows_than_asked_for():
    search = BatchSizeSearch(lambda *_: None, None, 100)
    assert [search.largest((length,)) for length in (64, 32, 16)] == [100, 100, 100]
