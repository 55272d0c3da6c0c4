"""Which negatives train the better retriever? Words to glosses: ``python -m benchmarks.retrieval``.

What the papers claim: STAR, ADORE (Zhan et al., SIGIR 2021), TAS-B (Hofstaetter et al., SIGIR 2021) and NGAME (Dahiya
et al., WSDM 2023) are each better than random and in-batch negatives. Here all have one model, one loss, one learning
rate and the same steps of as many pairs, so that only the plan differs. What came of it is in ``retrieval.md``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

import croupier as cr
from benchmarks.cooldown import Difference
from benchmarks.harness import OURS, Reach, Row, row, say, versions_of
from benchmarks.lemma_glosses import FEATURES, Int64, Task, Texts, read_task, recall_at
from croupier.torch import in_batch_mask, masked_logits

TEMPERATURE = 0.05
LEARNING_RATE = 1e-2
"""The best of GRID for in-batch negatives, on words that are not measured; all methods share it."""
GRID, GRID_SEED = (3e-3, 1e-2, 3e-2), 1_000
WARM_UP_STEPS = 50

WARM, RANDOM, IN_BATCH, BESIDE = "(after the warm-up)", "random", "in-batch", "in-batch + random"
STAR, ADORE, TAS_B, NGAME, UNFILTERED = "STAR", "ADORE", "TAS-B", "NGAME", "(STAR, unfiltered)"
PLANTED = cr.Pairs("row", "item")
"""Each row a query of its own: what is right for its word beside its own gloss is not known."""

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sizes:
    """The budget of every method, and how its negatives are made; epochs in ``warm_epochs`` are in-batch for all.

    A word's candidates are the ``depth`` hardest glosses that are not right for it. NGAME's clusters double each epoch
    and end at a quarter of a batch, as theirs end at a third; TAS-B's have about a batch of words.
    """

    epochs: int = 6
    warm_epochs: int = 2
    batch: int = 128
    dimensions: int = 64
    depth: int = 20
    segment_batches: int = 16


@dataclass
class Learner:
    """A model in training; copies go on alike."""

    model: Encoder
    optimizer: torch.optim.Optimizer
    learning_rate: float
    step: int = 0

    @classmethod
    def new(cls, sizes: Sizes, seed: int, learning_rate: float = LEARNING_RATE) -> Learner:
        torch.manual_seed(seed)
        model = Encoder(sizes.dimensions)
        return cls(model, torch.optim.Adam(model.parameters(), fused=True), learning_rate)

    def copy(self) -> Learner:
        model = deepcopy(self.model)
        optimizer = torch.optim.Adam(model.parameters(), fused=True)
        optimizer.load_state_dict(deepcopy(self.optimizer.state_dict()))
        return Learner(model, optimizer, self.learning_rate, self.step)


@dataclass(frozen=True)
class Run:
    """One training: recall@10 on the test words, and its seconds, those of warm-up, mining and clustering among them.

    ``false_share`` is how many of the explicit negatives are right for the word of their own row.
    """

    method: str
    seed: int
    recall: float
    seconds: float
    false_share: float


class Encoder(nn.Module):
    """The mean of a text's feature vectors through a matrix of its side, words and glosses sharing the vectors."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(FEATURES, dimensions, mode="mean")
        nn.init.normal_(self.bag.weight, std=0.1)
        self.of_words, self.of_glosses = (nn.Linear(dimensions, dimensions, bias=False) for _ in range(2))
        for side in (self.of_words, self.of_glosses):
            nn.init.eye_(side.weight)

    def forward(self, texts: Texts, rows: Int64, side: nn.Linear) -> torch.Tensor:
        """Vectors of length 1, shape (rows, dimensions)."""
        features, offsets = texts.of(rows)
        return normalize(side(self.bag(torch.from_numpy(features), torch.from_numpy(offsets))), dim=1)

    @torch.no_grad()
    def words(self, task: Task, queries: Int64) -> Float32:
        parts = np.array_split(queries, -(-queries.size // 2048))
        return np.concatenate([self(task.words, part, self.of_words).numpy() for part in parts])

    @torch.no_grad()
    def glosses(self, task: Task) -> Float32:
        parts = np.array_split(np.arange(task.glosses.count), -(-task.glosses.count // 2048))
        return np.concatenate([self(task.glosses, part, self.of_glosses).numpy() for part in parts])


Contrast = Callable[[cr.Deal], tuple[Int64, torch.Tensor]]
"""The items of the columns, a deal's own first, and the mask of them."""
AfterStep = Callable[[cr.Deal, torch.Tensor], None]


class Study:
    """The methods on one task: each takes a learner and trains it to the end of the budget."""

    def __init__(self, task: Task, sizes: Sizes) -> None:
        self.task, self.sizes, self.known = task, sizes, task.known
        self.words = np.unique(task.queries)
        self.table = cr.Table(query=task.queries, item=task.items, row=np.arange(task.items.size))
        self.epoch_steps = task.items.size // sizes.batch
        self.cut = cr.ConflictFree(sizes.batch, tail=cr.Tail.DROP)
        self.of_table = cr.KnownPositives.of(np.arange(task.items.size), task.items)

    def run(self, methods: Sequence[str], seed: int) -> Iterator[Run]:
        """Those of one seed; methods that begin after a warm-up share it, and each is charged for it."""
        start = time.perf_counter()
        warm = Learner.new(self.sizes, seed)
        self.train(warm, self.in_batch(seed), self.sizes.warm_epochs)
        warm_seconds = time.perf_counter() - start
        yield Run(WARM, seed, self.recall(warm), warm_seconds, 0.0)
        for method in methods:
            is_new = method in (RANDOM, NGAME)
            start = time.perf_counter()
            learner = Learner.new(self.sizes, seed) if is_new else warm.copy()
            false_share = METHODS[method](self, learner, seed)
            taken = time.perf_counter() - start + (0.0 if is_new else warm_seconds)
            yield Run(method, seed, self.recall(learner), taken, false_share)

    def with_in_batch(self, learner: Learner, seed: int) -> float:
        return self.train(learner, self.in_batch(seed))

    def with_random(self, learner: Learner, seed: int) -> float:
        """Random glosses instead of those of the other rows, as many: each row's serve all rows."""
        stages = cr.Shuffle(), cr.RandomNegatives(1, self.task.glosses.count), self.cut

        def contrast(deal: cr.Deal) -> tuple[Int64, torch.Tensor]:
            items, mask = self.contrast(deal)
            mask[:, : len(deal)] = torch.eye(len(deal), dtype=torch.bool)
            return items, mask

        return self.train(learner, self.dealer(stages, seed, begin=0), contrast=contrast)

    def with_both(self, learner: Learner, seed: int) -> float:
        """As many columns as the methods with hard negatives have."""
        stages = cr.Shuffle(), cr.RandomNegatives(1, self.task.glosses.count), self.cut
        return self.train(learner, self.dealer(stages, seed))

    def with_star(self, learner: Learner, seed: int) -> float:
        """Hard negatives mined once, beside in-batch ones."""
        stages = cr.Shuffle(), cr.MinedNegatives(1, self.mined(learner)), self.cut
        return self.train(learner, self.dealer(stages, seed))

    def with_adore(self, learner: Learner, seed: int) -> float:
        """The same, mined anew after each epoch."""
        stages = cr.Shuffle(), cr.MinedNegatives(1, self.mined(learner)), self.cut
        dealer = self.dealer(stages, seed)
        with tempfile.TemporaryDirectory() as folder:

            def refresh(_deal: cr.Deal, _vectors: torch.Tensor) -> None:
                if learner.step % self.epoch_steps == 0 and learner.step < self.sizes.epochs * self.epoch_steps:
                    place = f"{folder}/{learner.step}"
                    self.mined(learner).save(place)
                    dealer.adopt("mined_negatives", place)

            return self.train(learner, dealer, after_step=refresh)

    def with_topics(self, learner: Learner, seed: int) -> float:
        """Batches of one topic, and hard negatives balanced over the margins of a teacher: the warmed-up model."""
        vectors, glosses = learner.model.words(self.task, self.words), learner.model.glosses(self.task)
        topics = cr.balanced_clusters(vectors, self.sizes.batch, key=cr.Key(seed).child("topics")).of_row
        number = np.searchsorted(self.words, self.task.queries)
        mined = self.mined(learner)
        pairs = mined.items[number].ravel()
        right = np.einsum("ij,ij->i", vectors[number], glosses[self.task.items])
        margins = (right[:, None] - mined.scores[number]).ravel()
        offsets = np.arange(self.task.items.size + 1) * self.sizes.depth
        plan = cr.chain(
            cr.Shuffle(),
            cr.MarginBalanced(offsets, margins),
            cr.TopicBatches(self.sizes.batch, "topic", tail=cr.Tail.DROP),
        )
        table = cr.Table(query=self.task.queries, item=self.task.items, topic=topics[number])
        dealer = cr.Dealer(plan, table, seed=seed)
        dealer.set_epoch(self.sizes.warm_epochs)
        return self.train(learner, dealer, contrast=lambda deal: self.contrast(deal, pairs[deal.columns["pair"]]))

    def with_clusters(self, learner: Learner, seed: int) -> float:
        """Neighbours in batches together, by clusters that grow, from the vectors of the last steps."""
        bank = cr.EmbeddingBank(self.table.size, self.sizes.dimensions)
        dealer = self.dealer((cr.NegativeAware(), self.cut), seed, begin=0)
        with tempfile.TemporaryDirectory() as folder:

            def refresh(deal: cr.Deal, vectors: torch.Tensor) -> None:
                bank.report(deal.ids, vectors.detach())
                epochs_done, step = divmod(learner.step + 3 * self.sizes.segment_batches, self.epoch_steps)
                # Clusters hold from the epoch that begins after the next segment.
                if step == 0 and self.sizes.warm_epochs <= epochs_done < self.sizes.epochs:
                    size = max(2, (self.sizes.batch // 4) >> (self.sizes.epochs - 1 - epochs_done))
                    place = f"{folder}/{learner.step}"
                    key = cr.Key(seed).child("clusters", epochs_done)
                    cr.balanced_clusters(bank.embeddings, size, key=key).save(place)
                    dealer.adopt("negative_aware", place)

            return self.train(learner, dealer, after_step=refresh)

    def without_filter(self, learner: Learner, seed: int) -> float:
        """The planted control: the hardest gloss but the row's own, the word's other right ones not taken out."""
        found = self.mined(learner, known=cr.KnownPositives.of([], []))
        number = np.searchsorted(self.words, self.task.queries)
        least = found.positive_scores[number]
        lists = cr.Mined(self.table.column("row"), found.items[number], found.scores[number], least, found.item_count)
        stages = cr.Shuffle(), cr.MinedNegatives(1, lists, cr.Pick.TOP, PLANTED), self.cut

        def contrast(deal: cr.Deal) -> tuple[Int64, torch.Tensor]:
            items, mask = self.contrast(deal)
            mask[:, len(deal) :] = in_batch_mask(deal.ids, items, self.of_table)[:, len(deal) :]
            return items, mask

        return self.train(learner, self.dealer(stages, seed), contrast=contrast)

    def in_batch(self, seed: int) -> cr.Dealer:
        return self.dealer((cr.Shuffle(), self.cut), seed, begin=0)

    def dealer(self, stages: Sequence[object], seed: int, begin: int | None = None) -> cr.Dealer:
        """Of the table, from after the warm-up."""
        plan = cr.chain(*stages, segment_ids=self.sizes.segment_batches * self.sizes.batch)
        dealer = cr.Dealer(plan, self.table, seed=seed)
        dealer.set_epoch(self.sizes.warm_epochs if begin is None else begin)
        return dealer

    def mined(self, learner: Learner, known: cr.KnownPositives | None = None) -> cr.Mined:
        queries = cr.Queries(self.words, learner.model.words(self.task, self.words))
        rules = cr.MiningRules(per_query=self.sizes.depth)
        return cr.mine(queries, learner.model.glosses(self.task), self.known if known is None else known, rules)

    def contrast(self, deal: cr.Deal, negatives: Int64 | None = None) -> tuple[Int64, torch.Tensor]:
        """In-batch items and the explicit negatives of all rows, known positives masked."""
        explicit = deal.columns.get("negatives", np.empty(0, np.int64)) if negatives is None else negatives
        items = np.concatenate([self.task.items[deal.ids], explicit.ravel()])
        return items, in_batch_mask(self.task.queries[deal.ids], items, self.known)

    def train(
        self,
        learner: Learner,
        dealer: cr.Dealer,
        until_epoch: int | None = None,
        *,
        contrast: Contrast | None = None,
        after_step: AfterStep | None = None,
    ) -> float:
        """Train to the end of the budget, or of an epoch; returns the share of false negatives among explicit ones."""
        steps, last = (self.epoch_steps * epochs for epochs in (until_epoch or self.sizes.epochs, self.sizes.epochs))
        model, optimizer = learner.model, learner.optimizer
        false = explicit = 0
        while learner.step < steps:
            for deal in dealer:
                queries = self.task.queries[deal.ids]
                items, mask = (contrast or self.contrast)(deal)
                share = min(1.0, (learner.step + 1) / WARM_UP_STEPS) * (1 - learner.step / last)
                optimizer.param_groups[0]["lr"] = learner.learning_rate * share
                words = model(self.task.words, queries, model.of_words)
                glosses = model(self.task.glosses, items, model.of_glosses)
                logits = masked_logits(words @ glosses.T / TEMPERATURE, mask)
                optimizer.zero_grad(set_to_none=True)
                cross_entropy(logits, torch.arange(len(deal))).backward()
                optimizer.step()
                learner.step += 1
                if items.size > len(deal):
                    false += int(np.count_nonzero(self.known.contains(queries, items[len(deal) :])))
                    explicit += len(deal)
                if after_step is not None:
                    after_step(deal, words)
                if learner.step == steps:
                    break
        return false / explicit if explicit else 0.0

    def recall(self, learner: Learner, *, is_dev: bool = False) -> float:
        """recall@10 over all glosses."""
        asked = self.task.dev if is_dev else self.task.test
        found = cr.ExactSearch().over(learner.model.glosses(self.task))
        return recall_at(10, asked, found.nearest(learner.model.words(self.task, asked.queries), 10).items)


METHODS = {
    RANDOM: Study.with_random, IN_BATCH: Study.with_in_batch, BESIDE: Study.with_both, STAR: Study.with_star,
    ADORE: Study.with_adore, TAS_B: Study.with_topics, NGAME: Study.with_clusters, UNFILTERED: Study.without_filter,
}  # fmt: skip


def study(seeds: Sequence[int], *, quick: bool) -> list[Run]:
    """All methods for every seed."""
    torch.set_num_threads(1)
    sizes = replace(Sizes(), epochs=4, segment_batches=4) if quick else Sizes()
    found = Study(read_task(0.2 if quick else 1.0), sizes)
    say(f"{found.table.size:,} pairs, {found.words.size:,} words, {found.task.glosses.count:,} glosses")
    runs: list[Run] = []
    start = time.perf_counter()
    for seed in seeds:
        for run in found.run(list(METHODS), seed):
            runs.append(run)
            say(f"  {time.perf_counter() - start:4.0f} s  seed {seed}, {run.method}: {run.recall:.4f}")
    return runs


def rows(*, quick: bool) -> Iterator[Row]:
    """Every method beside in-batch negatives, and STAR beside the planted control."""
    runs = study(range(1, 2 if quick else 6), quick=quick)
    compared = [(method, IN_BATCH) for method in METHODS if method not in (IN_BATCH, UNFILTERED)]
    for method, peer in (*compared, (STAR, UNFILTERED)):
        samples = {OURS: recalls(runs, method), peer: recalls(runs, peer)}
        work = f"WordNet word to gloss, recall@10: {method}"
        note = f"mean {statistics.fmean(samples[OURS]):.4f} over {len(samples[OURS])} seeds"
        reach = Reach(times={UNFILTERED: 1}) if peer == UNFILTERED else None
        yield row(work, "", samples, better="more", reach=reach, packages=("torch",), note=note)


def recalls(runs: Sequence[Run], method: str) -> list[float]:
    """By seed."""
    return [run.recall for run in runs if run.method == method]


def show(runs: Sequence[Run]) -> None:
    """A table, and paired differences where there are seeds to pair."""
    print(f"{'method':<20}  recall@10: mean (min .. max)  - in-batch            false     seconds")
    for method in dict.fromkeys(run.method for run in runs):
        mine = [run for run in runs if run.method == method]
        each = recalls(runs, method)
        gap = _gap(each, recalls(runs, IN_BATCH)) if method != IN_BATCH else ""
        false, taken = (
            statistics.fmean(values) for values in zip(*((r.false_share, r.seconds) for r in mine), strict=True)
        )
        spread = f"{min(each):.4f} .. {max(each):.4f}"
        print(f"{method:<20}  {statistics.fmean(each):.4f} ({spread})    {gap:<20}  {false:5.1%}  {taken:8.1f}")
    for first, second in ((STAR, UNFILTERED), (STAR, BESIDE), (ADORE, STAR), (ADORE, BESIDE), (NGAME, ADORE)):
        print(f"{first} - {second}: {_gap(recalls(runs, first), recalls(runs, second))}")


def _gap(first: Sequence[float], second: Sequence[float]) -> str:
    """A paired difference and its standard error; * where the 95 % interval leaves 0 out."""
    if len(first) < 2:
        return f"{first[0] - second[0]:+.4f}"
    found = Difference.of(first, second)
    return f"{found.mean:+.4f} +- {found.standard_error:.4f}{'*' if found.is_seen else ''}"


def main() -> None:
    """Print it, and write it down."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the synsets, 4 epochs, one seed")
    parser.add_argument("--seeds", type=int, choices=range(1, 11), metavar="N", help="1 to 10 of them; default 5")
    parser.add_argument("--grid", action="store_true", help="learning rates of in-batch negatives instead")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all that was measured to this file")
    arguments = parser.parse_args()
    if arguments.grid:
        torch.set_num_threads(1)
        found = Study(read_task(), Sizes())
        for learning_rate in GRID:
            learner = Learner.new(found.sizes, GRID_SEED, learning_rate)
            found.train(learner, found.in_batch(GRID_SEED))
            print(f"learning rate {learning_rate:g}: recall@10 {found.recall(learner, is_dev=True):.4f} on dev words")
        return
    runs = study(range(1, 1 + (arguments.seeds or (1 if arguments.quick else 5))), quick=arguments.quick)
    show(runs)
    if arguments.json:
        report = {"sizes": asdict(Sizes()), "versions": versions_of(("croupier", "numpy", "torch"))}
        arguments.json.write_text(json.dumps({**report, "runs": [asdict(run) for run in runs]}, indent=2) + "\n")


if __name__ == "__main__":
    main()
