from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch

import population_training as example

RATES = [{"lr": 0.001 * 3**k, "weight_decay": 1e-4 * (k + 1)} for k in range(5)]
RANGES = {"lr": (1e-4, 1.0), "weight_decay": (1e-5, 1e-1)}


def weights(member):
    return [tensor.clone() for tensor in member.model.state_dict().values()]


def equal(one, other):
    return all(map(torch.equal, weights(one), weights(other)))


STEPS = 12


def found(seeds, turns=6):
    """A member of five that was copied, after 72 batches: over the end of an epoch of 60."""
    streams = [example.digits_stream(seed) for seed in seeds]
    members = [example.digits(rates) for rates in RATES]
    best = example.evolve(members, streams, example.digits_score, example.Evolution(RANGES), turns, STEPS)
    assert best in members
    return max(members, key=lambda member: len({str(rates) for _, rates in member.turns})), streams


@pytest.mark.parametrize("seeds", [[0], range(5)], ids=["one stream", "one each"])
def test_the_schedule_found_replayed_alone_gives_the_same_weights(seeds):
    best, _ = found(seeds)
    alone = example.digits({})
    example.replay(best.turns, alone, [example.digits_stream(seed) for seed in seeds], STEPS)
    assert equal(alone, best)
    assert alone.turns == best.turns
    assert len({str(rates) for _, rates in best.turns}) > 1
    assert len({stream for stream, _ in best.turns}) > (len(seeds) > 1)


def test_it_tells_a_schedule_or_data_that_differ_a_little():
    """Planted: one rate by a thousandth, and the batches of another seed."""
    best, _ = found([0])
    other = [(stream, {**rates, "lr": rates["lr"] * (1.001 if turn == 2 else 1)}) for turn, (stream, rates) in
             enumerate(best.turns)]  # fmt: skip
    for turns, seed in ((other, 0), (best.turns, 1)):
        alone = example.digits({})
        example.replay(turns, alone, [example.digits_stream(seed)], STEPS)
        assert not equal(alone, best)


def test_one_stream_deals_and_fetches_each_batch_once_for_all():
    _, (stream,) = found([0])
    assert stream.cursor.steps == 6 * STEPS
    assert stream.kept_batches == 0
    received, member = [], example.digits(RATES[0])
    stream = example.digits_stream()

    def loss(model, batch):
        received.append(batch[0])
        return model(batch[0]).sum()

    members = [example.Member(member.model, member.optimizer, loss, dict(rates)) for rates in RATES[:3]]
    example.evolve(members, [stream], lambda _: 0.0, example.Evolution(RANGES), 1, 4)
    assert all(received[k] is received[k % 4] for k in range(12))


def test_the_last_take_over_from_the_first_and_vary_their_rates():
    members = [example.digits(RATES[k % 5]) for k in range(8)]
    stream = example.digits_stream()
    for number, member in enumerate(members):
        member.train(number, islice(stream, 3))
    before, rates = [weights(member) for member in members], [dict(member.rates) for member in members]
    scores = [3.0, 7.0, -np.inf, 5.0, 1.0, 8.0, 6.0, 4.0]
    example.Evolution(RANGES, resample_probability=0.0, seed=5)(members, scores, turn=1)
    for number, member in enumerate(members):
        if number not in (2, 4):
            assert all(map(torch.equal, weights(member), before[number]))
            assert (member.rates, member.turns[-1][0]) == (rates[number], number)
            continue
        source = member.turns[-1][0]
        assert source in (1, 5)
        assert all(map(torch.equal, weights(member), before[source]))
        assert member.optimizer.state_dict()["state"][0]["momentum_buffer"].abs().sum() > 0
        for name, rate in member.rates.items():
            assert rate / rates[source][name] in (pytest.approx(1.2), pytest.approx(0.8))
    members[2].train(9, islice(stream, 1))
    assert all(map(torch.equal, weights(members[5]), before[5])), "a copy, not the same tensors"


def test_rates_are_drawn_anew_as_often_as_asked():
    """One in four of 4,000: within 5 standard errors, 0.034, a false alarm in two million."""
    evolution, generator = example.Evolution(RANGES), np.random.default_rng(0)
    ratios = np.array([evolution.explored({"lr": 0.01}, generator)["lr"] / 0.01 for _ in range(4000)])
    factors = [np.isclose(ratios, factor).mean() for factor in (1.2, 0.8)]
    assert abs(1 - sum(factors) - 0.25) < 0.034
    assert abs(factors[0] - 0.375) < 0.039
    drawn = np.array([evolution.drawn(generator)["lr"] for _ in range(4000)])
    assert 1e-4 <= drawn.min() < drawn.max() <= 1.0
    assert abs((drawn < 1e-2).mean() - 0.5) < 0.04
