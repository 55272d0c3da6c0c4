from __future__ import annotations

import runpy

import pytest
import torch

import croupier as cr
import self_correction as example
from self_generated_tokens import Batch


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(*, correcting, epochs):
    torch.manual_seed(0)
    asked, held_out = example.questions(held_out=512)
    plan, table = cr.chain(cr.Shuffle(), cr.FixedSize(example.BATCH_ROWS)), cr.Table(size=len(asked[0]))
    dealer, model = cr.Dealer(plan, table, seed=0), example.Reader()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(epochs):
        example.train(dealer, asked, model, optimizer, correcting=correcting)
    return example.accuracies(model, held_out)


def test_questions_are_all_there_are_and_answers_their_sums():
    asked, held_out = example.questions(held_out=500)
    contexts, answers = (torch.cat([first, second]) for first, second in zip(asked, held_out, strict=True))
    assert len(held_out[0]) == 500
    assert len({tuple(row) for row in contexts.tolist()}) == example.BASE**example.DIGITS == len(contexts)
    for context, answer in zip(contexts[:50].tolist(), answers[:50].tolist(), strict=True):
        sums = [sum(context[: n + 1]) % example.BASE for n in range(example.DIGITS)]
        assert context[-1] == example.BEGIN
        assert answer == [sums[-1], *sums]


def test_an_own_answer_is_context_without_a_label():
    contexts, own = [torch.tensor([1, 2, 5]), torch.tensor([5])], [torch.tensor([4, 4]), torch.tensor([0, 1])]
    references = [torch.tensor([3, 1]), torch.tensor([2, 2, 2])]
    batch = Batch.of([0, 1], example.to_correct(contexts, own), references)
    inputs = batch.inputs(batch.tokens)
    assert inputs["input_ids"].tolist() == [[1, 2, 5, 4, 4, 6, 3, 1], [5, 0, 1, 6, 2, 2, 2, 0]]
    assert inputs["attention_mask"].tolist() == [[1] * 8, [1] * 7 + [0]]
    assert inputs["labels"].tolist() == [[-100] * 6 + [3, 1], [-100] * 4 + [2, 2, 2, -100]]


def test_without_corrections_to_learn_from_asking_again_does_not_help():
    """Planted: the same questions and steps, and a marker that was never seen."""
    first, corrected = trained(correcting=False, epochs=5)
    assert first.double().mean() > 0.1
    assert corrected.double().mean() < first.double().mean()


def test_its_figures(capsys, monkeypatch):
    """It corrects itself, and leaves alone what is right: the sum in front is at first, as by chance, in a fifth."""
    monkeypatch.setattr(torch, "set_num_threads", lambda _threads: None)
    runpy.run_path(example.__file__, run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    words = lines[-1].replace(",", "").split()
    first, corrected, kept, of = (float(words[place]) for place in (5, 7, 13, 15))
    assert first < 0.3
    assert corrected > 0.9
    assert kept > 0.9 * of > 50
