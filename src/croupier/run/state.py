"""What a checkpoint holds, and the refusal of one that does not belong here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from croupier.core.cursor import Cursor
from croupier.core.fingerprint import describe, differences, digest
from croupier.core.ledger import Entry, Ledger
from croupier.core.policies import Tail
from croupier.core.split import Bounded
from croupier.core.table import Table
from croupier.errors import BadArgument, BadState
from croupier.run.adopted_numbers import AdoptedNumbers
from croupier.run.audit import Skip
from croupier.run.program import Program
from croupier.run.refreshes import Refreshes

__all__ = ["STATE_VERSION", "moved_folders", "read_state", "with_entries", "write_state"]

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
    "batch_sizes",
    "refreshes",
    "learned",
    "checksum",
}
LATER_FIELDS = {"costs", "batch_sizes", "refreshes"}
"""Missing from states of earlier versions, which had none of them."""


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
        "batch_sizes": program.batch_sizes.to_list(),
        "refreshes": program.refreshes.to_list(program.epochs, cursor),
    }
    state["checksum"] = _checksum(state)
    state["learned"] = program.memory.state(program.epochs.ordinal(cursor.epoch, cursor.segment))
    return state


def read_state(
    state: Mapping[str, Any], program: Program, table: Table, *, keep_reports: bool, accepted: Sequence[str] = ()
) -> tuple[Program, Cursor, Ledger, tuple[Skip, ...]]:
    """The program, cursor, ledger and skips to go on with, or an error that says what differs."""
    if isinstance(accepted, str) or not all(isinstance(name, str) for name in accepted):
        raise BadArgument("accept", "be a list of names", accepted, "write accept=['plan.stages[0].shares']")
    _check_whole(state)
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
    if state.get("costs") and not isinstance(program.split, Bounded):
        raise BadState("costs", "be none for a split that does not balance", state["costs"], "load an undamaged state")
    program.costs = AdoptedNumbers.from_list(state.get("costs", []), "costs", (0, 0))
    program.batch_sizes = AdoptedNumbers.from_list(state.get("batch_sizes", []), "batch_sizes", (1,))
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


def with_entries(state: Mapping[str, Any], ledger: Ledger) -> dict[str, Any]:
    """A state whose ledger counts these entries too."""
    if not ledger:
        return dict(state)
    entries = Ledger(tuple(Entry(*entry) for entry in state["ledger"])) + ledger
    whole = {**state, "ledger": [[entry.stage, entry.event, entry.ids, entry.tokens] for entry in entries]}
    return {**whole, "checksum": _checksum(whole)}


def moved_folders(
    state: Mapping[str, Any], folders: Mapping[str | PathLike[str], str | PathLike[str]]
) -> dict[str, Any]:
    """A state whose folders of mined negatives, clusters and the like lie elsewhere: on another machine, say.

    Parameters
    ----------
    state : mapping
        What ``state_dict()`` returned; it is left as it is.
    folders : mapping of path to path
        Where each lay, and where it lies now. A folder above counts for all within it; of several, the closest.

    A folder is needed while a state names it, as long as it can be dealt from; and by the process that adopted it until
    an epoch has ended after another version took its place.

    Guarantees: as before, a version is only planned from if it has the checksum in the state.

    Raises
    ------
    BadState
        The state is damaged.

    Examples
    --------
    >>> import croupier as cr, tempfile
    >>> place = tempfile.mkdtemp()
    >>> checksum = cr.Clusters(np.array([2, 0, 1]), np.array([0, 1, 3])).save(f"{place}/old/clusters")
    >>> dealer = cr.Dealer(cr.NegativeAware(), cr.Table(size=3), seed=0)
    >>> _ = dealer.adopt("negative_aware", f"{place}/old/clusters")
    >>> state = moved_folders(dealer.state_dict(), {f"{place}/old": "/new/place"})
    >>> state["refreshes"][0][3]
    '/new/place/clusters'
    """
    if not isinstance(folders, Mapping):
        raise BadArgument("folders", "map old to new", folders, "write {'/old/run': '/new/run'}")
    _check_whole(state)
    places = {fspath(old).rstrip("/\\"): fspath(new) for old, new in folders.items()}
    moved = [[*entry[:3], _moved(entry[3], places), *entry[4:]] for entry in state.get("refreshes", [])]
    whole = {**state, "refreshes": moved} if moved else dict(state)
    return {**whole, "checksum": _checksum(whole)}


def _moved(folder: str, places: Mapping[str, str]) -> str:
    above = [old for old in places if folder.startswith(old) and folder[len(old) : len(old) + 1] in ("", "/", "\\")]
    old = max(above, key=len, default=None)
    return folder if old is None else str(Path(places[old] + folder[len(old) :]).absolute())


def _check_whole(state: Mapping[str, Any]) -> None:
    """Refuse what is no state, newer than this library, or damaged."""
    if not isinstance(state, Mapping):
        raise BadState("it", "be what state_dict() returned", type(state).__name__, "load the right file")
    version = state.get("croupier_state")
    if type(version) is not int or version < 1:
        raise BadState("croupier_state", "be a version number", version, "pass what state_dict() returned")
    if version > STATE_VERSION:
        raise BadState("croupier_state", f"be <= {STATE_VERSION}", version, "install the newer croupier that wrote it")
    if set(state) | LATER_FIELDS != FIELDS:
        raise BadState("it", f"have the fields {sorted(FIELDS)}", sorted(state), "it is cut off, or has been edited")
    if _checksum(state) != state["checksum"]:
        raise BadState("checksum", f"be {_checksum(state)}", state["checksum"], "the file is damaged: load another")


def _checksum(state: Mapping[str, Any]) -> str:
    return digest({name: value for name, value in state.items() if name not in ("checksum", "learned")})


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
