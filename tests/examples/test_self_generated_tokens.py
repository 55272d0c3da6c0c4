from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

import croupier as cr
import self_generated_tokens as example

KEY = cr.Key(7)
TOKENS = 11
PEER = "transformers: the models that take these batches"


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Small(nn.Module):
    """Causal, and of strong opinions."""

    def __init__(self, seed=0, width=12):
        super().__init__()
        torch.manual_seed(seed)
        self.embed, self.reads = nn.Embedding(TOKENS, width), nn.GRU(width, width, batch_first=True)
        self.says = nn.Linear(width, TOKENS)
        for weight in self.parameters():
            nn.init.normal_(weight, std=1.0)

    def forward(self, tokens, is_there):
        return self.says(self.reads(self.embed(tokens))[0])


def ragged(seed, rows=5, ids=None):
    rng = np.random.default_rng(seed)
    parts = [[torch.from_numpy(rng.integers(0, TOKENS, rng.integers(1, 7))) for _ in range(rows)] for _ in range(2)]
    return example.Batch.of(list(range(rows)) if ids is None else ids, *parts)


def one_by_one(model, batch, is_own, draws, pick):
    """The oracle: each row alone and without filling, token after token."""
    context = batch.tokens.clone()
    for row in range(len(context)):
        for at in range(1, int(batch.is_there[row].sum())):
            if is_own[row, at] and batch.is_answer[row, at]:
                logits = model(context[row : row + 1, :at], torch.ones(1, at, dtype=torch.bool))[:, -1:]
                context[row, at] = pick(logits, draws[row : row + 1, at : at + 1])[0, 0]
    return context


def test_schedules_are_those_of_the_paper():
    """i = samples / unit; and far out, where exp(i / k) is beyond floats, the inverse sigmoid is 0."""
    linear = example.Linear(least=0.25, slope=0.01, unit=32)
    assert [linear(32 * i) for i in (0, 1, 50, 75, 1000)] == pytest.approx([1.0, 0.99, 0.5, 0.25, 0.25])
    assert [example.Exponential(0.9, 32)(32 * i) for i in (0, 1, 7)] == pytest.approx([1.0, 0.9, 0.9**7])
    for k in (1.0, 4.0, 30.0):
        inverse = example.InverseSigmoid(k, 32)
        assert [inverse(32 * i) for i in range(300)] == pytest.approx(
            [k / (k + math.exp(i / k)) for i in range(300)], abs=1e-12
        )
        assert inverse(round(32 * k * math.log(k))) == pytest.approx(0.5, abs=0.02)
        assert inverse(10**15) == 0.0


@given(st.integers(0, 10**6), st.floats(1.0, 100.0), st.integers(1, 1000))
def test_schedules_fall(samples, k, unit):
    for schedule in (
        example.Linear(0.1, 1 / k, unit),
        example.Exponential(1 / (1 + 1 / k), unit),
        example.InverseSigmoid(k, unit),
    ):
        assert 1.0 >= schedule(samples) >= schedule(samples + unit) >= 0.0


