"""Checksums and fields; states of earlier and later versions are in tests/golden/test_states.py."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadState
from croupier.run.state_versions import checked_state, sealed


@pytest.fixture
def state():
    dealer = cr.Dealer(cr.chain(cr.LossWeighted(), cr.FixedSize(4), segment_ids=8), cr.Table(size=24), seed=0)
    for deal in dealer:
        dealer.observe(deal, deal.ids + 1)
    return dealer.state_dict()


def test_what_is_learned_has_a_checksum(state):
    assert checked_state(state) == state
    for change in (
        lambda s: s["learned"]["scores"]["loss_weighted"].__setitem__(3, 9),
        lambda s: s["learned"].update(version=0),
        lambda s: s["learned"]["reports"].update(ids=s["learned"]["reports"]["ids"][::-1].copy()),
        lambda s: s["learned"].update(more=1),
        lambda s: s["learned"]["scores"].update(loss_weighted=s["learned"]["scores"]["loss_weighted"].reshape(2, -1)),
    ):
        other = copy.deepcopy(state)
        change(other)
        with pytest.raises(
            BadState, match=r"learned must have the checksum [0-9a-f]{32}, got what another state has le"
        ):
            checked_state(other)


def test_arrays_count_by_their_numbers(state):
    big = copy.deepcopy(state)
    scores = big["learned"]["scores"]
    scores["loss_weighted"] = scores["loss_weighted"].astype(">f4")
    assert checked_state(big)["learned_checksum"] == state["learned_checksum"]
    again = sealed({name: value for name, value in big.items() if name not in ("checksum", "learned_checksum")})
    assert again["checksum"] == state["checksum"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"cursor": {1: 2}}, "it must hold numbers, strings, lists and mappings beside what is learned"),
        ({"plan": np.zeros(3)}, "it must hold numbers, strings, lists and mappings"),
        ({"costs": 10**400}, "it must hold numbers, strings, lists and mappings"),
        ({"learned": object()}, "it must be a state of version 1, got TypeError"),
        ({"surprise": 1}, "it must have the fields"),
        ({"croupier_state": True}, "croupier_state must be a version number, got True"),
        ({"croupier_state": 2**70}, "croupier_state must be <= 1, got 1180591620717411303424; install the newer"),
        ({"table": "\ud800"}, "checksum must be"),
    ],
)
def test_what_is_refused(state, change, text):
    with pytest.raises(BadState, match=text):
        checked_state({**state, **change})
