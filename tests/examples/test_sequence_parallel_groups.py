from __future__ import annotations

import runpy
from math import inf
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
import sequence_parallel_groups as example

BYTES_PER_MS = {1: inf, 2: 154e6, 4: 137e6, 8: 121e6, 16: 8.7e6, 32: 8.7e6, 64: 8.7e6}


def group_ms(lengths, degree):
    """The oracle of costs, from the formula: 7B parameters are 32 layers of 4096."""
    own = sum(5.128e-6 * s**2 + 0.18396 * s for s in lengths) / degree
    return 629.0 + own + 4 * 2 * 32 * 4096 * sum(lengths) * 2 / (degree * BYTES_PER_MS[degree])


def checked(lengths, devices, device_tokens, dealt):
    """The makespan, once the deal is seen to be one: each row once, memory kept, degrees that can be laid out."""
    groups, makespan = dealt
    degrees = [degree for degree, _ in groups]
    assert sum(degrees) == devices
    assert degrees == sorted(degrees, reverse=True)
    assert set(degrees) <= {2**k for k in range(7)}
    assert all(first % degree == 0 for first, degree in zip(np.cumsum([0, *degrees]), degrees, strict=False))
    assert sorted(np.concatenate([rows for _, rows in groups]).tolist()) == list(range(lengths.size))
    assert all(lengths[rows].sum() <= degree * device_tokens for degree, rows in groups)
    assert makespan == pytest.approx(max(group_ms(lengths[rows].tolist(), degree) for degree, rows in groups))
    return makespan


def step_of(devices, device_tokens, longest, fill, seed=0):
    """One sequence of ``longest``, others lognormal to 32k, one in 50 of a heavy tail, until memory is as full."""
    rng, size = np.random.default_rng(seed), devices * device_tokens // 75
    tail, is_tail = 4000 * (1 - rng.random(size)) ** (-1 / 1.2), rng.random(size) < 0.02
    others = np.where(is_tail, tail, np.clip(rng.lognormal(5.95, 1.26, size), 16, 32_768)).astype(np.int64)
    lengths = np.append(longest, np.minimum(others, longest))
    return rng.permutation(lengths[np.cumsum(lengths) <= fill * devices * device_tokens])


STEPS = [
    (8, 4096, 8_000, 0.9),
    (8, 4096, 20_000, 0.9),
    (8, 8192, 3_000, 0.95),
    (8, 16_384, 30_000, 0.8),
    (16, 4096, 32_000, 0.9),
    (16, 16_384, 110_000, 0.7),
    (16, 12_288, 18_000, 0.98),
    (64, 4096, 32_000, 0.8),
    (64, 12_288, 90_000, 0.7),
    (64, 8192, 110_000, 0.8),
    (64, 6144, 18_000, 0.97),
]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("step", STEPS, ids=str)
def test_it_is_within_one_percent_of_the_bound(step, seed):
    """Memory is 67 % to 98 % full; in six of the eleven the longest sequence needs 8 devices or more."""
    lengths = step_of(*step, seed)
    makespan = checked(lengths, *step[:2], example.deal_groups(lengths, *step[:2]))
    assert 1.0 < makespan / example.lower_bound(lengths, *step[:2], makespan) <= 1.01


def test_where_memory_is_nearly_full():
    """95 % to 99.95 %: within 1.3 % of the bound. With 2 tokens free, all in one group, far from the best."""
    for seed in (0, 1, 2, 4, 11):
        lengths = step_of(16, 12_288, 30_000, 1.0, seed)
        makespan = checked(lengths, 16, 12_288, example.deal_groups(lengths, 16, 12_288))
        assert makespan <= 1.013 * example.lower_bound(lengths, 16, 12_288, makespan)
    lengths = step_of(16, 12_288, 30_000, 1.0, seed=3)
    assert lengths.sum() == 16 * 12_288 - 2
    full = example.deal_groups(lengths, 16, 12_288)
    assert [degree for degree, _ in full[0]] == [16]
    freer = example.deal_groups(lengths, 16, 12_400)
    assert checked(lengths, 16, 12_400, freer) < 0.6 * checked(lengths, 16, 12_288, full)


@pytest.mark.parametrize(
    ("old", "new"),
    [("np.argsort(-lengths", "np.argsort(lengths"), ("loss.argmin(axis=1)", "np.isfinite(loss).argmax(axis=1)")],
    ids=["the shortest first", "to the first group it fits"],
)
def test_other_rules_are_further_from_the_bound(old, new):
    """Planted: each deals, within memory, and is 5 % or more slower than ours, which is within 1 % of the bound."""
    lengths = step_of(16, 12_288, 18_000, 0.98)
    makespan = checked(lengths, 16, 12_288, mutant(old, new).deal_groups(lengths, 16, 12_288))
    ours = example.deal_groups(lengths, 16, 12_288)[1]
    assert ours < 1.01 * example.lower_bound(lengths, 16, 12_288, ours)
    assert makespan > 1.05 * ours