@given(st.integers(0, 10**6))
def test_labels_are_on_answers_alone_whatever_the_tokens_are(seed):
    """Filling is told by lengths: a token that looks like it keeps its label and stays in sight."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 6, (4, 2))
    contexts, answers = ([torch.from_numpy(rng.integers(0, 3, n)) for n in column] for column in lengths.T)
    batch = example.Batch.of([3, 1, 4, 1], contexts, answers, pad=0)
    inputs = batch.inputs(batch.tokens)
    for row, (context, answer) in enumerate(zip(contexts, answers, strict=True)):
        filling = batch.tokens.shape[1] - len(context) - len(answer)
        assert inputs["input_ids"][row].tolist() == context.tolist() + answer.tolist() + [0] * filling
        assert inputs["attention_mask"][row].tolist() == [1] * (len(context) + len(answer)) + [0] * filling
        assert inputs["labels"][row].tolist() == [-100] * len(context) + answer.tolist() + [-100] * filling


@pytest.mark.parametrize("pick", [example.greedy, example.sampled])
@settings(max_examples=15)
@given(st.integers(0, 10**6), st.floats(0.0, 0.9))
def test_passes_come_to_what_generating_one_by_one_gives(pick, seed, true_share):
    """And after n passes the first n own tokens of each row are there."""
    model, batch = Small(seed % 5), ragged(seed)
    is_own, draws = batch.draws(KEY.child("own")) >= true_share, batch.draws(KEY.child("token"))
    wanted = one_by_one(model, batch, is_own, draws, pick)
    assert torch.equal(example.interleaved(model, batch, is_own, draws, pick, passes=10), wanted)
    places = (is_own & batch.is_answer).cumsum(dim=1)
    for passes in (1, 2):
        is_early = places <= passes
        found = example.interleaved(model, batch, is_own, draws, pick, passes)
        assert torch.equal(found[is_early], wanted[is_early])


def test_one_pass_is_not_enough_for_all():
    """Planted: what is said to the truth is not what is said to own tokens."""
    differ = 0
    for seed in range(10):
        model, batch = Small(), ragged(seed)
        few, all_ = (
            example.interleaved(model, batch, batch.is_answer, batch.draws(KEY), example.greedy, passes)
            for passes in (1, 10)
        )
        differ += not torch.equal(few, all_)
    assert differ >= 7


def test_only_the_context_of_answers_changes_and_labels_stay_the_truth():
    for seed in range(6):
        batch = ragged(seed)
        inputs = example.scheduled(Small(), batch, 0.0, KEY, passes=3)
        truth = batch.inputs(batch.tokens)
        assert torch.equal(inputs["labels"], truth["labels"])
        assert torch.equal(inputs["attention_mask"], truth["attention_mask"])
        assert torch.equal(inputs["input_ids"][~batch.is_answer], batch.tokens[~batch.is_answer])
        assert not torch.equal(inputs["input_ids"], batch.tokens)
        # Planted: labels taken from the context that is trained on.
        assert not torch.equal(
            replace(batch, tokens=inputs["input_ids"]).inputs(batch.tokens)["labels"], truth["labels"]
        )
        assert torch.equal(example.scheduled(Small(), batch, 1.0, KEY)["input_ids"], batch.tokens)


def test_the_share_of_true_tokens_is_that_of_the_schedule():
    """20,000 answers within 5 deviations: false alarms below 6e-7 a share. Caught: draws of the place alone."""

    def deviations(batch, share):
        counts = (batch.draws(KEY) < share).sum(dim=0).double()  # of 500 rows, for each place
        return ((counts - 500 * share) / (500 * share * (1 - share)) ** 0.5).numpy()

    batch = example.Batch.of(range(500), [torch.zeros(1).long()] * 500, [torch.zeros(40).long()] * 500)
    for share in (0.1, 0.5, 0.9):
        assert abs(deviations(batch, share).sum() / 41**0.5) < 5
        assert np.abs(deviations(replace(batch, ids=[3] * 500), share)).max() > 5


def test_a_row_gets_the_same_own_tokens_in_any_batch():
    """By its id: alone, on another rank, beside longer rows, in another order; and others in another epoch."""
    model, rng = Small(), np.random.default_rng(0)
    parts = [[torch.from_numpy(rng.integers(0, TOKENS, n)) for n in rng.integers(2, 9, 6)] for _ in range(2)]
    ids = [5, 900, 2, 33, 10**9, 8]
    together = example.Batch.of(ids, *parts)
    dealt = example.scheduled(model, together, 0.3, KEY, passes=8)["input_ids"]
    for row in range(6):
        alone = example.Batch.of(ids[row : row + 1], parts[0][row : row + 1], parts[1][row : row + 1])
        again = example.scheduled(model, alone, 0.3, KEY, passes=8)["input_ids"][0]
        assert torch.equal(dealt[row, : len(again)], again)
    assert not torch.equal(dealt, example.scheduled(model, together, 0.3, KEY.child(1), passes=8)["input_ids"])


def test_sampled_tokens_have_their_probabilities():
    """40,000 draws of four tokens within 5 deviations: false alarms below 3e-6. Caught: the likeliest."""
    logits = torch.tensor([0.0, 1.0, -1.0, -60.0])
    batch = example.Batch.of(range(1000), [torch.zeros(1).long()] * 1000, [torch.zeros(39).long()] * 1000)

    def is_off(pick):
        counts = np.bincount(pick(logits.expand(1000, 40, 4), batch.draws(KEY)).ravel(), minlength=4)
        share = logits.softmax(0).double().numpy()
        return (np.abs(counts - 40_000 * share) > 5 * np.sqrt(40_000 * share * (1 - share)) + 1e-9).any()

    assert not is_off(example.sampled)
    assert is_off(example.greedy)
    certain = torch.tensor([-math.inf, 0.0, -math.inf])
    assert example.sampled(
        certain.expand(1, 2, 3), torch.tensor([[0.0, 1 - 2.0**-53]], dtype=torch.float64)
    ).tolist() == [[1, 1]]


def test_generated_answers_begin_where_their_contexts_end():
    model, rng = Small(3), np.random.default_rng(1)
    contexts = [torch.from_numpy(rng.integers(0, TOKENS, n)) for n in (4, 1, 7)]
    for context, answer in zip(contexts, example.generated(model, [0, 1, 2], contexts, 5), strict=True):
        tokens = context
        for _ in range(5):
            tokens = torch.cat([tokens, model(tokens[None], None)[0, -1:].argmax(dim=-1)])
        assert answer.tolist() == tokens[len(context) :].tolist()


def test_the_share_goes_on_after_a_restart():
    """It is of the samples that the dealer counts: nothing else to save."""
    plan, share = cr.chain(cr.Shuffle(), cr.FixedSize(10)), example.InverseSigmoid(2, unit=20)
    whole, stopped, resumed = (cr.Dealer(plan, cr.Table(size=100), seed=0) for _ in range(3))
    shares = [share(whole.cursor.samples) for _ in whole]
    first = [share(stopped.cursor.samples) for _, _ in zip(range(4), stopped, strict=False)]
    resumed.load_state_dict(stopped.state_dict())
    assert first + [share(resumed.cursor.samples) for _ in resumed] == shares


def fixed_logits_and_labels():
    logits = torch.sin(torch.arange(3 * 7 * TOKENS, dtype=torch.float64)).reshape(3, 7, TOKENS).float()
    labels = (torch.arange(21).reshape(3, 7) * 5) % TOKENS
    return 3 * logits, labels.masked_fill(torch.arange(7) < torch.tensor([[2], [4], [3]]), -100)


def shifted_loss(logits, labels):
    return cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)


RECORDED_LOSS = 3.4933598
"""What transformers 5.23.0 makes of these logits and labels: ``ForCausalLMLoss``."""


def test_labels_are_read_as_transformers_reads_them():
    assert shifted_loss(*fixed_logits_and_labels()).item() == pytest.approx(RECORDED_LOSS, rel=1e-6)


@pytest.fixture(scope="module")
def language_model():
    transformers = pytest.importorskip("transformers", reason=PEER)
    config = transformers.GPT2Config(
        n_layer=2, n_head=2, n_embd=16, vocab_size=TOKENS, n_positions=32, bos_token_id=None, eos_token_id=None
    )
    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(config).eval()
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.5)
    return model


def test_transformers_computes_that_loss(language_model):
    found = language_model.loss_function(*fixed_logits_and_labels(), vocab_size=TOKENS)
    assert found.item() == pytest.approx(RECORDED_LOSS, rel=1e-6)


def test_a_model_of_transformers(language_model):
    """Own tokens as one by one, its own ``generate`` gives the same, and its loss is on answers alone."""

    def of(tokens, is_there):
        return language_model(input_ids=tokens, attention_mask=is_there.long()).logits

    for seed in range(2):
        batch = ragged(seed, rows=3)
        is_own, draws = batch.draws(KEY) >= 0.3, batch.draws(KEY.child("token"))
        with torch.no_grad():
            wanted = one_by_one(of, batch, is_own, draws, example.sampled)
        assert torch.equal(example.interleaved(of, batch, is_own, draws, example.sampled, passes=10), wanted)
        inputs = example.scheduled(of, batch, 0.5, KEY, passes=2)
        with torch.no_grad():
            output = language_model(**inputs)
        assert output.loss.item() == pytest.approx(shifted_loss(output.logits, inputs["labels"]).item(), rel=1e-5)
        contexts = [row[: int((there & ~is_answer).sum())] for row, there, is_answer in zip(
            batch.tokens, batch.is_there, batch.is_answer, strict=True
        )]  # fmt: skip
        for context, answer in zip(contexts, example.generated(of, batch.ids, contexts, 4), strict=True):
            said = language_model.generate(
                context[None], attention_mask=torch.ones_like(context[None]), max_new_tokens=4, do_sample=False
            )
            assert said[0, len(context) :].tolist() == answer.tolist()
