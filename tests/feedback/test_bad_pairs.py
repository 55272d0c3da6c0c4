"""Bad pairs by the published rule, weights that never add, and mismatched pairs in a small training held down."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import croupier as cr
from croupier.errors import BadArgument, BadTable

PAIRS, WIDTH, BATCH = 400, 8, 40


def observed(stage, epochs):
    """The scores after losses of shape (epochs, rows)."""
    scores = np.full(epochs.shape[1], stage.initial_score, np.float32)
    for losses in epochs:
        seen = stage.observe(scores, np.arange(losses.size), losses.astype(np.float32))
        scores[seen.ids] = seen.values
    return scores


def published(epochs, of_epochs, noisy=2, faulty=3):
    """Means of losses that weigh (1 + k) / E, and how far each lies from their mean, in deviations."""
    weights = (1 + np.arange(len(epochs))) / of_epochs
    means = (epochs * weights[:, None]).mean(axis=0)
    away = (means - means.mean()) / means.std() if means.std() > 1e-9 * means.mean() else np.zeros(means.size)
    return away, away <= -noisy, away >= faulty


histories = arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(2, 40)), elements=st.integers(0, 50).map(float))


@given(histories, st.floats(0.2, 3), st.floats(0.2, 3))
def test_those_of_the_published_rule_are_held_down(epochs, noisy, faulty):
    stage = cr.BadPairs(1, noisy, faulty)
    verdicts = stage.verdicts(observed(stage, epochs))
    away, is_noisy, is_faulty = published(epochs, 80, noisy, faulty)
    clear = (np.abs(away + noisy) > 0.01) & (np.abs(away - faulty) > 0.01)
    assert np.array_equal(verdicts.is_noisy[clear], is_noisy[clear])
    assert np.array_equal(verdicts.is_faulty[clear], is_faulty[clear])
    held = verdicts.is_noisy | verdicts.is_faulty
    assert np.allclose(verdicts.weights[held], np.exp(-(away[held] ** 2) / 2), atol=0.02)
    assert np.all(verdicts.weights[~held] == 1)


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1e6) | st.floats(1, 1.01)), st.floats(0.01, 3))
def test_no_weight_is_above_1_and_few_are_below(losses, beta):
    stage = cr.BadPairs(1, beta, beta)
    verdicts = stage.verdicts(observed(stage, losses[None]))
    assert np.all((verdicts.weights >= 0) & (verdicts.weights <= 1))
    assert max(verdicts.is_noisy.sum(), verdicts.is_faulty.sum()) <= losses.size / (1 + beta**2) + 1e-9


def test_the_density_itself_would_add():
    """The mutant: the normal density, not over its peak, of losses that hardly differ."""
    losses = np.append(np.random.default_rng(0).normal(1.0, 0.01, 200), 1.05)
    stage = cr.BadPairs(1)
    verdicts = stage.verdicts(observed(stage, losses[None]))
    density = verdicts.weights / (verdicts.deviation * np.sqrt(2 * np.pi))
    assert verdicts.is_faulty[-1]
    assert density[verdicts.is_noisy].max() > 1 > verdicts.weights[verdicts.is_noisy].max()
    assert (verdicts.mean, verdicts.deviation) == pytest.approx((losses.mean(), losses.std()), rel=1e-3)


@pytest.mark.parametrize("losses", [np.ones(9), np.zeros(9), np.array([3.0])])
def test_where_losses_do_not_differ_all_weigh_1(losses):
    stage = cr.BadPairs(1)
    assert np.all(stage.verdicts(observed(stage, losses[None])).weights == 1)
    assert np.all(stage.verdicts(np.zeros(4, np.float32)).weights == 1)


def test_who_was_not_observed_weighs_1_and_does_not_count():
    stage = cr.BadPairs(1)
    losses = np.append(np.tile([1.0, 1.5], 20), 30.0)
    scores = np.append(observed(stage, losses[None]), np.zeros(100, np.float32))
    verdicts = stage.verdicts(scores)
    assert np.array_equal(verdicts.weights[:41], stage.verdicts(scores[:41]).weights)
    assert np.flatnonzero(verdicts.is_faulty).tolist() == [40]
    assert np.all(verdicts.weights[41:] == 1)


def test_a_pair_observed_once_less_is_not_taken_for_a_low_one():
    """As some always are in the middle of an epoch; means not divided by their weights (the mutant) take it so."""
    stage = cr.BadPairs(1)
    losses = np.random.default_rng(1).normal(5.0, 0.1, (4, 100))
    scores = observed(stage, losses)
    scores[:5] = observed(stage, losses[:3, :5])
    assert not stage.verdicts(scores).is_noisy[:5].any()
    plain = np.append(losses[:3, :5].T @ [1, 2, 3] / 3, losses[:, 5:].T @ [1, 2, 3, 4] / 4)
    assert np.all(plain[:5] < plain.mean() - 2 * plain.std())


def plan(warmup_epochs=1):
    return cr.chain(cr.Shuffle(), cr.BadPairs(warmup_epochs), cr.FixedSize(8), segment_ids=32)


def dealt(dealer, epochs, taken=None):
    """Pair weights of some epochs, or of some deals, with the losses that are reported on the way."""
    out = []
    for _ in range(epochs):
        for deal in dealer:
            dealer.observe(deal, losses_of(deal))
            out.append(deal.columns["pair_weight"].tolist())
            if len(out) == taken:
                return out
    return out


def losses_of(deal):
    return np.where(deal.ids == 17, 40.0, 1 + deal.ids % 3) + deal.epoch


@pytest.mark.parametrize("in_a_file", [False, True])
def test_it_resumes_anywhere(tmp_path, in_a_file):
    def run(name):
        stage = cr.BadPairs(1, artefact=str(tmp_path / name) if in_a_file else None)
        return cr.Dealer(cr.chain(cr.Shuffle(), stage, cr.FixedSize(8), segment_ids=32), cr.Table(size=96), seed=1)

    whole = dealt(run("whole"), 3)
    assert min(min(weights) for weights in whole[:12]) == 1.0
    assert min(min(weights) for weights in whole[24:]) < 0.01
    for taken in range(1, 36, 5):
        first = run(str(taken))
        begun = dealt(first, 3, taken)
        resumed = run(str(taken))
        resumed.load_state_dict(first.state_dict())
        assert begun + dealt(resumed, 3 - resumed.cursor.epoch) == whole


def test_what_is_held_down_is_in_the_ledger():
    dealer = cr.Dealer(plan(), cr.Table(size=96), seed=1)
    weights = dealt(dealer, 3)
    faulty = sum(weight < 1 for batch in weights for weight in batch)
    assert dealer.ledger.ids("held down as faulty") == faulty > 0
    assert dealer.ledger.ids("held down as noisy") == 0


def train(seed, faulty_deviations, epochs=8, warmup_epochs=4):
    """A bilinear model of two views, one pair in twenty mismatched; which, and the weights of the last epoch."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(PAIRS, WIDTH)) / np.sqrt(WIDTH)
    views = [common @ rng.normal(size=(WIDTH, 2 * WIDTH)) + 0.3 * rng.normal(size=(PAIRS, 2 * WIDTH)) for _ in range(2)]
    mismatched = rng.choice(PAIRS, PAIRS // 20, replace=False)
    views[1][mismatched] = views[1][np.roll(mismatched, 1)]
    model = np.zeros((2 * WIDTH, 2 * WIDTH))
    stages = (cr.Shuffle(), cr.BadPairs(warmup_epochs, 2, faulty_deviations), cr.FixedSize(BATCH))
    dealer = cr.Dealer(cr.chain(*stages, segment_ids=80), cr.Table(size=PAIRS), seed=seed)
    weights = np.ones(PAIRS)
    for _ in range(epochs):
        for deal in dealer:
            left, right = (view[deal.ids] for view in views)
            logits = left @ model @ right.T
            shares = np.exp(logits - logits.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
            dealer.observe(deal, -np.log(shares.diagonal()))
            weights[deal.ids] = deal.columns["pair_weight"]
            gradient = left.T @ ((shares - np.eye(len(deal))) * weights[deal.ids, None]) @ right
            model -= 0.001 * gradient
    return np.isin(np.arange(PAIRS), mismatched), weights


@pytest.mark.parametrize(("faulty_deviations", "at_least"), [(3.0, 0.4), (2.0, 0.7)])
def test_mismatched_pairs_are_held_down(faulty_deviations, at_least):
    """On three fixed seeds. Weights given to the wrong rows (the mutant: rolled by one) hold down few of them."""
    runs = [train(seed, faulty_deviations) for seed in range(3)]
    mismatched, weights = (np.concatenate(parts) for parts in zip(*runs, strict=True))
    assert (weights[mismatched] < 1).mean() > at_least
    assert (weights[~mismatched] < 1).mean() < 0.02
    assert (np.roll(weights, 1)[mismatched] < 1).mean() < at_least / 2


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda: cr.BadPairs(0),
            BadArgument,
            r"warmup_epochs must be an integer >= 1, got 0; losses must be collected",
        ),
        (lambda: cr.BadPairs(1, 0), BadArgument, r"noisy_deviations must be a number above 0, got 0; the paper uses 2"),
        (lambda: cr.BadPairs(1, 2, -3), BadArgument, r"faulty_deviations must be a number above 0, got -3; the paper"),
        (
            lambda: cr.BadPairs(1).check_signal(np.array([1, -0.5], np.float32)),
            BadArgument,
            r"signal must be losses >= 0, got -0.5; report each pair's contrastive loss",
        ),
        (
            lambda: cr.Dealer(plan(), cr.Table(pair_weight=[1.0, 2.0]), seed=0).first(),
            BadTable,
            r"table column 'pair_weight' must not be there: 'bad_pairs' adds a column of that name",
        ),
    ],
)
def test_errors(make, error, text):
    with pytest.raises(error, match=text):
        make()