def test_a_rule_without_memory_is_caught():
    lengths = step_of(16, 12_288, 18_000, 0.98)
    forgetful = mutant("(time_left < 0) | (room_left < 0)", "time_left < 0")
    with pytest.raises(AssertionError):
        checked(lengths, 16, 12_288, forgetful.deal_groups(lengths, 16, 12_288))


def best_of_all(lengths, devices, device_tokens):
    """The exact least makespan, by dynamic programming over sets of sequences and numbers of devices."""
    size, degrees = 1 << lengths.size, [degree for degree in BYTES_PER_MS if degree <= devices]
    members = [[int(s) for i, s in enumerate(lengths) if mask >> i & 1] for mask in range(size)]
    alone = {d: np.array([group_ms(m, d) if sum(m) <= d * device_tokens else inf for m in members]) for d in degrees}
    best = np.full((devices + 1, size), inf)
    best[:, 0] = 0.0
    for mask in range(1, size):
        # The group of the sequence of the lowest bit, and the rest on the devices that are left.
        others = mask & (mask - 1)
        inside = np.array([sub for sub in range(others + 1) if sub & others == sub]) | (mask ^ others)
        for d in degrees:
            slowest = np.maximum(alone[d][inside], best[: devices - d + 1, mask ^ inside]).min(axis=1)
            best[d:, mask] = np.minimum(best[d:, mask], slowest)
    return best[devices, -1]


def small_step(seed):
    """Up to 8 sequences on 4 or 8 devices, of which many need more than one."""
    rng = np.random.default_rng(seed)
    lengths, devices = rng.lognormal(8.0, 1.0, rng.integers(1, 9)), int(rng.choice([4, 8]))
    lengths *= min(1.0, 0.99 * devices * 4096 / lengths.sum())
    return np.maximum(lengths.astype(np.int64), 1), devices


def mutant(old, new):
    """The example with this changed."""
    source, module = Path(example.__file__).read_text(), ModuleType("mutant")
    assert source.count(old) == 1
    exec(source.replace(old, new), vars(module))
    return module


def test_few_sequences_are_dealt_nearly_as_well_as_they_can_be():
    """60 small steps, the best of each found exactly: no deal below it, no bound above it.

    Less is proved here than for many sequences, of which parts fill any gap: the deal is up to 1.2 % above the best,
    and the bound up to 4.3 % below it; on average 0.03 % and 0.3 %.
    """
    deals, bounds = [], []
    for lengths, devices in map(small_step, range(60)):
        best = best_of_all(lengths, devices, 4096)
        deals.append(checked(lengths, devices, 4096, example.deal_groups(lengths, devices, 4096)) / best)
        # From above the best, so that a program that asks for too much would rule it out.
        bounds.append(example.lower_bound(lengths, devices, 4096, 1.002 * best) / best)
    assert min(deals) > 1 - 1e-9
    assert max(deals) < 1.012
    assert np.mean(deals) < 1.0005
    assert max(bounds) <= 1.0
    assert min(bounds) > 0.95
    assert np.mean(bounds) > 0.997


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("- np.maximum(time / token_ms - memory, 0)", ""),
        ("(2 * work > time) | (2 * lengths", "(3 * work > time) | (3 * lengths"),
        ("(work / lengths[:, None]).min(axis=0), np.arange", "(work / lengths[:, None]).mean(axis=0), np.arange"),
        ("(devices >= DEGREES)", "(devices > DEGREES)"),
    ],
    ids=["no S", "thirds", "mean c", "never one group"],
)
def test_programs_that_ask_for_too_much_are_caught(old, new):
    """Planted: their bounds are above the best of some of 30 small steps."""
    module = mutant(old, new)
    steps = ((lengths, devices, best_of_all(lengths, devices, 4096)) for lengths, devices in map(small_step, range(30)))
    assert any(module.lower_bound(lengths, devices, 4096, 1.002 * best) > best for lengths, devices, best in steps)


