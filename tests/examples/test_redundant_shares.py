from __future__ import annotations

import runpy
from itertools import combinations, islice, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
import redundant_shares as example

KEY = cr.Key(7).child("matrix")
SIZES = [(n, s) for n in range(1, 9) for s in range(4) if s < n]
CODES = {f"cyclic-{n}-{s}": example.cyclic(n, s, KEY) for n, s in SIZES}
CODES |= {f"fractional-{n}-{s}": example.fractional(n, s) for n, s in SIZES if n % (s + 1) == 0}
every_code = pytest.mark.parametrize("name", CODES)

RNG = np.random.default_rng(0)
FEATURES, LABELS = RNG.normal(size=(480, 6)), RNG.integers(2, size=480)
TABLE = cr.Table(length=RNG.integers(1, 50, 480))
SPLITS = {"balanced": cr.Balanced(), "micro_batches": cr.Balanced(micro_batches=2), "lockstep": cr.Lockstep()}
PLANS = {"balanced": cr.chain(cr.Shuffle(), cr.TokenBudget(max_tokens=1500))}
PLANS |= {"micro_batches": PLANS["balanced"], "lockstep": cr.chain(cr.Shuffle(), cr.TokenBudget(max_tokens=200))}
EPSILON = np.finfo(np.float64).eps


def gradient(ids, model):
    """Of the mean logistic loss."""
    rows = FEATURES[ids]
    return rows.T @ (1 / (1 + np.exp(-rows @ model)) - LABELS[ids]) / len(ids)


def sums_of_step(code, dealers, model):
    """What each worker sends in its dealers' next step."""
    sums = np.zeros((len(code.matrix), 6))
    for worker, (row, deals) in enumerate(zip(code.matrix, dealers, strict=True)):
        for micro_batch in deals:
            sums[worker] += row[row != 0] @ [deal.loss_scale * gradient(deal.ids, model) for deal in micro_batch]
            if micro_batch[0].ends_step:
                break
    return sums


def dealers_of(code, split, seed=3):
    """Of each worker, what deals its parts side by side."""
    workers = range(len(code.matrix))
    return [zip(*code.dealers(w, PLANS[split], TABLE, seed=seed, split=SPLITS[split]), strict=True) for w in workers]


def plain_dealers(workers, split, seed=3):
    """What deals without redundancy."""
    settings = {"seed": seed, "world_size": workers, "split": SPLITS[split]}
    return [cr.Dealer(PLANS[split], TABLE, rank=rank, **settings) for rank in range(workers)]


def finishers(code, *late):
    """All sets of workers without so many."""
    workers = np.arange(len(code.matrix))
    return [~np.isin(workers, of) for count in late for of in combinations(workers, count)]


def errors_of(code, split, dealers):
    """How far the decoded gradient of the first step is off, for all sets of s late or fewer, in roundings of parts."""
    model, workers = np.linspace(-1, 1, 6), len(code.matrix)
    deals = [[deal.ids for deal in dealer if deal.step == 0] for dealer in plain_dealers(workers, split)]
    parts = [np.concatenate(ids) for ids in deals]
    unit = EPSILON * workers * max(np.abs(gradient(ids, model)).max() for ids in parts)
    whole, sums = workers * gradient(np.concatenate(parts), model), sums_of_step(code, dealers, model)
    decoded = np.array([code.decoding(one)[one] @ sums[one] for one in finishers(code, *range(code.stragglers + 1))])
    return np.abs(decoded - whole).max(axis=1) / unit


@every_code
@pytest.mark.parametrize("split", SPLITS)
def test_the_gradient_is_whole_whoever_is_late(name, split):
    """Within 20 roundings of the largest part times their number, times the factor that ``worst`` tells: 2.4 seen."""
    factor, condition = CODES[name].worst()
    assert errors_of(CODES[name], split, dealers_of(CODES[name], split)).max() < 20 * factor
    assert factor < 1e5
    assert 1 <= condition < 1e6
    if name.startswith("fractional"):
        assert factor == pytest.approx(1)


def test_a_wrong_part_is_seen():
    """Planted: worker 2 computes those of its neighbour."""
    code = CODES["cyclic-6-2"]
    dealers = dealers_of(code, "lockstep")
    dealers[2] = dealers_of(code, "lockstep")[3]
    assert np.median(errors_of(code, "lockstep", dealers)) > 1e6 * code.worst()[0]


def test_precision_by_key():
    """8 workers, 3 stragglers, 100 keys: half of them magnify rounding less than 1000-fold, all less than 1e6-fold."""
    figures = np.array([example.cyclic(8, 3, KEY.child(number)).worst() for number in range(100)])
    factors, conditions = figures.T
    assert np.median(factors) < 1000
    assert np.median(conditions) < 5000
    assert factors.max() < 1e6
    assert factors.min() < 100


