"""The data that examples and benchmarks are judged by, where they can be had."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from benchmarks import wordnet


def test_numbers_are_those_of_the_frozen_release():
    try:
        sources, targets, count = wordnet.graph_edges()
    except wordnet.NotToBeHad as reason:
        pytest.skip(str(reason))
    assert (sources.size, count) == (183_789, 117_659)
    assert (sources < targets).all()
    assert np.bincount(np.concatenate([sources, targets])).max() == 674


def test_a_synset_is_read_from_its_line():
    line = (
        "00001740 03 n 02 entity 0 physical_entity 0 002 ~ 00001930 n 0000 & 00002137 s 0000"
        ' | what is known; "an example"'
    )
    one = wordnet._synset("noun", line, {("noun", "00001930"): 7, ("adj", "00002137"): 9})
    assert one == wordnet.Synset("noun", ("entity", "physical entity"), "what is known", (7, 9))


def test_why_it_is_not_to_be_had(tmp_path, monkeypatch):
    def offline(*_arguments, **_more):
        raise subprocess.CalledProcessError(100, "apt-get")

    monkeypatch.setenv("CROUPIER_CACHE", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", offline)
    with pytest.raises(
        wordnet.NotToBeHad, match=r"wordnet-base 1:3.0-37 is not in the cache and cannot be fetched: Com"
    ):
        wordnet.glosses()
    place = tmp_path / "wordnet-base-3.0-37"
    place.mkdir()
    with pytest.raises(wordnet.NotToBeHad, match=r"the files of wordnet-base cannot be read"):
        wordnet.glosses()
    for part in wordnet.PARTS:
        (place / f"data.{part}").write_text("")
    with pytest.raises(wordnet.NotToBeHad, match=r"are not those of wordnet-base 1:3.0-37; remove the folder"):
        wordnet.glosses()
