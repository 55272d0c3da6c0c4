"""Runs of a plan, their states, and reports on them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt  # noqa: F401  # its first import takes longer than a call may
import numpy as np

import croupier as cr
from croupier import schedules
from reliability.public_call import Call, built, method, table

__all__ = ["calls"]

PLAN = cr.chain(cr.Shuffle(), cr.FixedSize(4), segment_ids=16)


def dealer() -> cr.Dealer:
    return cr.Dealer(PLAN, table(), seed=3)


def learner() -> cr.Dealer:
    return cr.Dealer(cr.chain(cr.LossWeighted(), cr.FixedSize(4), segment_ids=16), table(), seed=3)


def keeper() -> cr.Dealer:
    plan = cr.chain(cr.Shuffle(), cr.KeepScores((cr.Mean(), cr.Last("el2n"))), cr.FixedSize(4), segment_ids=16)
    return cr.Dealer(plan, table(), seed=3)


def calls() -> Iterator[Call]:
    yield from _dealers()
    yield from _reports()
    yield from _audits()


def _first(made: cr.Dealer) -> Any:
    return made.first().ids, [deal.ids for deal in made]


def _dealers() -> Iterator[Call]:
    yield Call(
        "Dealer", cr.Dealer,
        lambda: {"plan": PLAN, "table": table(), "seed": 3, "rank": 1, "world_size": 2, "split": cr.Lockstep()}, _first,
    )  # fmt: skip
    yield method("Dealer.set_epoch", dealer, lambda: {"epoch": 2}, use=_first)
    yield method("Dealer.skip_steps", dealer, lambda: {"steps": 2}, use=_first)
    yield method("Dealer.position_of", dealer, lambda: {"ids": [3, 1], "epoch": 1})
    yield method("Dealer.seen_before", dealer, lambda: {"ids": [3, 1], "cursor": cr.Cursor(consumed=8)})
    yield Call("Dealer.observe", _observed, lambda: {"deal": None, "signal": [1.0, 2.0, 3.0, 4.0]})
    yield Call(
        "Dealer.observe by name", _observed_names, lambda: {"loss": [1.0, 2.0, 3.0, 4.0], "el2n": [1.0, 2.0, 3.0, 4.0]}
    )
    yield Call("Dealer.adopt", _adopted, lambda: {"stage": "negative_aware", "folder": _clusters_folder()}, _first)
    yield method("Dealer.adopt_batch_size", _ramped, lambda: {"batch_size": 8})
    yield method("Dealer.adopt_cost", _balanced, lambda: {"cost": cr.Cost(2, 1)})
    yield method("Dealer.load_state_dict", dealer, lambda: {"state": dealer().state_dict(), "accept": []}, use=_first)
    yield Call(
        "kept_scores",
        cr.kept_scores,
        lambda: {"run": keeper(), "run_is_over": False},
        lambda found: found.read(cr.Mean()),
    )
    yield Call("moved_folders", cr.moved_folders, lambda: {"state": dealer().state_dict(), "folders": {"a": "b"}})
    yield Call(
        "save_state", cr.save_state, lambda: {"state": dealer().state_dict(), "path": "run.state"},
        lambda _: cr.load_state("run.state"),
    )  # fmt: skip
    yield Call("load_state", _loaded, lambda: {"path": "run.state"})


def _loaded(path: Any) -> Any:
    cr.save_state(dealer().state_dict(), "run.state")
    return cr.load_state(path)


def _observed(deal: Any, signal: Any) -> Any:
    made = learner()
    first = next(iter(made))
    made.observe(first if deal is None else deal, signal)
    return made.state_dict()


def _observed_names(**signals: Any) -> Any:
    made = keeper()
    made.observe(next(iter(made)), signals)
    return made.state_dict()


def _clusters_folder() -> str:
    shutil.rmtree("clusters-adopted", ignore_errors=True)
    cr.Clusters(np.arange(24), np.array([0, 12, 24])).save("clusters-adopted")
    return "clusters-adopted"


def _adopted(stage: Any, folder: Any) -> cr.Dealer:
    made = cr.Dealer(cr.chain(cr.NegativeAware(), cr.FixedSize(4)), table(), seed=3)
    made.adopt(stage, folder)
    return made


def _ramped() -> cr.Dealer:
    return cr.Dealer(cr.chain(cr.Shuffle(), cr.RampedSize(4), segment_ids=8), table(), seed=3)


def _balanced() -> cr.Dealer:
    return cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(4), segment_ids=8), table(), seed=3, split=cr.Balanced())


def _without_times(figures: cr.Preview) -> Any:
    said = figures.to_dict()
    str(figures)
    return {name: value for name, value in said.items() if not name.startswith(("prepare", "ids_per"))}


def _reports() -> Iterator[Call]:
    yield Call(
        "preview", cr.preview,
        lambda: {"plan": PLAN, "table": table(), "seed": 3, "world_size": 2, "split": cr.Lockstep(), "resume": None},
        _without_times,
    )  # fmt: skip
    yield Call(
        "randomness_dial", cr.randomness_dial,
        lambda: {"table": _lengths(), "max_tokens": 512, "length": "length", "world_size": 2, "split": None,
                 "sample_rows": 256},
        lambda dial: dial.to_json(),
    )  # fmt: skip
    yield Call("diff", cr.diff, lambda: {"first": dealer(), "second": learner(), "epoch": 1}, str)
    plan = cr.TrainingPlan(cr.BatchSizeRamp([(0, 2), (4, 4)]), schedules.linear(16))
    yield Call("compare_schedule", cr.compare_schedule, lambda: {"plan": plan, "taken": [_taken(0), _taken(2)]}, str)
    yield Call(
        "compare_schedule of a step", lambda **step: cr.compare_schedule(plan, [cr.TakenStep(**step)]),
        lambda: {"samples": 0, "batch_size": 2, "learning_rate": 0.5}, str,
    )  # fmt: skip
    compared = cr.compare_schedule(plan, [_taken(0), _taken(2)])
    yield method("ScheduleComparison.plot", lambda: compared, lambda: {"path": "plot.svg"}, use=lambda _: None)


def _taken(samples: int) -> cr.TakenStep:
    return cr.TakenStep(samples, 2, 0.5)


def _lengths() -> cr.Table:
    return cr.Table(length=[1 + i * i % 97 for i in range(256)])


def _audits() -> Iterator[Call]:
    known = cr.KnownPositives.of([0, 1, 2], [5, 5, 6])
    embedded = cr.Embedded(np.eye(3, 2), np.ones((7, 2)))
    yield built(lambda: embedded, lambda made: made.scores(np.array([0]), np.array([1])))
    yield built(
        lambda: cr.AuditScope(items=7, rows=3, margin=0.5), lambda scope: _audit([([0, 1], [5, 5])], known, scope=scope)
    )
    yield Call(
        "audit_negatives", _audit,
        lambda: {"batches": [([0, 1], [5, 5]), ([2, 0], [6, 5])], "known": known, "rows_of": None, "scope": None,
                 "embedded": embedded, "mined_with": None},
    )  # fmt: skip
    yield Call(
        "audit_negatives of a batch",
        lambda queries, items, negatives: _audit([{"queries": queries, "items": items, "negatives": negatives}], known),
        lambda: {"queries": [0, 1], "items": [5, 5], "negatives": [[6], [6]]},
    )
    yield Call(
        "rows_of_deals", lambda table, pairs: cr.rows_of_deals(table, pairs)(cr.Deal(np.array([2, 0]), {})),
        lambda: {"table": table(), "pairs": cr.Pairs()},
    )  # fmt: skip


def _audit(batches: Any, known: Any, **more: Any) -> Any:
    found = cr.audit_negatives(batches, known, **more)
    str(found)
    return found.to_dict()
