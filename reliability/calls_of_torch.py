"""Samplers, loaders, queues and losses in PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

import croupier as cr
from croupier import torch as ct
from reliability.public_call import Call, built, deals, method, table

__all__ = ["calls"]

PLAN = cr.chain(cr.Shuffle(), cr.FixedSize(4), segment_ids=16)
LOGITS = torch.tensor([[2.0, 0.0, 1.0], [1.0, 4.0, 0.0]])
LABELS = torch.tensor([0, 1])
KEPT = cr.KeepScores((cr.Mean("margin"), cr.Forgotten(), cr.Last()))


def sampler() -> ct.BatchSampler:
    return ct.BatchSampler(PLAN, table(), seed=3)


def loader(plan: Any = PLAN) -> ct.Loader:
    return ct.Loader(range(24), ct.BatchSampler(plan, table(), seed=3))


def begun(plan: Any = PLAN) -> ct.Loader:
    made = loader(plan)
    next(iter(made))
    return made


def keeping() -> ct.Loader:
    return begun(cr.chain(cr.Shuffle(), KEPT, cr.FixedSize(4), segment_ids=16))


def calls() -> Iterator[Call]:
    yield from _loaders()
    yield from _batches()
    yield from _losses()
    yield from _gradients()


def _batch_of(made: Any) -> Any:
    return [torch.as_tensor(batch) for batch, _ in zip(made, range(3), strict=False)]


def _loaders() -> Iterator[Call]:
    yield Call(
        "BatchSampler", ct.BatchSampler,
        lambda: {"plan": PLAN, "table": table(), "seed": 3, "rank": 1, "world_size": 2, "split": cr.Lockstep()},
        _batch_of,
    )  # fmt: skip
    yield method("BatchSampler.set_epoch", sampler, lambda: {"epoch": 2}, use=_batch_of)
    yield method("BatchSampler.load_state_dict", sampler, lambda: {"state": sampler().state_dict(), "accept": []})
    yield Call("Loader", ct.Loader, lambda: {"dataset": range(24), "batch_sampler": sampler()}, _batch_of,
               kept=frozenset({"dataset"}))  # fmt: skip
    yield method("Loader.column", begun, lambda: {"name": "length", "default": 1.0}, kept=frozenset({"name"}))
    yield method("Loader.column", begun, lambda: {"name": "length", "default": 1.0}, kept=frozenset({"default"}))
    weighted = cr.chain(cr.LossWeighted(), cr.FixedSize(4), segment_ids=16)
    yield method(
        "Loader.observe", lambda: begun(weighted), lambda: {"losses": [1.0, 2.0, 3.0, 4.0], "deal": None},
        use=lambda made: made.state_dict(),
    )  # fmt: skip
    yield method("Loader.choice_key", begun, lambda: {"deal": None}, use=lambda key: key.bits)
    yield method(
        "Loader.chose", begun, lambda: {"choice": ct.hardest(torch.ones(4), 2), "deal": None},
        use=lambda made: made.deal.chosen,
    )  # fmt: skip
    yield method("Loader.set_epoch", loader, lambda: {"epoch": 2}, use=_batch_of)
    yield method("Loader.load_state_dict", loader, lambda: {"state": loader().state_dict(), "accept": []})
    yield Call("Accumulated", ct.Accumulated, lambda: {"loader": loader(), "micro_batches": 2}, _steps)
    yield Call("Rewindable", ct.Rewindable, lambda: {"loader": loader()}, next)
    stream = ct.Rewindable(loader())
    yield method("Rewindable.rewind", lambda: stream, lambda: {"mark": stream.mark()}, use=lambda _: None)
    yield method("Rewindable.release", lambda: stream, lambda: {"mark": stream.mark()}, use=lambda _: None)
    yield Call("ScoreBook", ct.ScoreBook, lambda: {"loader": keeping(), "ignored": -100}, _recorded)
    logits = torch.arange(12.0).reshape(4, 3)
    yield Call(
        "ScoreBook.record", lambda **given: _recorded(ct.ScoreBook(keeping()), **given),
        lambda: {"logits": logits, "labels": torch.tensor([0, 1, 2, 0]), "hidden": torch.ones(4, 2), "deal": None},
    )  # fmt: skip
    yield Call("WithFacts", ct.WithFacts, lambda: {"dataset": range(24)}, len)
    yield Call("CutByRank", ct.CutByRank, lambda: {"name": "mine"}, _cut_by_rank)
    yield built(lambda: ct.DistributedSamplerOrder(4, 1, 2, True, False), lambda order: deals(order, cr.FixedSize(4)))


def _cut_by_rank(stage: Any) -> Any:
    return deals(ct.DistributedSamplerOrder(4, 1, 2), stage, cr.FixedSize(4))


def _steps(accumulated: Any) -> Any:
    return [[micro.batch for micro in step] for step in accumulated]


def _recorded(book: Any, logits: Any = None, labels: Any = None, **more: Any) -> Any:
    logits = torch.arange(12.0).reshape(4, 3) if logits is None else logits
    book.record(logits, torch.tensor([0, 1, 2, 0]) if labels is None else labels, **more)
    return book.scores.read(cr.Last())


def _batches() -> Iterator[Call]:
    pieces = [torch.tensor([5, 6, 7]), torch.tensor([8, 9])]
    yield Call("packed", ct.packed, lambda: {"sequences": pieces}, lambda made: (made.labels(), made.mask()))
    yield method("Packed.labels", lambda: ct.packed(pieces), lambda: {"ignored": -100})
    yield method("Packed.unpacked", lambda: ct.packed(pieces), lambda: {"values": torch.arange(5)})
    yield Call(
        "packed_rows", ct.packed_rows,
        lambda: {"samples": [(pieces[0], 0), (pieces[1], 1)], "max_tokens": 4, "padding": 0},
        lambda made: (made.tokens, made.labels()),
    )  # fmt: skip
    shapes = cr.Shapes(((4,), (8,)), (3, 2))
    yield built(lambda: ct.PadToShape(shapes, (0.0,)), lambda collate: collate(pieces).tensors)
    yield method("PadToShape.__call__", lambda: ct.PadToShape(shapes), lambda: {"examples": pieces})
    yield method("Padded.mask", lambda: ct.PadToShape(shapes)(pieces), lambda: {"column": 0})
    known = cr.KnownPositives.of([0, 1], [10, 11])
    yield Call(
        "EmbeddingQueue", ct.EmbeddingQueue,
        lambda: {"capacity": 3, "dimension": 2, "max_age_steps": 5, "dtype": torch.float32, "device": None},
        lambda queue: (queue.push([10, 11], torch.eye(2), 0), queue.negatives([0, 1], known, step=4).mask),
    )  # fmt: skip
    yield method(
        "EmbeddingQueue.push", lambda: ct.EmbeddingQueue(3, 2),
        lambda: {"item_ids": [10, 11], "embeddings": torch.eye(2), "step": 0}, use=lambda queue: queue.state_dict(),
    )  # fmt: skip
    yield method("EmbeddingQueue.negatives", _queue, lambda: {"query_ids": [0, 1], "known": known, "step": 4})
    yield method("EmbeddingQueue.load_state_dict", _queue, lambda: {"state": _queue().state_dict()}, use=lambda _: None)
    yield Call(
        "in_batch_mask", ct.in_batch_mask,
        lambda: {"query_ids": [0, 1], "item_ids": [10, 11, 12], "known": known, "first_column": 0, "device": None},
    )  # fmt: skip
    yield Call(
        "find_batch_sizes", ct.find_batch_sizes,
        lambda: {"step": _training_step, "lengths": [10, 20], "columns": "length", "memory": None, "most_examples": 64,
                 "margin": 0.1},
        str,
    )  # fmt: skip
    yield built(lambda: ct.CudaMemory(0, 0.5), lambda memory: (memory.device, memory.share))


def _queue() -> ct.EmbeddingQueue:
    made = ct.EmbeddingQueue(3, 2)
    made.push([10, 11], torch.eye(2), 0)
    return made


def _training_step(examples: int, lengths: tuple[int, ...]) -> None:
    if examples * lengths[0] > 200:
        raise torch.OutOfMemoryError


def _losses() -> Iterator[Call]:
    yield Call("masked_logits", ct.masked_logits, lambda: {"logits": LOGITS, "mask": LOGITS > 0})
    yield Call("global_mean", ct.global_mean, lambda: {"values": LOGITS[0], "weights": torch.tensor([1.0, 2.0, 0.0])})
    yield Call("loss_sum_scale", ct.loss_sum_scale, lambda: {"counted": [3, 5]})
    yield Call("last_layer_bound", ct.last_layer_bound, lambda: {"logits": LOGITS, "labels": LABELS, "ignored": -100})
    head = torch.nn.Linear(4, 9)
    yield Call(
        "sequence_bound", ct.sequence_bound,
        lambda: {"hidden": torch.ones(2, 3, 4), "output": head, "labels": torch.tensor([[1, 2, -100], [0, 3, 1]]),
                 "ignored": -100, "chunk_tokens": 2},
    )  # fmt: skip
    yield Call("training_scores", ct.training_scores, lambda: {"logits": LOGITS, "labels": LABELS, "ignored": -100})
    yield Call(
        "last_layer_gradient_norm", ct.last_layer_gradient_norm,
        lambda: {"logits": LOGITS, "labels": LABELS, "hidden": torch.ones(2, 4), "bias": True, "ignored": -100},
    )  # fmt: skip
    yield Call(
        "global_expert_counts", ct.global_expert_counts,
        lambda: {"selected_experts": torch.tensor([[0, 2], [0, 1]]), "experts": 4, "mask": torch.tensor([True, False])},
    )  # fmt: skip
    yield Call(
        "load_balancing_loss", ct.load_balancing_loss,
        lambda: {"probabilities": torch.full((6, 2), 0.5), "expert_counts": torch.tensor([3, 3]), "scale": 0.5,
                 "mask": torch.ones(6, dtype=torch.bool)},
    )  # fmt: skip
    losses = torch.tensor([0.1, 2.0, 0.5, 3.0])
    yield Call("hardest", ct.hardest, lambda: {"losses": losses, "count": 2}, lambda found: found.places,
               by_kind=frozenset({"losses"}))  # fmt: skip
    yield Call(
        "percentile_sample", ct.percentile_sample,
        lambda: {"losses": losses, "keep": 0.5, "key": cr.Key(0), "uniform_share": 0.25},
        lambda found: (found.places, found.weights), by_kind=frozenset({"losses"}),
    )  # fmt: skip
    yield Call(
        "importance_sample", ct.importance_sample,
        lambda: {"scores": losses, "count": 2, "key": cr.Key(0), "uniform_share": 0.25, "replacement": True},
        lambda found: (found.places, found.weights), by_kind=frozenset({"scores"}),
    )  # fmt: skip


def model() -> torch.nn.Linear:
    made = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.ones_(made.weight)
    return made


def _measured(made: Any, micro_batches: Any = (2, 2), **more: Any) -> Any:
    statistics = ct.GradientStatistics(made)
    for inputs in (torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [6.0]])):
        (made(inputs).mean() / 2).backward()
    return statistics.measure(micro_batches, **more)


def _gradients() -> Iterator[Call]:
    yield Call("GradientStatistics", ct.GradientStatistics, lambda: {"model": model()}, lambda _: None)
    yield Call(
        "GradientStatistics.measure", lambda **given: _measured(model(), **given),
        lambda: {"micro_batches": [2, 2], "loss_scale": 1.0, "loss": 2.0},
    )  # fmt: skip
    yield Call(
        "per_sample_norms", ct.per_sample_norms,
        lambda: {"model": model(), "loss": _loss, "batch": (torch.tensor([[1.0], [2.0], [3.0], [5.0]]),),
                 "chunk_samples": 2, "with_inner": True},
    )  # fmt: skip
    yield Call("agreed_integer", ct.agreed_integer, lambda: {"decide": lambda: 640})
    yield Call("agreed_integer of", lambda value: ct.agreed_integer(lambda: value), lambda: {"value": 640})
    yield Call("agreed_integers", ct.agreed_integers, lambda: {"decide": lambda: (640, 2)})
    yield Call("agreed_integers of", lambda value: ct.agreed_integers(lambda: value), lambda: {"value": (640, 2)})


def _loss(made: Any, inputs: Any) -> Any:
    return made(inputs).mean()
