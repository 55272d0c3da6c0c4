"""The images that the importance study trains on, where they were fetched before: 31 MB are too much for a test."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import fashion_mnist
from benchmarks.wordnet import NotToBeHad


def test_numbers_are_those_of_the_release(monkeypatch):
    def refuse(_):
        raise NotToBeHad("not in the cache; python -m benchmarks.importance fetches it")

    monkeypatch.setattr(fashion_mnist, "_fetch", refuse)
    try:
        (images, labels), (tests, answers) = fashion_mnist.fashion_mnist()
    except NotToBeHad as reason:
        pytest.skip(str(reason))
    assert (images.shape, tests.shape) == ((60_000, 784), (10_000, 784))
    assert np.bincount(labels).tolist() == [6000] * 10
    assert np.bincount(answers).tolist() == [1000] * 10
    assert 0.286 < images.mean() < 0.2861
