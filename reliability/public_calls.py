"""A valid call of every public name, and the names that have none, each with the reason."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from enum import EnumType
from typing import Any

import croupier as cr
import croupier.recipes
import croupier.schedules
import croupier.torch
from reliability import (
    calls_of_feedback,
    calls_of_negatives,
    calls_of_plans,
    calls_of_runs,
    calls_of_schedules,
    calls_of_torch,
)
from reliability.public_call import Call

__all__ = ["NOT_CALLED", "all_calls", "uncovered"]

MODULES = (cr, croupier.recipes, croupier.schedules, croupier.torch)
GROUPS = (calls_of_plans, calls_of_feedback, calls_of_negatives, calls_of_runs, calls_of_schedules, calls_of_torch)

RESULT = "a result: the library makes it, and its fields are what it found"
PROTOCOL = "a protocol: a form for values of the user's own, nothing to call"
RUNTIME = "part of a stage's or a split's protocol: the run calls it, with arguments that it has checked"
NO_DATA = "takes nothing"
NEEDS_RANKS = "needs a running process group"
FAISS = "the threads of faiss do not survive a fork under a limit of memory, in which calls are tried"
NOT_CALLED: dict[str, str] = {
    **dict.fromkeys(
        ("Block", "ControlledMean", "CostFit", "Deal", "Dial", "Difference", "InnerProducts", "HeldSize", "Kept",
         "Ledger", "Neighbourhoods", "NegativesAudit", "NoiseEstimate", "Observation", "Preview", "ScheduleComparison",
         "ScoreSummary", "TakenStep", "WantedSize", "Context", "Cursor", "Batches", "KnownPositives", "Moment",
         "Optimizer", "Refinement", "SeesawRate", "Seesawed", "Stretch", "CriticalBatchSize", "BatchSizes",
         "BiasedChoice", "WeightedChoice", "Mark", "MicroBatch", "Packed", "PackedRows", "Padded", "QueuedNegatives",
         "Row", "TrainingScores"), RESULT,
    ),
    **dict.fromkeys(
        ("BatchSizePolicy", "Grouping", "Search", "Phase", "Schedule", "ScalingRule", "Shape"), PROTOCOL
    ),
    "draws": "a kernel that stages of a user's own call in their loops: NumPy's own errors say what is wrong",
    "BucketStatistics": NEEDS_RANKS,
    **dict.fromkeys(("FlatIndex", "IVFIndex"), FAISS),
}  # fmt: skip
RUNTIME_METHODS = {
    "plan", "prepare", "epoch_size", "position_of", "order", "regroup", "leaves", "observe", "check_signal", "verdicts",
    "initial_score", "load_version", "arrange", "recut", "share", "lanes_for", "batches_per_step", "cost_of",
    "least_largest", "asked_shares", "source_names", "weights", "stages", "wanted", "published", "check", "scores",
    "chosen", "left_out", "ranks", "find", "settle", "of_saved", "with_rows",
}  # fmt: skip
BATCHES_METHODS = {
    "fault", "take", "take_batches", "with_columns", "with_indices", "with_ledger", "with_new_columns", "with_offsets",
    "without",
}  # fmt: skip
NOT_CALLED_METHODS: dict[str, str] = {
    **{f"Batches.{name}": RUNTIME for name in BATCHES_METHODS},
    **dict.fromkeys(("Dealer.connect", "Dealer.receive", "Dealer.stand_back", "Loader.stand_back"), RUNTIME),
    "Table.view": RUNTIME,
    "Context.child": RUNTIME,
    "Observation.last_of": RUNTIME,
    "NoiseEstimate.ratio": RUNTIME,
    "ScoreStore.kept": NO_DATA,
    "MicroBatch.observe": "Loader.observe",
    "Accumulated.load_state_dict": "Loader.load_state_dict",
    "Rewindable.load_state_dict": "Loader.load_state_dict",
    "Rewindable.observe": "Loader.observe",
    "Rewindable.chose": "Loader.chose",
    "Rewindable.fork": "takes a Loader, as Rewindable does",
    "Dial.plot": "ScheduleComparison.plot",
    "NegativesAudit.plot": "ScheduleComparison.plot",
    "Dial.most_random": "a number of a report",
    **dict.fromkeys(("FlatIndex.over", "IVFIndex.over"), FAISS),
    "Packed.mask": NO_DATA,
    "Packed.mask_mod": NO_DATA,
    "PackedRows.mask": NO_DATA,
    "PackedRows.labels": "Packed.labels",
    "CudaMemory.reset": NO_DATA,
    "BucketStatistics.measure": NEEDS_RANKS,
    "SeesawRate.__call__": "of a result",
    "CriticalBatchLaw.kaplan": NO_DATA,
}  # fmt: skip


def all_calls() -> Iterator[Call]:
    """Every call there is."""
    for group in GROUPS:
        yield from group.calls()


def uncovered() -> list[str]:
    """Public callables that have neither a call nor a reason."""
    covered = {call.name.removeprefix("schedules.").removeprefix("recipes.").split(" ")[0] for call in all_calls()}
    return sorted(
        name for name in _public_callables()
        if name not in covered and name not in NOT_CALLED and name not in NOT_CALLED_METHODS
    )  # fmt: skip


def _public_callables() -> Iterator[str]:
    for module in MODULES:
        for name in module.__all__:
            value = getattr(module, name)
            if isinstance(value, EnumType) or not callable(value):
                continue
            yield name
            if inspect.isclass(value) and NOT_CALLED.get(name) != PROTOCOL:
                yield from (f"{name}.{attribute}" for attribute in vars(value) if _takes_arguments(value, attribute))


def _takes_arguments(owner: Any, attribute: str) -> bool:
    """Whether it is a public method with arguments, other than those of the stage's own protocol."""
    if attribute.startswith("_") or (attribute in RUNTIME_METHODS and hasattr(owner, "__dataclass_fields__")):
        return False
    value = inspect.getattr_static(owner, attribute)
    if not isinstance(value, (types.FunctionType, classmethod, staticmethod)):
        return False
    function = value if isinstance(value, types.FunctionType) else value.__func__
    return len(inspect.signature(function).parameters) > (not isinstance(value, staticmethod))
