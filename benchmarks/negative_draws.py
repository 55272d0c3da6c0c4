"""Draws that leave out known positives: rate, leaks and uniformity on MovieLens-100k, against RecBole and NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from types import SimpleNamespace

import numpy as np

import croupier as cr
from benchmarks.harness import OURS, Reach, Row, interleaved, row, say, seconds
from benchmarks.measures import Int64
from benchmarks.movielens import Ratings, ratings
from benchmarks.wordnet import NotToBeHad

QUERIES, CALL = 10**6, 1024
RECBOLE, BITS, RETRIES = "RecBole", "NumPy bit table", "NumPy, drawn again until clean"


def rows(*, quick: bool) -> Iterator[Row]:
    """The rows of this part."""
    try:
        data = ratings()
    except NotToBeHad as reason:
        say(f"draws: {reason}")
        return
    known = cr.KnownPositives.of(data.users, data.films)
    users = np.random.default_rng(0).integers(0, 943, QUERIES)
    uniform = cr.NegativeSampler(data.film_count, known)
    popular = cr.NegativeSampler(cr.Candidates.by_popularity(data.popularity), known)
    numbers, repetitions = count(), 3 if quick else 9
    for sampler, name, reach, peers in (
        (uniform, "uniform", Reach(at_least=40, times={RECBOLE: 10}), _uniform_peers(data, users)),
        (popular, "popularity^0.75", Reach(at_least=15, times={RECBOLE: 5}), _popular_peers(data, users)),
    ):
        contenders = {OURS: lambda sampler=sampler: _rate(_whole(sampler, users, next(numbers)))} | peers
        once = (RECBOLE, RETRIES)
        samples = interleaved(contenders, repetitions=repetitions, once=once)
        work = f"negatives without known positives, {name}, MovieLens-100k"
        unit = "M draws/s"
        packages = ("recbole",)
        yield row(f"{work}, 10^6 users at once", unit, samples, better="more", reach=reach, packages=packages,
                  note="with the log probability of each; peers without")  # fmt: skip
        calls = {OURS: lambda sampler=sampler: _rate(_in_calls(sampler, users, next(numbers)))}
        yield row(f"{work}, calls of {CALL}", unit, interleaved(calls, repetitions=repetitions), better="more",
                  reach=Reach(at_least=reach.at_least))  # fmt: skip
    yield _leaks(uniform, popular, known, quick=quick)
    yield row("the sampler's memory, uniform", "bytes a positive", {OURS: [uniform.nbytes / len(known)]}, better=None,
              reach=Reach(at_most=60), note=f"a bit table takes {943 * data.film_count / 8 / len(known):.1f}, of bytes "
              f"{943 * data.film_count / len(known):.0f}: users x items")  # fmt: skip
    yield _heaviest(data, uniform, quick=quick)


def _rate(work: Callable[[], object]) -> float:
    return QUERIES / seconds(work) / 1e6


def _whole(sampler: cr.NegativeSampler, users: Int64, seed: int) -> Callable[[], object]:
    return lambda: sampler.draw(users, key=cr.Key(seed))


def _in_calls(sampler: cr.NegativeSampler, users: Int64, seed: int) -> Callable[[], object]:
    def work() -> None:
        key = cr.Key(seed)
        for begin in range(0, QUERIES, CALL):
            sampler.draw(users[begin : begin + CALL], key=key, first=begin)

    return work


def _uniform_peers(data: Ratings, users: Int64) -> dict[str, Callable[[], float]]:
    generator = np.random.default_rng(1)
    bits = np.zeros((943, data.film_count), np.bool_)
    bits[data.users, data.films] = True

    def table() -> object:
        drawn = generator.integers(0, data.film_count, QUERIES)
        again = np.flatnonzero(bits[users, drawn])
        while again.size:
            drawn[again] = generator.integers(0, data.film_count, again.size)
            again = again[bits[users[again], drawn[again]]]
        return drawn

    def retries() -> object:
        pairs = np.unique(data.users * data.film_count + data.films)
        drawn = generator.integers(0, data.film_count, QUERIES)
        again = np.arange(QUERIES)
        while again.size:
            codes = users[again] * data.film_count + drawn[again]
            places = np.minimum(np.searchsorted(pairs, codes), pairs.size - 1)
            again = again[pairs[places] == codes]
            drawn[again] = generator.integers(0, data.film_count, again.size)
        return drawn

    return {RECBOLE: _recbole(data, users, "uniform", 1.0), BITS: lambda: _rate(table), RETRIES: lambda: _rate(retries)}


def _popular_peers(data: Ratings, users: Int64) -> dict[str, Callable[[], float]]:
    return {RECBOLE: _recbole(data, users, "popularity", 0.75)}


def _recbole(data: Ratings, users: Int64, distribution: str, exponent: float) -> Callable[[], float]:
    def rate() -> float:
        import torch
        from recbole.sampler import Sampler

        feats = {"user": torch.as_tensor(data.users), "item": torch.as_tensor(data.films + 1)}  # its item 0 is padding
        dataset = SimpleNamespace(
            uid_field="user", iid_field="item", user_num=943, item_num=data.film_count + 1, inter_feat=feats
        )
        sampler = Sampler("train", dataset, distribution, exponent).set_phase("train")
        return _rate(lambda: sampler.sample_by_key_ids(users, 1))

    return rate


def _leaks(uniform: cr.NegativeSampler, popular: cr.NegativeSampler, known: cr.KnownPositives, *, quick: bool) -> Row:
    draws, leaks = 10**7 if quick else 10**8, 0
    users = np.random.default_rng(2).integers(0, 943, QUERIES)
    for seed in range(draws // QUERIES):
        sampler = popular if seed % 2 else uniform
        leaks += int(known.contains(users, sampler.draw(users, key=cr.Key(10_000 + seed)).items[:, 0]).sum())
    return row(f"leaks in {draws:.0e} draws, half of them weighted", "leaks", {OURS: [leaks]}, better=None,
               reach=Reach(at_most=0))  # fmt: skip


def _heaviest(data: Ratings, sampler: cr.NegativeSampler, *, quick: bool) -> Row:
    user = int(np.argmax(np.bincount(data.users)))
    draws = 10**6 if quick else 10**7
    drawn = sampler.draw(np.full(draws, user), key=cr.Key(7)).items[:, 0]
    free = np.setdiff1d(np.arange(data.film_count), data.films[data.users == user])
    counts = np.bincount(drawn, minlength=data.film_count)[free]
    expected = draws / free.size
    statistic = ((counts - expected) ** 2 / expected).sum() / (free.size - 1)
    work = f"chi-square over its degrees of freedom, heaviest user ({data.film_count - free.size} of {data.film_count})"
    return row(work, "", {OURS: [statistic]}, better=None, reach=Reach(at_least=0.78, at_most=1.22),
               note="within .78 .. 1.22 but once in a million")  # fmt: skip
