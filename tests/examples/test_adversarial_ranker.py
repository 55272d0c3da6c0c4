from __future__ import annotations

import copy
import runpy
import tempfile
from itertools import islice

import numpy as np
import pytest
import torch

import adversarial_ranker as example
import croupier as cr

RIGHT = example.TABLE.column("item")


def recall(players, sides):
    top = example.mined(players, sides, cr.KnownPositives.of([], [])).items[:, 0]
    return np.mean(top == RIGHT)


def dealt(deal):
    return deal.ids.tolist(), deal.columns["negatives"].tolist(), deal.columns["negative_version"].tolist()


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_retriever_improves_and_its_top_is_harder_for_the_ranker_than_chance(tmp_path):
    sides = example.toy()
    dealer, players = example.begun(sides, seed=0)
    untrained = recall(players, sides)
    deals = list(islice(example.train(dealer, sides, players, str(tmp_path)), 3 * example.INTERVAL))
    assert untrained < 0.02
    assert recall(players, sides) > 0.9
    for deal in deals:
        assert not (deal.columns["negatives"] == RIGHT[deal.ids][:, None]).any()
    assert {int(version) for deal in deals for version in np.unique(deal.columns["negative_version"])} == {0, 1, 2}
    # What is dealt last is of the texts' own groups of eight; what is dealt first, of any.
    first, last = (
        np.mean(deal.columns["negatives"] // 8 == RIGHT[deal.ids, None] // 8) for deal in (deals[0], deals[-1])
    )
    assert first < 0.1
    assert last > 0.2


def test_what_the_ranker_takes_for_right_is_what_the_retriever_is_pushed_to():
    retrieved = torch.zeros(1, 4, requires_grad=True)
    judged = torch.tensor([[1.0, 3.0, 0.0, -4.0]], requires_grad=True)
    example.retriever_loss(retrieved, judged, adversarial=1.0).backward()
    pushed = -retrieved.grad[0]
    assert pushed[1] > 0 > pushed[2] > pushed[3]
    assert judged.grad is None  # the ranker learns in its own turn
    with torch.no_grad():
        indifferent = torch.zeros(1, 4)
    retrieved.grad = None
    example.retriever_loss(retrieved, indifferent, adversarial=1.0).backward()
    assert torch.allclose(retrieved.grad, torch.zeros(1, 4), atol=1e-6)


def test_each_player_learns_in_its_own_turn(tmp_path):
    sides = example.toy()
    dealer, players = example.begun(sides, seed=0)
    weights = [[copy.deepcopy(player.state_dict()) for player in players]]
    for _ in islice(example.train(dealer, sides, players, str(tmp_path)), example.RANKER_STEPS + 1):
        weights.append([copy.deepcopy(player.state_dict()) for player in players])

    def has_moved(player, step):
        return not torch.equal(weights[step][player]["weight"], weights[step + 1][player]["weight"])

    assert [has_moved(0, step) for step in range(len(weights) - 1)] == [False] * example.RANKER_STEPS + [True]
    assert [has_moved(1, step) for step in range(len(weights) - 1)] == [True] * example.RANKER_STEPS + [False]


@pytest.mark.parametrize("stop", [70, example.INTERVAL, example.INTERVAL + 3])
def test_a_run_that_stops_within_an_interval_goes_on_with_the_same_batches(tmp_path, stop):
    sides, steps = example.toy(), 2 * example.INTERVAL + 12
    dealer, players = example.begun(sides, seed=1)
    whole = [dealt(deal) for deal in islice(example.train(dealer, sides, players, str(tmp_path)), steps)]
    stopped, its_players = example.begun(sides, seed=1)
    seen = [dealt(deal) for deal in islice(example.train(stopped, sides, its_players, str(tmp_path)), stop)]
    resumed, new_players = example.begun(sides, seed=1)
    resumed.load_state_dict(stopped.state_dict())
    new_players.load_state_dict(its_players.state_dict())
    rest = [dealt(deal) for deal in islice(example.train(resumed, sides, new_players, str(tmp_path)), steps - stop)]
    assert seen + rest == whole
    assert {version for _, _, versions in rest for row in versions for version in row} >= {1, 2}


def test_its_figures(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    runpy.run_path(example.__file__, run_name="__main__")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[1] for line in lines] == ["0", "1", "2", "3", "4", "5"]
    assert float(lines[-1][-1]) > 0.97
