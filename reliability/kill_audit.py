"""Check the promises from the logs that a killed training left, against the same run left alone on one rank."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import croupier as cr
from reliability.killed_rank import SEED, column_hashes, feature, happened
from reliability.killed_runs import RUNS, KilledRun, dataset_table, losses_of

__all__ = ["Audit", "audit_of"]

Place = tuple[int, int, int]
"""Epoch, segment, and where in its flat order."""
CLOSE = 1e-9


@dataclass
class Audit:
    """What was checked, how often, and what did not hold."""

    checked: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    segments_with_two_changes: int = 0

    def expect(self, promise: str, holds: bool, what: str) -> None:
        """Count one check of a promise."""
        self.checked[promise] += 1
        if not holds:
            self.faults.append(f"{promise}: {what}")


@dataclass(frozen=True)
class _Step:
    """A step of the flat order, as all ranks logged it: their deals, by rank and micro-batch."""

    world_size: int
    start: tuple[int, ...]
    end: tuple[int, ...]
    deals: list[list[dict[str, Any]]]

    def real(self) -> Iterator[tuple[Place, int, str]]:
        """Each id that was trained on: its place, the id, the hash of its columns."""
        for deals in self.deals:
            for deal in deals:
                if not deal["is_padding"]:
                    places = [(self.start[0], deal["segment"], place) for place in deal["places"]]
                    yield from zip(places, deal["ids"], deal["columns"], strict=True)


@dataclass(frozen=True)
class _Generation:
    begins: dict[str, Any]
    steps: list[_Step]
    ends: dict[str, Any] | None


def audit_of(run: str, folder: Path, lanes: int) -> Audit:
    """Audit the logs in a folder."""
    audit = Audit()
    generations = [_generation(audit, logs) for logs in _logs(folder)]
    history: list[_Step] = []
    redone: dict[tuple[Any, ...], _Step] = {}
    changes: Counter[tuple[int, int]] = Counter()
    world_size = 0
    for generation in filter(None, generations):
        begins = generation.begins["cursor"]
        history = [step for step in history if step.end[3] <= begins["samples"]]
        reached = history[-1].end[3] if history else 0
        audit.expect("exact resume", reached == begins["samples"], f"begins at {begins}, logged up to {reached}")
        if history and history[-1].world_size == generation.begins["world_size"]:
            # By the anchor the last batches of an epoch are cut.
            left, taken_up = history[-1].end[4], begins["anchor"]
            audit.expect("exact resume", left == taken_up, f"left with anchor {left}, taken up with {taken_up}")
        if generation.begins["world_size"] != world_size and history:
            changes[begins["epoch"], begins["segment"]] += 1
        world_size = generation.begins["world_size"]
        _check_chain(audit, history[-1:] + generation.steps)
        for step in generation.steps:
            key = (step.world_size, step.start)
            known = redone.setdefault(key, step)
            if known is not step:
                is_same = (known.end, known.deals) == (step.end, step.deals)
                audit.expect("exact resume", is_same, f"{key} was dealt in another way when redone")
        history += generation.steps
    audit.segments_with_two_changes = sum(times > 1 for times in changes.values())
    ends = generations[-1].ends if generations and generations[-1] else None
    if ends is None:
        audit.faults.append("exactly once: no generation came to its end")
        return audit
    alone = _Reference.of(RUNS[run], folder, lanes)
    _check_history(audit, RUNS[run], history, ends, alone)
    following = _next_epoch(RUNS[run], folder, lanes, cr.load_state(folder / "end.state"))
    audit.expect("exact resume", following == alone.following, "the epoch after the end is not that of the run alone")
    return audit


def _check_chain(audit: Audit, steps: list[_Step]) -> None:
    """Within an epoch each step begins where the one before ended, with its anchor if there are as many ranks."""
    for before, step in pairwise(steps):
        if before.end[0] == step.start[0]:
            known = 5 if before.world_size == step.world_size else 4
            one, other = before.end[:known], step.start[:known]
            audit.expect("exact resume", one == other, f"a step ended at {one}, the next begins at {other}")


def _check_history(audit: Audit, run: KilledRun, history: list[_Step], ends: dict[str, Any], alone: _Reference) -> None:
    dealt: Counter[Place] = Counter()
    by_epoch: dict[int, Counter[int]] = defaultdict(Counter)
    for step in history:
        for place, id_, columns in step.real():
            dealt[place] += 1
            by_epoch[place[0]][id_] += 1
            known = alone.at.get(place)
            audit.expect("elastic", known == (id_, columns), f"{place} held {(id_, columns)}, alone {known}")
    audit.expect("exactly once", max(dealt.values()) == 1, f"{dealt.most_common(2)} were dealt more than once")
    left_out = sum(ids for _, event, ids, _ in ends["ledger"] if event == "left out: fewer than ranks")
    missing = len(alone.at.keys() - dealt.keys())
    audit.expect("exactly once", missing == left_out, f"{missing} never dealt, the ledger counts {left_out}")
    rows = dataset_table().size
    for epoch, counts in by_epoch.items():
        if run.each_id == "once":
            whole = len(counts) == rows and set(counts.values()) == {1}
            audit.expect("exactly once", whole, f"epoch {epoch} dealt {len(counts)} ids, up to {max(counts.values())}")
        elif run.each_id == "at most once":
            audit.expect("exactly once", max(counts.values()) == 1, f"epoch {epoch} dealt {counts.most_common(2)}")
    padding = sum(len(deal["ids"]) for step in history for deals in step.deals for deal in deals if deal["is_padding"])
    counted = sum(ids for _, event, ids, _ in ends["ledger"] if event == "repeated as padding")
    audit.expect("exactly once", padding == counted, f"{padding} ids of padding, the ledger counts {counted}")
    others = [
        entry for entry in ends["ledger"] if entry[1] not in ("left out: fewer than ranks", "repeated as padding")
    ]
    audit.expect("exactly once", others == alone.ledger, f"ledger {others}, alone {alone.ledger}")


def _generation(audit: Audit, logs: list[list[dict[str, Any]]]) -> _Generation | None:
    """What all ranks of a start logged; None where not all of them had begun."""
    begins = [next((entry for entry in log if "begins" in entry), None) for log in logs]
    if None in begins:
        return None
    audit.expect("equal steps", all(one == begins[0] for one in begins), f"ranks begin at {begins}")
    first: dict[str, Any] = begins[0] or {}
    if len(logs) != first["world_size"]:
        return None
    by_rank = [_deals_by_step(log) for log in logs]
    steps: list[_Step] = []
    for at, mine in enumerate(zip(*by_rank, strict=False)):
        key, deals = mine[0][0], [deals for _, deals in mine]
        audit.expect("equal steps", all(one[0] == key for one in mine), f"step {at}: {[one[0] for one in mine]}")
        wanted = deals[0][0]["micro"][1]
        if any(len(one) != wanted for one in deals):
            audit.expect("equal steps", at == min(map(len, by_rank)) - 1, f"step {at} has unequal micro-batches")
            break
        step = _Step(len(logs), *key, deals)
        _check_scales(audit, step)
        steps.append(step)
    logged = [sum(map(len, (deals for _, deals in steps))) for steps in by_rank]
    means = [[entry["mean"] for entry in log if "mean" in entry] for log in logs]
    for together in zip(*means, strict=False):
        audit.expect("equal steps", len(set(together)) == 1, f"ranks computed {together}")
    most = first["accumulation"] * max((deals[0]["micro"][1] for steps in by_rank for _, deals in steps), default=1)
    audit.expect("equal steps", max(logged) - min(logged) <= most, f"ranks logged {logged} batches")
    ends = [next((entry for entry in log if "ends" in entry), None) for log in logs]
    if None in ends:
        return _Generation(first, steps, None)
    audit.expect("equal steps", len(set(logged)) == 1, f"ranks ended after {logged} batches")
    return _Generation(first, steps, ends[0])


def _check_scales(audit: Audit, step: _Step) -> None:
    """The mean over ranks of what their losses are scaled to is the mean over the step, in examples and in tokens."""
    real = [deal for deals in step.deals for deal in deals if not deal["is_padding"]]
    ids = np.concatenate([deal["ids"] for deal in real])
    lengths = np.concatenate([deal["lengths"] for deal in real])
    scaled = np.zeros(2)
    for deals in step.deals:
        for deal in deals:
            values, weights = feature(np.array(deal["ids"])), np.array(deal["lengths"])
            scaled += np.multiply(deal["scales"], [values.mean(), (values * weights).sum() / weights.sum()])
    scaled /= step.world_size
    truth = np.array([feature(ids).mean(), (feature(ids) * lengths).sum() / lengths.sum()])
    audit.expect("unbiased", bool(np.all(np.abs(scaled - truth) < CLOSE)), f"{step.start}: {scaled}, truth {truth}")


def _deals_by_step(
    log: list[dict[str, Any]],
) -> list[tuple[tuple[tuple[int, ...], tuple[int, ...]], list[dict[str, Any]]]]:
    steps: list[Any] = []
    for deal in (entry["deal"] for entry in log if "deal" in entry):
        key = (tuple(deal["start"]), tuple(deal["end"]))
        if deal["micro"][0] == 0:
            steps.append((key, []))
        steps[-1][1].append(deal)
    return steps


def _logs(folder: Path) -> Iterator[list[list[dict[str, Any]]]]:
    """The entries by start and rank; the last line of a file may have been cut off by a kill."""
    by_start: dict[str, list[list[dict[str, Any]]]] = defaultdict(list)
    for path in sorted(folder.glob("log-*.jsonl")):
        lines = path.read_text().split("\n")[:-1]
        by_start[path.name.split("-")[1]].append([json.loads(line) for line in lines])
    yield from by_start.values()


@dataclass(frozen=True)
class _Reference:
    """The run left alone: one rank, no loader, no stop."""

    at: dict[Place, tuple[int, str]]
    ledger: list[list[Any]]
    following: list[Any]

    @classmethod
    def of(cls, run: KilledRun, folder: Path, lanes: int) -> _Reference:
        alone = folder / "alone"
        dealer = _dealer(run, alone, lanes)
        at: dict[Place, tuple[int, str]] = {}
        events = 0
        while dealer.cursor.epoch < run.epochs:
            for deal in dealer:
                hashes = column_hashes(deal.columns, len(deal))
                if not deal.is_padding:
                    for place, id_, hashed in zip(deal.places.tolist(), deal, hashes, strict=True):
                        at[deal.epoch, deal.segment, place] = (id_, hashed)
                    if run.signals:
                        dealer.observe(deal, losses_of(deal.ids, deal.epoch, run.signals))
                events = happened(run, dealer, folder, events, dealer.cursor.samples)
        state = dealer.state_dict()
        kinds = ("left out: fewer than ranks", "repeated as padding")
        ledger = [entry for entry in state["ledger"] if entry[1] not in kinds]
        return cls(at, ledger, _next_epoch(run, alone, lanes, state))


def _dealer(run: KilledRun, folder: Path, lanes: int) -> cr.Dealer:
    return cr.Dealer(run.plan(folder), dataset_table(), seed=SEED, split=run.split_of(lanes))


def _next_epoch(run: KilledRun, folder: Path, lanes: int, state: Mapping[str, Any]) -> list[Any]:
    """What one rank deals from a state on: all that the run has learned acts in it."""
    dealer = _dealer(run, folder, lanes)
    dealer.load_state_dict(state)
    return [(deal.ids.tolist(), column_hashes(deal.columns, len(deal))) for deal in dealer]