@given(
    st.lists(st.integers(1, 20_000), min_size=1, max_size=30), st.sampled_from([1, 2, 4, 8, 16]), st.integers(0, 500)
)
def test_whatever_fits_all_devices_is_dealt(lengths, devices, spare):
    """To the last token: one group of all devices holds it. One token more is refused."""
    lengths = np.array(lengths)
    needed = -(-lengths.sum() // devices)
    checked(lengths, devices, needed + spare, example.deal_groups(lengths, devices, needed + spare))
    if needed > 1:
        with pytest.raises(ValueError, match=rf"sum to at most {devices * (needed - 1)}, got .*{lengths.sum()}"):
            example.deal_groups(lengths, devices, needed - 1)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"devices must be a power of two up to 64, got 12"):
        example.deal_groups(np.array([5]), 12, 100)
    with pytest.raises(ValueError, match=r"devices must be a power of two up to 64, got 128"):
        example.deal_groups(np.array([5]), 128, 100)
    with pytest.raises(ValueError, match=r"lengths must be >= 1 and sum to at most 400, got 0 and 9"):
        example.deal_groups(np.array([9, 0]), 4, 100)
    with pytest.raises(ValueError, match=r"lengths must be >= 1 and sum to at most 400, got 401 and 401"):
        example.deal_groups(np.array([401]), 4, 100)


def test_costs():
    lengths = np.array([1, 384, 100_000])
    expected = [[(group_ms([s], d) - 629.0) * d for d in BYTES_PER_MS] for s in lengths.tolist()]
    assert example.device_ms(lengths) == pytest.approx(np.array(expected))


@pytest.mark.parametrize(("devices", "count"), [(1, 1), (2, 2), (4, 4), (8, 10), (16, 36), (32, 202), (64, 1828)])
def test_every_multiset_of_degrees(devices, count):
    """Their numbers are those of partitions into powers of two (OEIS A018819)."""
    found = example.multisets(devices, devices)
    assert len({tuple(degrees) for degrees in found}) == len(found) == count
    assert all(sum(degrees) == devices and degrees == sorted(degrees, reverse=True) for degrees in found)
    assert {degree for degrees in found for degree in degrees} <= {2**k for k in range(7)}


def alike(devices, largest):
    return [[degree] * (devices // degree) for degree in BYTES_PER_MS if degree <= largest]


def test_gain_over_one_degree_for_all(monkeypatch):
    """Dealt by the same rule, groups of one degree are never quicker, the degree chosen for the step.

    With 64 devices and one sequence that needs 8, no deal to such groups can be: 15 % slower at the least.
    """
    for step in STEPS:
        lengths = step_of(*step)
        makespan = example.deal_groups(lengths, *step[:2])[1]
        with monkeypatch.context() as patch:
            patch.setattr(example, "multisets", alike)
            assert checked(lengths, *step[:2], example.deal_groups(lengths, *step[:2])) > makespan * (1 - 1e-3)
        if step in [(64, 4096, 32_000, 0.8), (64, 12_288, 90_000, 0.7)]:
            slowest = [
                max(629.0 + (group_ms(lengths.tolist(), d) - 629.0) * d / step[0], group_ms([step[2]], d))
                for d in BYTES_PER_MS
                if d * step[1] >= step[2]
            ]
            assert min(slowest) > 1.15 * makespan


def test_rows_in_another_order_are_dealt_alike():
    lengths = step_of(16, 4096, 32_000, 0.9)
    turned, makespan = example.deal_groups(lengths[::-1], 16, 4096)
    groups, same = example.deal_groups(lengths, 16, 4096)
    assert makespan == same
    assert [(d, sorted(lengths[::-1][rows])) for d, rows in turned] == [
        (d, sorted(lengths[rows])) for d, rows in groups
    ]


def test_an_epoch_is_dealt_once_and_a_restart_finds_the_same_groups():
    rng = np.random.default_rng(0)
    table = cr.Table(length=np.clip(rng.lognormal(5.95, 1.26, 300), 16, 30_000).astype(np.int64))
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(40))

    def dealt(dealer):
        deals = ((deal, example.deal_groups(deal.columns["length"], 8, 16_384)[0]) for deal in dealer)
        return [[(degree, deal.ids[rows].tolist()) for degree, rows in groups] for deal, groups in deals]

    whole = dealt(cr.Dealer(plan, table, seed=0))
    assert sorted(i for step in whole for _, ids in step for i in ids) == list(range(300))
    stopped, resumed = (cr.Dealer(plan, table, seed=0) for _ in range(2))
    deals = iter(stopped)
    _ = next(deals), next(deals), next(deals)
    resumed.load_state_dict(stopped.state_dict())
    assert dealt(resumed) == whole[3:]


def test_its_figures(capfd):
    """Each step within 1 % of its bound; on the groups of 16 that the longest of all needs, half as long again."""
    runpy.run_path(example.__file__, run_name="__main__")
    lines = [line.split() for line in capfd.readouterr().out.splitlines() if "at least" in line]
    assert len(lines) == 6
    spans, bounds, sixteens = (np.array([float(line[word].rstrip(",;")) for line in lines]) for word in (0, 4, 7))
    assert (spans < 1.01 * bounds).all()
    assert (spans < sixteens).all()
    assert sixteens.sum() > 1.45 * spans.sum()
