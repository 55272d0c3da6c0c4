from __future__ import annotations

import pytest

from croupier.demo.corpus import Corpus, read_corpus


@pytest.fixture(scope="session")
def library() -> Corpus:
    """Two thousand texts of the standard library; reading it takes seconds, so once."""
    return read_corpus(2000)
