"""What a checkpoint holds, and the refusal of one that does not belong here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from croupier.core.cursor import Cursor
from croupier.core.fingerprint import describe, differences, digest
from croupier.core.ledger import Entry, Ledger
from croupier.core.policies import Tail
from croupier.core.table import Table
from croupier.errors import BadArgument, BadState
from croupier.run.audit import Skip
from croupier.run.cost_versions import CostVersions
from croupier.run.program import Program
from croupier.run.refreshes import Refreshes

__all__ = ["STATE_VERSION", "read_state", "write_state"]

STATE_VERSION = 1
FIELDS = {
    "croupier_state",
    "cursor",
    "run",
    "plan",
    "table",
    "ledger",
    "skipped",
    "has_grown",
    "costs",
    "refreshes",
    "learned",
    "checksum",
}


def write_state(
    program: Program, cursor: Cursor, ledger: Ledger, skipped: tuple[Skip, ...] = (), *, has_grown: bool = False
) -> dict[str, Any]:
    """The state of a run that stands at the cursor: numbers and strings, and arrays where the plan learns."""
    state: dict[str, Any] = {
        "croupier_state": STATE_VERSION,
        "cursor": cursor.to_dict(),
        "run": _run_arguments(program),
        "plan": program.plan_description,
        "table": program.table_fingerprint,
        "ledger": [[entry.stage, entry.event, entry.ids, entry.tokens] for entry in ledger],
        "skipped": [[list(skip.start), list(skip.stop)] for skip in skipped],
        "has_grown": has_grown,
        "costs": program.costs.to_list(),
        "refreshes": program.refreshes.to_list(),
    }
    state["checksum"] = digest(state)
    state["learned"] = program.memory.state(program.epochs.ordinal(cursor.epoch, cursor.segment))
    return state


def read_state(
    state: Mapping[str, Any], program: Program, table: Table, *, keep_reports: bool, accepted: Sequence[str] = ()
) -> tuple[Program, Cursor, Ledger, tuple[Skip, ...]]:
    """The program, cursor, ledger and skips to go on with, or an error that says what differs."""
    if isinstance(accepted, str) or not all(isinstance(name, str) for name in accepted):
        raise BadArgument("accept", "be a list of names", accepted, "write accept=['plan.stages[0].shares']")
    if not isinstance(state, Mapping):
        raise BadState("it", "be what state_dict() returned", type(state).__name__, "load the right file")
    version = state.get("croupier_state")
    if type(version) is not int or version < 1:
        raise BadState("croupier_state", "be a version number", version, "pass what state_dict() returned")
    if version > STATE_VERSION:
        raise BadState("croupier_state", f"be <= {STATE_VERSION}", version, "install the newer croupier that wrote it")
    if set(state) | {"costs", "refreshes"} != FIELDS:
        raise BadState("it", f"have the fields {sorted(FIELDS)}", sorted(state), "it is cut off, or has been edited")
    whole = {name: value for name, value in state.items() if name not in ("checksum", "learned")}
    if digest(whole) != state["checksum"]:
        raise BadState("checksum", f"be {digest(whole)}", state["checksum"], "the file is damaged: load another")
    cursor = Cursor.from_dict(state["cursor"])
    _check_same("plan", state["plan"], program.plan_description, accepted)
    lanes = state["run"].get("lanes")
    if type(lanes) is not int or not 1 <= lanes < 2**31:
        raise BadState("run.lanes", "be an integer >= 1", lanes, "load an undamaged state")
    program = program.with_lanes(lanes)
    _check_same("run", state["run"], _run_arguments(program), ())
    program = _on_saved_table(program, table, state["table"], accepted)
    if cursor.segment >= program.epochs.segments(cursor.epoch):
        raise BadState(
            "cursor.segment", f"be < {program.epochs.segments(cursor.epoch)}", cursor.segment, "it is damaged"
        )
    program.costs = CostVersions.from_list(state.get("costs", []), program.split)
    program.refreshes = Refreshes.from_list(state.get("refreshes", []), program.plan)
    program.memory.load(state["learned"], keep_reports=keep_reports)
    program.forget_plans()
    size = program.segment(cursor.epoch, cursor.segment).batches.indices.size
    if cursor.consumed > size:
        raise BadState("cursor.consumed", f"be <= {size}", cursor.consumed, "it is damaged")
    if cursor.anchor > cursor.consumed:
        raise BadState("cursor.anchor", f"be <= consumed ({cursor.consumed})", cursor.anchor, "it is damaged")
    ledger = Ledger(tuple(Entry(*entry) for entry in state["ledger"]))
    return program, cursor, ledger, tuple(_skip(entry) for entry in state["skipped"])


def _skip(entry: Any) -> Skip:
    places = np.asarray(entry)
    if places.shape != (2, 3) or places.dtype.kind != "i" or places.min() < 0:
        raise BadState("skipped", "be pairs of places in the flat order", entry, "load an undamaged state")
    (epoch, segment, consumed), (to_epoch, to_segment, to_consumed) = places.tolist()
    return Skip((epoch, segment, consumed), (to_epoch, to_segment, to_consumed))


def _run_arguments(program: Program) -> dict[str, Any]:
    return {
        "seed": program.seed,
        "lanes": program.lanes,
        "window": program.epochs.window,
        "split": describe(program.split),
    }


def _on_saved_table(program: Program, table: Table, saved: Mapping[str, Any], accepted: Sequence[str]) -> Program:
    """Accept the same table, or one that has grown: the epoch is finished on the rows it began with."""
    size = saved["size"]
    if type(size) is not int or not 1 <= size <= table.size:
        raise BadState(
            "table", f"have at most the {table.size} rows of this table", size, "use the table it was saved with"
        )
    if size != table.size and program.epochs.tail is Tail.CARRY:
        raise BadState(
            "table", f"keep its {size} rows under Tail.CARRY", f"{table.size} rows",
            "ids carried over belong to the order of the table they came from: finish on it, or choose Tail.SHORT",
        )  # fmt: skip
    if size != program.table.size:
        program = program.on_table(table.prefix(size))
    _check_same("table", saved, program.table_fingerprint, accepted)
    return program


def _check_same(what: str, saved: Any, here: Any, accepted: Sequence[str]) -> None:
    for name, old, new in differences(what, saved, here):
        if not any(name == prefix or name.startswith((f"{prefix}.", f"{prefix}[")) for prefix in accepted):
            raise BadState(
                name, f"be {old!r} as when it was saved", new,
                f"go on with the {what} that it was saved with, or accept the change: accept=[{name!r}]",
            )  # fmt: skip
