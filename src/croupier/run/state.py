"""What a checkpoint holds, and the refusal of one that does not belong here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from croupier.core.cursor import Cursor
from croupier.core.fingerprint import describe, differences, table_fingerprint
from croupier.core.ledger import Entry, Ledger
from croupier.core.plain_json import listed
from croupier.core.policies import Tail
from croupier.core.split import Bounded
from croupier.core.table import Table
from croupier.errors import BadArgument, BadState, TooFewIds, checked_path
from croupier.run.adopted_numbers import AdoptedNumbers
from croupier.run.audit import Skip
from croupier.run.epochs import MOST_EPOCHS, Past
from croupier.run.program import Program
from croupier.run.refreshes import Refreshes, checked_entry
from croupier.run.state_versions import STATE_VERSION, checked_state, sealed

__all__ = ["moved_folders", "read_state", "with_entries", "write_state"]

MOST_COST = 2**40
FEW_IDS = "run.split.few_ids"
"""Of a run's own settings the one that may change: it acts where an epoch ends, and on no order."""
FIX = "load an undamaged state"


def write_state(
    program: Program, cursor: Cursor, ledger: Ledger, skipped: tuple[Skip, ...] = (), *, has_grown: bool = False
) -> dict[str, Any]:
    """The state of a run that stands at the cursor: numbers and strings, and arrays where the plan learns."""
    at = program.epochs.ordinal(cursor.epoch, cursor.segment)
    state: dict[str, Any] = {
        "croupier_state": STATE_VERSION,
        "cursor": cursor.to_dict(),
        "run": _run_arguments(program),
        "plan": program.plan_description,
        "table": program.table_fingerprint,
        "ledger": [[entry.stage, entry.event, entry.ids, entry.tokens] for entry in ledger],
        "skipped": [[list(skip.start), list(skip.stop)] for skip in skipped],
        "has_grown": has_grown,
        "grown": list(program.epochs.past),
        "costs": program.costs.to_list(at),
        "batch_sizes": program.batch_sizes.to_list(at),
        "refreshes": program.refreshes.to_list(program.epochs, cursor),
        "learned": program.memory.state(at),
    }
    return sealed(state)


def read_state(
    state: Mapping[str, Any], program: Program, table: Table, *, keep_reports: bool, accepted: Sequence[str] = ()
) -> tuple[Program, Cursor, Ledger, tuple[Skip, ...]]:
    """The program, cursor, ledger and skips to go on with, or an error that says what differs.

    Guarantees: the program that is given, and what it has learned, stay as they are.
    """
    if not isinstance(accepted, (list, tuple)) or not all(isinstance(name, str) for name in accepted):
        raise BadArgument("accept", "be a list of names", accepted, "write accept=['plan.stages[0].shares']")
    saved = checked_state(state)
    _check_kinds(saved)
    cursor = Cursor.from_dict(saved["cursor"])
    ledger = Ledger(tuple(_entry(entry) for entry in saved["ledger"]))
    skipped = tuple(_skip(entry) for entry in saved["skipped"])
    _check_same("plan", saved["plan"], program.plan_description, accepted)
    lanes = saved["run"].get("lanes")
    if type(lanes) is not int or not 1 <= lanes < 2**31:
        raise BadState("run.lanes", "be an integer >= 1", lanes, FIX)
    program = program.aside().with_lanes(lanes)
    _check_same("run", saved["run"], _run_arguments(program), accepted)
    program = _on_saved_table(program, table, saved, accepted)
    _take_versions(program, saved)
    program.memory.load(saved["learned"], keep_reports=keep_reports)
    _check_place(program, cursor)
    return program, cursor, ledger, skipped


def with_entries(state: Mapping[str, Any], ledger: Ledger) -> dict[str, Any]:
    """A state whose ledger counts these entries too."""
    if not ledger:
        return dict(state)
    entries = Ledger(tuple(Entry(*entry) for entry in state["ledger"])) + ledger
    return sealed({**state, "ledger": [[entry.stage, entry.event, entry.ids, entry.tokens] for entry in entries]})


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
    >>> import croupier as cr, numpy as np, tempfile
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
    saved = checked_state(state)
    _check_kinds(saved)
    places = {
        checked_path("a folder", old).rstrip("/\\"): checked_path("a folder", new) for old, new in folders.items()
    }
    entries = [checked_entry(entry) for entry in saved["refreshes"]]
    moved = [[*entry[:3], _moved(entry[3], places), entry[4]] for entry in entries]
    return sealed({**saved, "refreshes": moved}) if moved else dict(state)


def _moved(folder: str, places: Mapping[str, str]) -> str:
    above = [old for old in places if folder.startswith(old) and folder[len(old) : len(old) + 1] in ("", "/", "\\")]
    old = max(above, key=len, default=None)
    return folder if old is None else str(Path(places[old] + folder[len(old) :]).absolute())


def _check_kinds(saved: Mapping[str, Any]) -> None:
    for name in ("cursor", "run", "table"):
        if not isinstance(saved[name], Mapping):
            raise BadState(name, "be a mapping", saved[name], FIX)
    for name in ("ledger", "skipped", "costs", "batch_sizes", "refreshes"):
        if not isinstance(saved[name], (list, tuple)):
            raise BadState(name, "be a list", saved[name], FIX)
    if not isinstance(saved["has_grown"], bool):
        raise BadState("has_grown", "be true or false", saved["has_grown"], FIX)


