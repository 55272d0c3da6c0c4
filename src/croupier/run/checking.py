"""Refuse a run that is held wrong, before anything is planned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from croupier.core.chain import Chain, chain
from croupier.core.plain_array import real_numbers
from croupier.core.score_statistics import LOSS
from croupier.core.split import Split
from croupier.core.stage import Stage
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_int
from croupier.split.lockstep import Lockstep

__all__ = ["MOST_RANKS", "checked_run", "checked_signals", "checked_skip"]

MOST_RANKS = 2**20
"""Shares of a step are laid out one by one: no machine has as many, and a number that large is a mistake."""


def checked_run(plan: Any, table: Any, seed: Any, rank: Any, world_size: Any, split: Any) -> tuple[Chain, Split]:
    """The plan as a chain and the split, ``Lockstep()`` by default; or the error that names the argument."""
    world_size = checked_int("world_size", world_size, at_least=1, at_most=MOST_RANKS, fix="pass the number of ranks")
    last = int(world_size) - 1
    rank = checked_int("rank", rank, at_least=0, at_most=last, fix=f"ranks of a world of {world_size} are 0 to {last}")
    seed = checked_int("seed", seed, at_least=0, at_most=2**64 - 1, fix="pass a whole number; the same on every rank")
    if not isinstance(plan, Stage) or isinstance(plan, type):
        raise BadArgument("plan", "be a stage", plan, "write chain(Shuffle(), FixedSize(32))")
    if not isinstance(table, Table):
        raise BadArgument("table", "be a Table", table, "write Table(size=len(dataset)), or Table(length=...)")
    chosen = Lockstep() if split is None else split
    if not isinstance(chosen, Split) or isinstance(chosen, type):
        raise BadArgument("split", "be a split", chosen, "pass Lockstep() or Balanced(...)")
    return plan if isinstance(plan, Chain) else chain(plan), chosen


def checked_skip(steps: Any, *, is_dealing: bool) -> None:
    """Refuse what is no number of steps to pass over, and to pass over any in the middle of a pass."""
    steps = checked_int("steps", steps, at_least=1, fix="pass the number of steps to leave out")
    if is_dealing:
        raise BadArgument(
            "skip_steps", "be called between passes", "a pass under way", "load_state_dict(state_dict()) ends it"
        )


def checked_signals(signal: Any, ids: int) -> dict[str, npt.NDArray[np.float32]]:
    """What training observed, a finite number for each id and name; or the error that says what is wrong.

    A copy, as a loop may go on to change its own arrays. What is masked was not observed: NaN.
    """
    if not isinstance(signal, Mapping):
        return {LOSS: _checked_signal(signal, ids)}
    named = cast("Mapping[str, npt.ArrayLike]", signal)
    if not named:
        raise BadArgument("signal", "name a signal", named, 'write {"loss": losses}')
    return {str(name): _checked_signal(values, ids) for name, values in named.items()}


def _checked_signal(signal: npt.ArrayLike, ids: int) -> npt.NDArray[np.float32]:
    rule = f"have one number for each of {ids} ids"
    given: Any = signal
    if np.ma.isMaskedArray(signal):
        given = cast("Any", np.ma).getdata(signal)
    given = real_numbers("signal", given, rule=rule, fix="pass losses")
    with np.errstate(over="ignore"):  # what is too large for float32 is refused below
        values = given.astype(np.float32)
    if values.shape != (ids,):
        raise BadArgument("signal", rule, values.shape, "pass losses")
    mask: Any = cast("Any", np.ma).getmask(signal)
    is_masked = np.broadcast_to(np.asarray(mask, dtype=np.bool_), (ids,))
    bad = values[~(np.isfinite(values) | is_masked)]
    if bad.size:
        raise BadArgument("signal", "be finite", float(bad[0]), "skip steps that overflowed")
    values[is_masked] = np.nan
    return values
