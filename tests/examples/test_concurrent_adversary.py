from __future__ import annotations

import copy
import runpy
import time
from itertools import islice

import pytest
import torch
from torch.nn.functional import cross_entropy

import concurrent_adversary as example

DATA, HELD_OUT = example.digits()
SIZE = 0.1


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def steps_of(dealer, model, optimizer, adversary, passes=1):
    """Train, and give what each step was trained on."""
    for _ in range(passes):
        for deal, made in adversary.over(dealer, DATA):
            example.step(model, optimizer, DATA[0][deal], made, DATA[1][deal])
            yield list(deal), made


def one_after_another(passes):
    """The oracle, without threads: each batch attacked at the weights before the update of the step before."""
    dealer, model, optimizer = example.begun(seed=0)
    before, found = copy.deepcopy(model), []
    for _ in range(passes):
        for deal in dealer:
            made = example.attacked(before.eval(), DATA[0][deal], DATA[1][deal], SIZE)
            before = copy.deepcopy(model)
            example.step(model, optimizer, DATA[0][deal], made, DATA[1][deal])
            found.append((list(deal), made))
    return found, model


def assert_same(first, second):
    for (deal, made), (other_deal, other_made) in zip(first, second, strict=True):
        assert deal == other_deal
        assert torch.equal(made, other_made)


def assert_same_weights(model, other):
    assert all(torch.equal(one, two) for one, two in zip(model.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("slow", [0.0, 0.01])
def test_the_run_does_not_depend_on_how_fast_the_thread_is(slow, monkeypatch):
    """To the bit, over two epochs."""
    fast = example.attacked

    def slowed(*arguments):
        time.sleep(slow)
        return fast(*arguments)

    monkeypatch.setattr(example, "attacked", slowed)
    dealer, model, optimizer = example.begun(seed=0)
    found = list(steps_of(dealer, model, optimizer, example.Adversary(model, SIZE), passes=2))
    monkeypatch.setattr(example, "attacked", fast)
    wanted, other = one_after_another(passes=2)
    assert_same(found, wanted)
    assert_same_weights(model, other)


@pytest.mark.parametrize("stop", [1, 4, 10, 13])
def test_a_run_that_stops_goes_on_with_the_same_examples(stop):
    """Planted: without the adversary's state the first batch is attacked at other weights."""
    wanted, whole = one_after_another(passes=2)
    dealer, model, optimizer = example.begun(seed=0)
    adversary = example.Adversary(model, SIZE)
    first = list(islice(steps_of(dealer, model, optimizer, adversary, passes=2), stop))
    states = [copy.deepcopy(each.state_dict()) for each in (dealer, model, optimizer, adversary)]
    for is_whole in (True, False):
        dealer, model, optimizer = example.begun(seed=1)[0], *example.begun(seed=1)[1:]
        dealer = example.begun(seed=0)[0]
        adversary = example.Adversary(model, SIZE)
        for each, state in zip((dealer, model, optimizer, adversary)[: 4 if is_whole else 3], states, strict=False):
            each.load_state_dict(state)
        rest = list(steps_of(dealer, model, optimizer, adversary, passes=2))[: len(wanted) - stop]
        if is_whole:
            assert_same(first + rest, wanted)
        else:
            assert not torch.equal(rest[0][1], wanted[stop][1])
    assert whole is not model


def test_the_dealer_stands_where_training_does():
    """Not where the thread is: a state taken within an epoch counts what was trained on."""
    dealer, model, optimizer = example.begun(seed=0)
    for number, _ in enumerate(steps_of(dealer, model, optimizer, example.Adversary(model, SIZE)), start=1):
        assert dealer.cursor.steps == number


def test_stale_weights_attack_nearly_as_well_as_fresh_ones():
    """By the rise of the loss: nine tenths of it. Planted: random signs bring less than a quarter."""
    dealer, model, optimizer = example.begun(seed=0)
    adversary, rises = example.Adversary(model, SIZE), []
    for number, (deal, made) in enumerate(pair for _ in range(4) for pair in adversary.over(dealer, DATA)):
        inputs, labels = DATA[0][deal], DATA[1][deal]
        if number >= 10:
            random = inputs + SIZE * torch.randn(inputs.shape, generator=torch.Generator().manual_seed(number)).sign()
            kinds = (inputs, made, example.attacked(model, inputs, labels, SIZE), random)
            with torch.no_grad():
                clean, *others = (cross_entropy(model(each), labels) for each in kinds)
            rises.append([(other - clean).item() for other in others])
        example.step(model, optimizer, inputs, made, labels)
    stale, fresh, random = torch.tensor(rises).mean(dim=0)
    assert stale > 0.9 * fresh
    assert random < 0.25 * fresh


def test_an_attack_is_of_its_size_and_leaves_no_gradients():
    _, model, _ = example.begun(seed=0)
    made = example.attacked(model, DATA[0][:20], DATA[1][:20], SIZE)
    moved = (made - DATA[0][:20]).abs()
    assert moved.max() <= SIZE + 1e-6
    assert (moved > SIZE / 2).double().mean() > 0.9
    assert all(weight.grad is None for weight in model.parameters())
    assert not made.requires_grad


def test_a_loop_that_is_left_early_ends_the_thread():
    dealer, model, optimizer = example.begun(seed=0)
    steps = steps_of(dealer, model, optimizer, example.Adversary(model, SIZE))
    next(steps)
    steps.close()
    assert dealer.cursor.steps == 1


def test_its_figures(capsys, monkeypatch):
    monkeypatch.setattr(torch, "set_num_threads", lambda _threads: None)
    runpy.run_path(example.__file__, run_name="__main__")
    without, concurrent = (
        [float(w.strip(",")) for w in line.split() if w[0] == "0"] for line in capsys.readouterr().out.splitlines()
    )
    assert without[0] - concurrent[0] < 0.05
    assert concurrent[1] > without[1] + 0.2