@every_code
def test_each_part_is_computed_by_s_plus_1_workers(name):
    code = CODES[name]
    held, (n, s) = code.matrix != 0, (len(code.matrix), code.stragglers)
    assert (held.sum(axis=0) == s + 1).all()
    assert (held.sum(axis=1) == s + 1).all()
    if name.startswith("cyclic"):
        assert all(held[worker, (worker + np.arange(s + 1)) % n].all() for worker in range(n))
    else:
        assert (held == np.roll(held, n // (s + 1), axis=0)).all()
        assert (code.matrix == held).all()


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", ["cyclic-5-2", "fractional-6-2"])
def test_each_id_is_dealt_once_in_parts_and_s_plus_1_times_to_workers(name, split):
    """Over an epoch; the parts of a step are what the ranks of a plain run get in it."""
    code = CODES[name]
    plain = [list(dealer) for dealer in plain_dealers(len(code.matrix), split)]
    assert sorted(i for deals in plain for deal in deals for i in deal) == list(range(480))
    dealt = []
    for worker, row in enumerate(code.matrix):
        dealers = code.dealers(worker, PLANS[split], TABLE, seed=3, split=SPLITS[split])
        for part, dealer in zip(np.flatnonzero(row), dealers, strict=True):
            deals = list(dealer)
            assert deals == plain[part]
            dealt += [i for deal in deals for i in deal]
    assert (np.bincount(dealt) == 3).all()


def test_under_balanced_the_parts_of_a_step_make_a_batch_of_the_plan():
    (batches,) = plain_dealers(1, "balanced")
    for batch, *parts in zip(batches, *plain_dealers(5, "balanced"), strict=True):
        assert sorted(i for part in parts for i in part) == sorted(batch)


def test_a_run_goes_on_with_other_workers_and_stragglers():
    """The state of any dealer of 5 workers with 2 stragglers, loaded by those of 4 with 1: all that is left, twice."""
    stopped = CODES["cyclic-5-2"].dealers(1, PLANS["balanced"], TABLE, seed=3, split=SPLITS["balanced"])[2]
    done = len(list(islice(stopped, 3)))
    left = list(plain_dealers(1, "balanced")[0])[done:]
    code, dealt = CODES["fractional-4-1"], []
    for worker in range(4):
        for dealer in code.dealers(worker, PLANS["balanced"], TABLE, seed=3, split=SPLITS["balanced"]):
            dealer.load_state_dict(stopped.state_dict())
            dealt += [i for deal in dealer for i in deal]
    assert sorted(dealt) == sorted(2 * [i for deal in left for i in deal])


def test_ranks_agree_on_the_matrix():
    """Made anew, it is the same to the bit; another key gives another; and it stays what it was."""
    code = CODES["cyclic-8-3"]
    assert example.cyclic(8, 3, cr.Key(7).child("matrix")).matrix.tobytes() == code.matrix.tobytes()
    assert (example.cyclic(8, 3, cr.Key(8).child("matrix")).matrix != code.matrix).any()
    assert example.cyclic(4, 1, cr.Key(0)).matrix[:, 0] == pytest.approx([1.0, 0.0, 0.0, 2.1639347806652], rel=1e-9)


@every_code
def test_more_stragglers_are_refused(name):
    code = CODES[name]
    n, least = len(code.matrix), len(code.matrix) - code.stragglers
    for finished in finishers(code, code.stragglers + 1):
        with pytest.raises(
            ValueError, match=rf"finished must be at least n - s = {least} workers, got {least - 1}; wait for more"
        ):
            code.decoding(finished)
    assert code.decoding(np.ones(n, bool)) @ code.matrix == pytest.approx(1.0)


def test_bad_sizes_are_refused():
    for s in (-1, 6, 7):
        with pytest.raises(ValueError, match=rf"stragglers must be 0 to 5, fewer than the workers, got {s}"):
            example.cyclic(6, s, KEY)
    for s in (-1, 3, 6):
        with pytest.raises(ValueError, match=rf"stragglers \+ 1 must divide 6 workers, got {s} stragglers; choose cyc"):
            example.fractional(6, s)
    with pytest.raises(ValueError, match=r"stragglers must be 0 to -1"):
        example.cyclic(0, 0, KEY)


def test_a_wrong_coefficient_is_refused():
    """Planted: one in a thousand off, where its worker is among just enough."""
    matrix = CODES["cyclic-6-2"].matrix.copy()
    matrix[4, 5] *= 1.001
    planted = example.RedundantShares(matrix, 2)
    for finished in finishers(planted, 2):
        if finished[4]:
            with pytest.raises(ValueError, match=r"matrix must decode each part to 1, got an error of .*another key"):
                planted.decoding(finished)
        else:
            assert planted.decoding(finished) @ matrix == pytest.approx(1.0)


# What follows is about the simulation.

LATE = np.inf


def play_by_the_clock(seconds, stragglers, delay, patience):
    """The oracle: each round event by event, with sets."""
    needed, workers = len(seconds[0]) - stragglers, range(len(seconds[0]))
    have, total = [set() for _ in seconds], 0.0
    for now, row in enumerate(seconds):
        due, is_new, doing = now - delay, now < len(seconds) - delay, dict.fromkeys(workers, now)
        if due >= 0:
            lacking = max(0, needed - len(have[due]))
            doing |= dict.fromkeys([worker for worker in workers if worker not in have[due]][:lacking], due)
        cutoff = patience * min(row)
        for clock in sorted({0.0, cutoff, *row}):
            for worker in workers:
                if row[worker] <= clock:
                    have[doing[worker]].add(worker)
            is_whole = due < 0 or len(have[due]) >= needed
            if is_whole and (not is_new or len(have[now]) >= needed or clock >= cutoff):
                total += clock
                break
    return [sorted(one) for one in have[: len(seconds) - delay]], total


@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(1, 12), st.integers(0, 4), st.integers(0, 6))
def test_play(seed, workers, steps, delay, stragglers):
    """As by the clock; every step is decoded; and without delay a round ends with the (n - s)th worker."""
    stragglers = min(stragglers, workers - 1)
    seconds = np.random.default_rng(seed).integers(1, 9, size=(steps + delay, workers)).astype(float)
    finished, total = example.play(seconds, stragglers, delay, patience=1.5)
    assert ([np.flatnonzero(row).tolist() for row in finished], total) == play_by_the_clock(
        seconds.tolist(), stragglers, delay, 1.5
    )
    assert (finished.sum(axis=1) >= workers - stragglers).all()
    if delay == 0:
        assert total == np.sort(seconds, axis=1)[:, workers - stragglers - 1].sum()


def is_bursty(late, burst, window, distinct):
    """In any window of rounds at most so many workers are late, each within a burst."""
    for first in range(max(1, len(late) - window + 1)):
        rounds = late[first : first + window]
        spans = [np.ptp(np.flatnonzero(worker)) + 1 for worker in rounds.T if worker.any()]
        if len(spans) > distinct or max(spans, default=0) > burst:
            return False
    return True


def all_bursty(workers, rounds, burst, window, distinct):
    """Every pattern of lateness that is bursty, and leaves someone on time in each round."""
    rows = [row for row in product([False, True], repeat=workers) if not all(row)]
    found = [()]
    for _ in range(rounds):
        longer = [(*rounds, row) for rounds in found for row in rows]
        found = [rounds for rounds in longer if is_bursty(np.array(rounds[-window:]), burst, window, distinct)]
    return [np.where(rounds, LATE, 1.0) for rounds in found]


@pytest.mark.parametrize(
    ("workers", "rounds", "burst", "window", "distinct"),
    [(3, 5, 1, 2, 2), (4, 4, 1, 2, 4), (4, 4, 1, 3, 3), (4, 5, 2, 3, 2)],
)
def test_nobody_waits_for_the_late_where_they_are_bursty(workers, rounds, burst, window, distinct):
    """All patterns, with workers that are late for ever: T = B and s = ceil(B L / (W - 1 + B)) are enough.

    Planted: one straggler fewer is not, nor are bursts that are longer by a round.
    """
    stragglers = -(-burst * distinct // (window - 1 + burst))
    patterns = all_bursty(workers, rounds, burst, window, distinct)
    assert len(patterns) > 90
    assert max(example.play(seconds, stragglers, burst)[1] for seconds in patterns) < LATE
    assert any(example.play(seconds, stragglers - 1, burst)[1] == LATE for seconds in patterns)
    longer = all_bursty(workers, rounds, burst + 1, window, distinct)
    assert any(example.play(seconds, stragglers, burst)[1] == LATE for seconds in longer)


def one_bursty(seed, workers, rounds, distinct):
    """One pattern with B = 2 and W = 5, as full as it gets by trying two thirds of the workers in each round."""
    rng, late = np.random.default_rng(seed), np.zeros((rounds, workers), bool)
    for now, worker in [(now, w) for now in range(rounds) for w in rng.permutation(workers)[: workers * 2 // 3]]:
        late[now, worker] = True
        late[now, worker] = is_bursty(late[max(0, now - 4) : now + 1], 2, 5, distinct)
    return np.where(late, LATE, 1.0)


@pytest.mark.parametrize("seed", range(10))
def test_nobody_waits_in_longer_runs_either(seed):
    """12 workers, 60 rounds, 9 late in any 5 rounds, so s = 3: gradient coding with s = 3 would wait for ever."""
    seconds = one_bursty(seed, 12, 60, distinct=9)
    finished, total = example.play(seconds, 3, 2)
    assert total <= 60 * 1.5
    assert (finished.sum(axis=1) >= 9).all()
    assert example.play(seconds, 3, 0)[1] == LATE


@pytest.mark.parametrize(("begins", "ends"), [(0.04, 0.5), (0.1, 0.6), (0.02, 0.25)])
def test_bursts(begins, ends):
    """40 rounds of 3000 workers: chances of beginning and of ending, the share of the late at first and at last.

    And whether two neighbours are late at once. Within 5 deviations: false alarms below 3e-6 a case. The mutant, draws
    of the same share without bursts, is caught.
    """

    def is_off(late):
        share, before, after = begins / (begins + ends), late[:-1], late[1:]
        both = before[0, ::2] & before[0, 1::2]
        counted = [
            (after[~before], begins),
            (~after[before], ends),
            (late[0], share),
            (late[-1], share),
            (both, share**2),
        ]
        return max(abs(of.mean() - chance) / np.sqrt(chance * (1 - chance) / of.size) for of, chance in counted) > 5

    late = example.bursts(KEY, 40, 3000, begins, ends)
    assert not is_off(late)
    assert is_off(np.random.default_rng(0).random(late.shape) < late.mean())


def seconds_of_step(seed, stragglers, delay, begins=0.04, ends=0.5, steps=200):
    """16 workers and parts; 1 s and 0.1 s a part, up to 10 percent more; five times that where late."""
    late = example.bursts(cr.Key(seed), steps + delay, 16, begins, ends)
    seconds = (1 + 0.1 * (stragglers + 1)) * (1 + 0.1 * np.random.default_rng(seed).random(late.shape))
    return example.play(seconds * np.where(late, 5.0, 1.0), stragglers, delay)[1] / steps


def means(stragglers, delay, **lateness):
    """Of 12 seeds, shape (12,)."""
    return np.array([seconds_of_step(seed, stragglers, delay, **lateness) for seed in range(12)])


@pytest.mark.parametrize(("begins", "ends"), [(0.04, 0.5), (0.1, 0.9)])
def test_repeats_are_faster_than_fixed_codes(begins, ends):
    """With equal redundancy, in each of 12 runs; with the best of either by 3 percent; than waiting for all by half.

    False alarms: were repeats of no use, 12 wins of 12 would have a chance of 2.4e-4.
    """
    fixed, repeated = (np.array([means(s, delay, begins=begins, ends=ends) for s in range(6)]) for delay in (0, 2))
    assert (repeated[1:4] < fixed[1:4]).all()
    assert repeated[2].mean() < 0.9 * fixed[2].mean()
    assert repeated.mean(axis=1).min() < 0.97 * fixed.mean(axis=1).min()
    assert repeated.mean(axis=1).min() < fixed[0].mean() / 2


def test_where_the_gain_comes_from():
    """Planted: none where nobody is late; and delays shorter than bursts gain less."""
    assert (means(2, 2, begins=0.0) == means(2, 0, begins=0.0)).all()
    assert means(1, 4, begins=0.02, ends=0.25).mean() < 0.97 * means(1, 1, begins=0.02, ends=0.25).mean()


def test_three_models_in_turn_learn_as_with_whole_batches():
    """T = 2: step t of a model finds step t - 3 decoded in round t - 1, from sums of rounds t - 3 and t - 1.

    The three models are those of one worker with the whole batches, though some steps lack sums in their own rounds.
    """
    code, steps = CODES["cyclic-8-2"], 24
    seconds = one_bursty(0, 8, steps + 2, distinct=6)
    assert example.play(seconds, 2, 0)[1] == LATE
    finished, total = example.play(seconds, 2, 2)
    assert total < LATE
    dealers = [dealers_of(code, "balanced", seed=model) for model in range(3)]
    whole = [iter(plain_dealers(1, "balanced", seed=model)[0]) for model in range(3)]
    coded, plain = np.zeros((3, 6)), np.zeros((3, 6))
    for step in range(steps):
        model, is_in = step % 3, finished[step]
        sums = sums_of_step(code, dealers[model], coded[model])
        coded[model] -= code.decoding(is_in)[is_in] @ sums[is_in] / 8
        plain[model] -= gradient(next(whole[model]).ids, plain[model])
    assert coded == pytest.approx(plain, abs=1e-9)
    assert np.abs(plain).max() > 0.1


def test_its_figures(capsys):
    runpy.run_path(example.__file__, run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "8 workers, 3 stragglers: rounding errors times 1, condition number 2"
    fixed, repeated = np.array([[float(line.split()[place]) for line in lines[9:]] for place in (5, 11)])
    assert fixed.size == 7
    assert (repeated[1:4] < fixed[1:4]).all()
    assert repeated.min() < fixed.min() < fixed[0] / 2
