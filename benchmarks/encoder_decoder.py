"""Encoder-decoder: seconds to one held-out loss, in batches of a fixed size and within a budget of padded tokens.

Functions of Python's standard library in, their docstrings out (``real_pairs``); a transformer of two and two layers,
one thread. Both lengths have long tails that know little of each other, and a batch pads both. Memory is that of a
budget of padded tokens: a fixed size has to hold it for the longest input beside the longest output, so it is the
budget over their sum.

``python -m benchmarks.encoder_decoder`` prints more: ``--seeds``, and ``--grid``, which is how the learning rates and
the fixed size that is fastest here were found.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

import croupier as cr
from benchmarks.harness import OURS, Better, Reach, Row, row, say, versions_of
from benchmarks.real_pairs import PADDING, Pairs, read_pairs
from croupier.torch import BatchSampler, Loader

LONGEST = 512
"""Tokens of an input, and of an output: what encoder-decoders are usually cut at."""
VOCABULARY = 1_024
HELD_OUT = 256
BUDGET = 8_192
SAFE_SIZE = BUDGET // (2 * LONGEST)
"""No batch of this many pairs can be above the budget."""
SMALL_BUDGET = BUDGET // 4
"""Under this one our mean batch has about as many pairs as the safe size."""
FASTEST_SIZE = 2
"""The fixed size that this processor trains fastest with; see ``--grid``."""

SAFE, UNSAFE, FASTEST = "fixed size, safe", "fixed size of our mean batch, unsafe", "fixed size, fastest here"
FILLED, SMALL = "budget filled", "a quarter of the budget"

LEARNING_RATES: Mapping[str, float] = {FILLED: 1e-2, SMALL: 1e-2, SAFE: 1e-2, UNSAFE: 1e-2, FASTEST: 5e-3}
"""The best of one grid for each, by a seed that is not measured; see ``--grid``."""
GRID = (2.5e-3, 5e-3, 1e-2, 2e-2)
GRID_SEED = 1_000
WARM_UP_TOKENS = 2**16
AVERAGED_PARTS = 8
"""Weights are averaged over about the last eighth of what was computed, before they are evaluated."""

SEED = 1
WORK = "encoder-decoder, code to docstring"
COMPARED = ((FILLED, SAFE), (SMALL, SAFE), (FILLED, UNSAFE), (SMALL, FASTEST))
"""At the same memory; at the same pairs a batch; at the same pairs a batch, more of them; each at its best."""

Tensors = tuple[torch.Tensor, torch.Tensor]
Batched = Callable[[Pairs, int], Iterable[Tensors]]


@dataclass(frozen=True)
class Sizes:
    """How much is trained: legs of as many computed tokens for everybody, with an evaluation after each."""

    legs: int = 8
    leg_tokens: int = 2**17
    width: int = 64
    layers: int = 2
    heads: int = 4


QUICK_SIZES = Sizes(legs=3, leg_tokens=2**16)


@dataclass(frozen=True)
class Contender:
    """A way to make batches, and the learning rate that suits it."""

    name: str
    batches: Batched
    learning_rate: float


@dataclass(frozen=True)
class Point:
    """What a training had cost and reached at the end of a leg; seconds without those of the evaluations."""

    cpu_seconds: float
    wall_seconds: float
    steps: int
    pairs: int
    tokens: int
    padded_tokens: int
    largest_batch: int
    loss: float


Curve = list[Point]


def planned(pairs: Pairs, max_tokens: int) -> tuple[cr.Chain, cr.Table]:
    """The plan that is measured, and the facts it needs. The only place that says how ours makes batches."""
    table = cr.Table(source=pairs.source_lengths, target=pairs.target_lengths)
    plan = cr.chain(
        cr.Shuffle(),
        cr.LengthBuckets(8, length="target"),
        cr.SortedWindows(length="source"),
        cr.TokenBudget(max_tokens, length=("source", "target")),
    )
    return plan, table


class EncoderDecoder(nn.Module):
    """Torch's own transformer over one table of embeddings."""

    def __init__(self, sizes: Sizes, token_shares: torch.Tensor) -> None:
        super().__init__()
        width = sizes.width
        self.embed = nn.Embedding(VOCABULARY, width)
        nn.init.normal_(self.embed.weight, std=width**-0.5)
        # Begun at what is frequent: else the first quarter of so short a run learns nothing but that.
        self.head = nn.Linear(width, VOCABULARY)
        nn.init.zeros_(self.head.weight)
        self.head.bias = nn.Parameter(token_shares.log())
        angles = torch.arange(LONGEST)[:, None] / 10_000 ** (torch.arange(0, width, 2) / width)
        self.register_buffer("positions", torch.cat([angles.sin(), angles.cos()], dim=1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the fast path of inference does not take norm_first
            self.layers = nn.Transformer(
                width, sizes.heads, sizes.layers, sizes.layers, 4 * width, dropout=0.0,
                batch_first=True, norm_first=True,
            )  # fmt: skip
        self.scale = width**0.5

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Tokens (b, s) and (b, t) to logits (b, t, vocabulary)."""
        is_padding = source == PADDING
        hidden = self.layers(
            self._embedded(source),
            self._embedded(target),
            tgt_mask=nn.Transformer.generate_square_subsequent_mask(target.shape[1]),
            tgt_is_causal=True,
            src_key_padding_mask=is_padding,
            memory_key_padding_mask=is_padding,
        )
        return self.head(hidden)

    def _embedded(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.embed(tokens) * self.scale + self.positions[: tokens.shape[1]]


def token_losses(model: EncoderDecoder, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The loss of each real token of the output, flat: padding is computed, as everywhere, and then left out."""
    expected = target[:, 1:].reshape(-1)
    logits = model(source, target[:, :-1]).reshape(-1, VOCABULARY)
    return cross_entropy(logits, expected, reduction="none")[expected != PADDING]


def pad(pairs: Sequence[tuple[Any, Any]]) -> Tensors:
    """Inputs to the longest input of the batch, outputs to its longest output."""
    sources, targets = zip(*pairs, strict=True)
    return _padded(sources), _padded(targets)


def _padded(texts: Sequence[Any]) -> torch.Tensor:
    return nn.utils.rnn.pad_sequence([torch.from_numpy(text) for text in texts], batch_first=True)


def within_budget(max_tokens: int) -> Batched:
    """Ours."""

    def batches(pairs: Pairs, seed: int) -> Iterable[Tensors]:
        plan, table = planned(pairs, max_tokens)
        return Loader(pairs, BatchSampler(plan, table, seed=seed, rank=0, world_size=1), collate_fn=pad)

    return batches


def of_size(size: int) -> Batched:
    """What most people use."""

    def batches(pairs: Pairs, seed: int) -> Iterable[Tensors]:
        generator = torch.Generator().manual_seed(seed)
        return DataLoader(pairs, batch_size=size, shuffle=True, collate_fn=pad, generator=generator)

    return batches


def mean_pairs(pairs: Pairs, max_tokens: int) -> float:
    """Pairs of our mean batch."""
    plan, table = planned(pairs, max_tokens)
    return len(pairs) / len(cr.Dealer(plan, table, seed=0))


def train(contender: Contender, pairs: Pairs, held_out: Pairs, seed: int, sizes: Sizes) -> Iterator[Point]:
    """One run, a leg at a time; the same seed gives every contender the same initial weights.

    The learning rate goes up at first and then stays, and averaged weights are evaluated: what a falling
    rate does at the end of a run, that does at any time.
    """
    cpu_seconds = wall_seconds = 0.0
    steps = seen = tokens = padded_tokens = largest_batch = legs = 0
    cpu, wall = time.process_time(), time.perf_counter()
    torch.manual_seed(seed)
    model = EncoderDecoder(sizes, _token_shares(pairs))
    average = deepcopy(model)
    optimizer = torch.optim.Adam(model.parameters(), contender.learning_rate, betas=(0.9, 0.98))
    for source, target in _endless(contender.batches(pairs, seed)):
        computed = source.numel() + target[:, 1:].numel()
        share = min(1.0, (padded_tokens + computed) / WARM_UP_TOKENS)
        optimizer.param_groups[0]["lr"] = contender.learning_rate * share
        optimizer.zero_grad(set_to_none=True)
        token_losses(model, source, target).mean().backward()
        optimizer.step()
        _average(average, model, min(1.0, AVERAGED_PARTS * computed / (padded_tokens + computed)))
        steps += 1
        seen += len(source)
        tokens += int((source != PADDING).sum() + (target[:, 1:] != PADDING).sum())
        padded_tokens += computed
        largest_batch = max(largest_batch, computed)
        if padded_tokens < (legs + 1) * sizes.leg_tokens:
            continue
        legs += 1
        cpu_seconds += time.process_time() - cpu
        wall_seconds += time.perf_counter() - wall
        loss = held_out_loss(average, held_out)
        yield Point(cpu_seconds, wall_seconds, steps, seen, tokens, padded_tokens, largest_batch, loss)
        if legs == sizes.legs:
            return
        cpu, wall = time.process_time(), time.perf_counter()


@torch.no_grad()
def _average(average: nn.Module, model: nn.Module, share: float) -> None:
    """Move the averaged weights this far towards the present ones."""
    for mean, weight in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(weight, share)


def _endless(batches: Iterable[Tensors]) -> Iterator[Tensors]:
    """Epoch after epoch."""
    while True:
        yield from batches


def _token_shares(pairs: Pairs) -> torch.Tensor:
    counts = 1.0 + np.bincount(np.concatenate([target[1:] for target in pairs.targets]), minlength=VOCABULARY)
    return torch.from_numpy(counts / counts.sum()).float()


@torch.no_grad()
def held_out_loss(model: EncoderDecoder, held_out: Pairs) -> float:
    """Nats per token of outputs that the model has not seen."""
    order = np.argsort(held_out.source_lengths + held_out.target_lengths)
    parts = [pad([held_out[place] for place in places.tolist()]) for places in np.array_split(order, len(order) // 16)]
    return float(torch.cat([token_losses(model, *part) for part in parts]).double().mean())


def run(contenders: Sequence[Contender], pairs: Pairs, held_out: Pairs, seed: int, sizes: Sizes) -> dict[str, Curve]:
    """All of them, leg by leg in turn and another first in each leg, so that a slow spell hits all alike."""
    curves: dict[str, Curve] = {contender.name: [] for contender in contenders}
    trainings = {contender.name: train(contender, pairs, held_out, seed, sizes) for contender in contenders}
    names = list(trainings)
    for leg in range(sizes.legs):
        for turn in range(len(names)):
            name = names[(leg + turn) % len(names)]
            curves[name].append(next(trainings[name]))
    return curves


def seconds_to(loss: float, curve: Curve) -> float | None:
    """CPU seconds until the held-out loss is first that low, on straight lines between evaluations; None if never."""
    before = None
    for point in curve:
        if point.loss <= loss:
            if before is None:
                return point.cpu_seconds
            share = (before.loss - loss) / (before.loss - point.loss)
            return before.cpu_seconds + share * (point.cpu_seconds - before.cpu_seconds)
        before = point
    return None


def lowest(curve: Curve) -> float:
    """The lowest held-out loss of a run."""
    return min(point.loss for point in curve)


def read_split() -> tuple[Pairs, Pairs]:
    """Pairs to train on and to test on."""
    return read_pairs(longest=LONGEST, vocabulary=VOCABULARY).split(HELD_OUT)


def contenders_for(pairs: Pairs) -> dict[str, Contender]:
    """Ours and the peers, by name."""
    ways = {
        FILLED: within_budget(BUDGET),
        SMALL: within_budget(SMALL_BUDGET),
        SAFE: of_size(SAFE_SIZE),
        UNSAFE: of_size(round(mean_pairs(pairs, BUDGET))),
        FASTEST: of_size(FASTEST_SIZE),
    }
    return {name: Contender(name, batches, LEARNING_RATES[name]) for name, batches in ways.items()}


def rows(*, quick: bool) -> Iterator[Row]:
    """Seconds to the lowest loss of each fixed size, and what the batches are like."""
    torch.set_num_threads(1)
    pairs, held_out = read_split()
    contenders = contenders_for(pairs)
    if quick:
        contenders = {name: contenders[name] for name in (FILLED, SMALL, SAFE)}
    curves = run(list(contenders.values()), pairs, held_out, SEED, QUICK_SIZES if quick else Sizes())
    for ours, peer in COMPARED:
        if peer in curves:
            yield _seconds_row(ours, peer, curves, reach=None if quick else Reach(times={peer: 2}))
    last = {name: curve[-1] for name, curve in curves.items()}
    yield _shape_row("pairs a batch", "", last, lambda point: point.pairs / point.steps, better="more")
    yield _shape_row("padding of both", "%", last, lambda point: 100 * (1 - point.tokens / point.padded_tokens))
    budget = Reach(at_most=BUDGET)
    yield _shape_row("largest batch, padded tokens", "", last, lambda point: point.largest_batch, reach=budget)


def _seconds_row(ours: str, peer: str, curves: Mapping[str, Curve], *, reach: Reach | None) -> Row:
    loss = lowest(curves[peer])
    needed = seconds_to(loss, curves[ours]), seconds_to(loss, curves[peer])
    mine, theirs = ([] if seconds is None else [seconds] for seconds in needed)
    end, their_end = curves[ours][-1], curves[peer][-1]
    note = (
        f"loss {loss:.3f}; at the end {end.steps:,} steps in {end.cpu_seconds:.0f} s to {lowest(curves[ours]):.3f}, "
        f"{their_end.steps:,} in {their_end.cpu_seconds:.0f} s; wall / CPU {end.wall_seconds / end.cpu_seconds:.2f}"
    )
    work = f"{WORK}, {ours}: CPU seconds to the loss of {peer}"
    if not mine:
        note = f"ours does not get there; {note}"
    found = row(work, "s", {OURS: mine, peer: theirs}, better="less", reach=reach, packages=("torch",), note=note)
    # Without a number of ours the harness has nothing to judge; not to get there is to miss.
    return found if mine or reach is None else replace(found, holds=False)


def _shape_row(
    what: str,
    unit: str,
    last: Mapping[str, Point],
    measure: Callable[[Point], float],
    *,
    better: Better = "less",
    reach: Reach | None = None,
) -> Row:
    samples = {OURS if name == FILLED else name: [measure(point)] for name, point in last.items()}
    return row(f"{WORK}: {what}", unit, samples, better=better, reach=reach, against=SAFE)


def main() -> None:
    """Several seeds, or the grid of learning rates and sizes."""
    arguments = _parser().parse_args()
    torch.set_num_threads(1)
    pairs, held_out = read_split()
    sizes = Sizes(legs=arguments.legs)
    if arguments.grid:
        runs = list(_grid(pairs, held_out, sizes))
    else:
        contenders = list(contenders_for(pairs).values())
        runs = []
        for seed in range(1, 1 + arguments.seeds):
            curves = run(contenders, pairs, held_out, seed, sizes)
            runs += [_described(contender, seed, curves[contender.name]) for contender in contenders]
            for ours, peer in COMPARED:
                loss = lowest(curves[peer])
                mine, theirs = seconds_to(loss, curves[ours]), seconds_to(loss, curves[peer])
                found = "never" if mine is None else f"{mine:.1f} s, {theirs / mine:.2f}x"
                print(f"seed {seed}: to {loss:.3f}: {peer} {theirs:.1f} s; ours, {ours}: {found}", flush=True)
    if arguments.json:
        report = {"sizes": asdict(sizes), "versions": versions_of(("croupier", "numpy", "torch")), "runs": runs}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def _grid(pairs: Pairs, held_out: Pairs, sizes: Sizes) -> Iterator[dict[str, Any]]:
    ways = {f"size {size}": of_size(size) for size in (1, 2, 4, SAFE_SIZE, round(mean_pairs(pairs, BUDGET)))}
    ways |= {f"budget {tokens}": within_budget(tokens) for tokens in (SMALL_BUDGET, BUDGET // 2, BUDGET)}
    for name, batches in ways.items():
        for learning_rate in GRID:
            contender = Contender(name, batches, learning_rate)
            yield _described(contender, GRID_SEED, list(train(contender, pairs, held_out, GRID_SEED, sizes)))


def _described(contender: Contender, seed: int, curve: Curve) -> dict[str, Any]:
    end = curve[-1]
    say(
        f"{contender.name}, rate {contender.learning_rate:g}, seed {seed}: {end.steps:,} steps of "
        f"{end.pairs / end.steps:.1f} pairs, {100 * (1 - end.tokens / end.padded_tokens):.1f} % padding, largest batch "
        f"{end.largest_batch:,}, {end.cpu_seconds:.1f} s: {' '.join(f'{point.loss:.3f}' for point in curve)}"
    )
    points = [asdict(point) for point in curve]
    return {"name": contender.name, "learning_rate": contender.learning_rate, "seed": seed, "curve": points}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encoder_decoder", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="runs of each contender; default 3")
    parser.add_argument("--legs", type=int, default=8, metavar="N", help="of 131,072 computed tokens, some 4 s each")
    parser.add_argument("--grid", action="store_true", help="learning rates and batch sizes instead, about 25 minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all that was measured to this file")
    return parser


if __name__ == "__main__":
    main()
