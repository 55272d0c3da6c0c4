from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from schedule_peers import PEERS, RECORDED, library

VALUES = json.loads(RECORDED.read_text())


def ours_of(peer):
    return [peer.ours(moment) for moment in range(peer.moments)]


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: f"{peer.library}: {peer.name}")
def test_schedules_are_those_of_other_libraries_as_recorded(peer):
    theirs = VALUES[f"{peer.library}: {peer.name}"]["values"]
    assert ours_of(peer) == pytest.approx(theirs, rel=peer.tolerance, abs=peer.tolerance)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: f"{peer.library}: {peer.name}")
def test_and_as_they_are_today(peer):
    """Live, where the library is installed; torch always is."""
    found = library(peer.library)
    if found is None:
        pytest.skip(f"{peer.library} is not installed; its recorded values are tested above")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = peer.play(found[0], peer.moments)
    assert ours_of(peer) == pytest.approx(theirs, rel=peer.tolerance, abs=peer.tolerance)


def test_a_schedule_of_another_shape_would_be_seen():
    """Planted: each recorded schedule against one that is 1 % off, which no tolerance lets through."""
    for peer in PEERS:
        theirs = np.array(VALUES[f"{peer.library}: {peer.name}"]["values"])
        assert np.abs(theirs * 1.01 - ours_of(peer)).max() > 100 * peer.tolerance


def test_torch_turns_up_again_after_its_length_where_ours_stay():
    """What differs on purpose: CosineAnnealingLR goes on as a cosine; ours holds the floor."""
    torch = library("torch")[0]
    cosine = next(peer for peer in PEERS if peer.name == "CosineAnnealingLR")
    theirs = cosine.play(torch, 101)
    assert theirs[100] == pytest.approx(1.0)
    assert cosine.ours(100) == 0.1