def _entry(entry: Any) -> Entry:
    values = listed(entry)
    if [type(value) for value in values] != [str, str, int, int]:
        raise BadState("ledger", "be lists of a stage, an event, ids and tokens", entry, FIX)
    return Entry(*values)


def _past(entry: Any) -> Past:
    numbers = listed(entry)
    if [type(number) for number in numbers] != [int] * 3 or not all(0 <= number < 2**63 for number in numbers):
        raise BadState("grown", "be an epoch, and ids and segments before it", entry, FIX)
    return Past(*numbers)


def _skip(entry: Any) -> Skip:
    places = [listed(place) for place in listed(entry)]
    are_whole = all(type(number) is int and 0 <= number < 2**63 for place in places for number in place)
    if [len(place) for place in places] != [3, 3] or not are_whole:
        raise BadState("skipped", "be pairs of places in the flat order", entry, FIX)
    (epoch, segment, consumed), (to_epoch, to_segment, to_consumed) = places
    return Skip((epoch, segment, consumed), (to_epoch, to_segment, to_consumed))


def _take_versions(program: Program, saved: Mapping[str, Any]) -> None:
    """What the run has adopted."""
    if saved["costs"] and not isinstance(program.split, Bounded):
        raise BadState("costs", "be none for a split that does not balance", saved["costs"], FIX)
    if saved["batch_sizes"] and not program.takes_batch_size:
        raise BadState("batch_sizes", "be none for a plan that takes none", saved["batch_sizes"], FIX)
    program.costs = AdoptedNumbers.from_list(saved["costs"], "costs", (0, 0), most=MOST_COST)
    if any(not any(numbers) for _, numbers in program.costs.versions):
        raise BadState("costs", "have a number above 0", saved["costs"], FIX)
    program.batch_sizes = AdoptedNumbers.from_list(saved["batch_sizes"], "batch_sizes", (1,))
    program.refreshes = Refreshes.from_list(saved["refreshes"], program.plan)


def _check_place(program: Program, cursor: Cursor) -> None:
    """Whether there is such a place in the flat order."""
    if program.epochs.past.epoch > cursor.epoch:
        raise BadState("grown", f"be at epoch {cursor.epoch} or before", program.epochs.past.epoch, FIX)
    if cursor.epoch > MOST_EPOCHS:
        raise BadState("cursor.epoch", f"be <= {MOST_EPOCHS}", cursor.epoch, FIX)
    try:
        segments = program.epochs.segments(cursor.epoch)
    except TooFewIds as error:
        raise BadState("run", "have epochs that fill a step", str(error), FIX) from None
    if cursor.segment >= segments:
        raise BadState("cursor.segment", f"be < {segments}", cursor.segment, "it is damaged")
    size = program.segment(cursor.epoch, cursor.segment).batches.indices.size
    if cursor.consumed > size:
        raise BadState("cursor.consumed", f"be <= {size}", cursor.consumed, "it is damaged")
    if cursor.anchor > cursor.consumed:
        raise BadState("cursor.anchor", f"be <= consumed ({cursor.consumed})", cursor.anchor, "it is damaged")


def _run_arguments(program: Program) -> dict[str, Any]:
    return {
        "seed": program.seed,
        "lanes": program.lanes,
        "window": program.epochs.window,
        "split": describe(program.split),
    }


def _on_saved_table(program: Program, table: Table, saved: Mapping[str, Any], accepted: Sequence[str]) -> Program:
    """Accept the same table, or one that has grown: the epoch is finished on the rows it began with."""
    size = saved["table"].get("size")
    past = _past(saved["grown"])
    if type(size) is not int or not 1 <= size <= table.size:
        raise BadState(
            "table", f"have at most the {table.size} rows of this table", size, "use the table it was saved with"
        )
    if size != table.size and program.epochs.tail is Tail.CARRY:
        raise BadState(
            "table", f"keep its {size} rows under Tail.CARRY", f"{table.size} rows",
            "ids carried over belong to the order of the table they came from: finish on it, or choose Tail.SHORT",
        )  # fmt: skip
    is_other = size != program.table.size
    # First whether it is the one, and only then what a plan prepares of it.
    here = table_fingerprint(table.prefix(size)) if is_other else program.table_fingerprint
    _check_same("table", saved["table"], here, accepted)
    return program.on_table(table.prefix(size), past) if is_other else program.with_past(past)


def _check_same(what: str, saved: Any, here: Any, accepted: Sequence[str]) -> None:
    for name, old, new in differences(what, saved, here):
        may_differ = what != "run" or name == FEW_IDS
        if may_differ and any(name == prefix or name.startswith((f"{prefix}.", f"{prefix}[")) for prefix in accepted):
            continue
        otherwise = f", or accept the change: accept=[{name!r}]" if may_differ else ""
        fix = f"go on with the {what} that it was saved with{otherwise}"
        raise BadState(name, f"be {old!r} as when it was saved", new, fix)
