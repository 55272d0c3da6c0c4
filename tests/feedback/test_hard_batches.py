from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument

LEFT_OUT = "left out: mini-batches of lower loss"


def dealer(stage, rows, segment_batches=4, rank=0, world_size=1):
    plan = cr.chain(stage, segment_ids=segment_batches * stage.batch_size)
    return cr.Dealer(plan, cr.Table(size=rows), seed=5, rank=rank, world_size=world_size, split=cr.Lockstep(lanes=1))


def run(stage, rows, losses_of, epochs, **arguments):
    """The batches of each epoch, and the ledger."""
    found = dealer(stage, rows, **arguments)
    dealt = []
    for _ in range(epochs):
        dealt.append([])
        for deal in found:
            dealt[-1].append(deal.ids.tolist())
            found.observe(deal, losses_of(deal))
    return dealt, found.ledger


def oracle(batches, delta, losses_of, epochs, segment_batches):
    """Epochs of numbers of mini-batches: each segment takes the hardest of its part, knowing all but two segments."""
    every, dealt, last, waiting = len(batches), int(delta * len(batches)), {}, [[], []]
    out = []
    for epoch in range(epochs):
        turns = every if epoch == 0 else dealt
        segments = max(1, turns // segment_batches)
        out.append([])
        for number in range(segments):
            first = number * segment_batches
            after = turns if number == segments - 1 else first + segment_batches
            part = [j for j in range(every) if first <= j * turns // every < after]
            hardest = sorted(part, key=lambda j: -last.get(j, np.inf))[: after - first]
            out[-1] += sorted(hardest)
            waiting.append([(j, np.mean(losses_of(epoch, batches[j]))) for j in hardest])
            last.update(waiting[-3])
    return out


def test_epochs_are_those_of_a_few_lines_of_python():
    rng = np.random.default_rng(0)
    hardness = rng.exponential(size=(6, 96))  # a loss for each epoch and row, so that who is hardest changes

    def losses_of(deal):
        return hardness[deal.epoch, deal.ids]

    dealt, ledger = run(cr.HardBatches(4, 0.5), 96, losses_of, 6)
    batches = dealt[0]
    assert sorted(i for batch in batches for i in batch) == list(range(96))
    expected = oracle(batches, 0.5, lambda epoch, ids: hardness[epoch, ids], 6, 4)
    assert [[batches.index(batch) for batch in epoch] for epoch in dealt] == expected
    assert ledger.ids(LEFT_OUT) == 5 * 48
    still = oracle(batches, 0.5, lambda _, ids: hardness[0, ids], 6, 4)
    assert still != expected, "losses that never change would deal other batches"


def test_with_losses_that_stay_the_hardest_of_each_part_come_again_and_again():
    dealt, _ = run(cr.HardBatches(2, 0.25), 64, lambda deal: deal.ids, 4)
    batches = dealt[0]
    hardest = [max(batches[first : first + 4], key=sum) for first in range(0, 32, 4)]
    # A segment of four turns chooses among 16 mini-batches at once, not one of every four.
    segments = [sorted(sorted(batches[a : a + 16], key=sum)[-4:], key=batches.index) for a in (0, 16)]
    assert dealt[1] == dealt[2] == dealt[3] == segments[0] + segments[1]
    assert dealt[1] != hardest


def test_what_was_never_observed_comes_first_and_by_chance():
    seen = [set(), set()]
    for seed in range(2):
        plan = cr.chain(cr.HardBatches(2, 0.25), segment_ids=64)
        found = cr.Dealer(plan, cr.Table(size=64), seed=seed)
        full = [deal.ids.tolist() for deal in found]
        for _ in range(3):
            seen[seed] |= {full.index(deal.ids.tolist()) for deal in found}
    assert all(len(numbers) > 8 for numbers in seen), "another quarter every time"
    assert seen[0] != seen[1]


def test_the_last_mini_batch_is_filled_up_and_delta_rounds_down():
    dealt, ledger = run(cr.HardBatches(4, 0.7), 10, lambda deal: np.ones(len(deal)), 2)
    assert [len(epoch) for epoch in dealt] == [3, 2]
    assert dealt[0][2][2:] == dealt[0][0][:2]
    assert ledger.ids("repeated to fill a mini-batch") in (2, 4)
    assert len(run(cr.HardBatches(1, 0.29), 100, lambda _: [1.0], 2)[0][1]) == 29
    assert len(run(cr.HardBatches(4, 0.01), 100, lambda deal: np.ones(len(deal)), 2)[0][1]) == 1


def test_full_epochs_come_first():
    dealt, _ = run(cr.HardBatches(4, 0.5, full_epochs=2), 32, lambda deal: deal.ids, 4)
    assert [len(epoch) for epoch in dealt] == [8, 8, 4, 4]
    assert dealt[0] == dealt[1]


def test_resume_in_the_middle_of_an_epoch_of_hard_ones_goes_on_bit_for_bit():
    def follow(found):
        for deal in found:
            found.observe(deal, (deal.ids * 7 + deal.epoch * 5) % 31)
            yield deal.ids.tolist()

    whole = dealer(cr.HardBatches(4, 0.5), 96)
    pairs = [(ids, whole.state_dict()) for _ in range(4) for ids in follow(whole)]
    for place in (3, 24, 26, 30, 37, 50):
        again = dealer(cr.HardBatches(4, 0.5), 96)
        again.load_state_dict(pairs[place][1])
        rest = [ids for _ in range(3) for ids in follow(again)]
        expected = [ids for ids, _ in pairs[place + 1 :]]
        assert rest[: len(expected)] == expected[: len(rest)]
        assert rest


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"batch_size": 0, "delta": 0.5}, "batch_size must be an integer >= 1 and <= 16777216, got 0"),
        ({"batch_size": 4, "delta": 0.0}, r"delta must be a number in \(0, 1\], got 0.0; pass the part of the mini"),
        ({"batch_size": 4, "delta": 0.5, "full_epochs": 0}, "full_epochs must be an integer >= 1, got 0; losses must"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(BadArgument, match=text):
        cr.HardBatches(**arguments)


def test_negative_losses_are_refused():
    with pytest.raises(BadArgument, match=r"signal must be losses >= 0, got -2.0; report a loss"):
        cr.HardBatches(4, 0.5).check_signal(np.array([1.0, -2.0], np.float32))
