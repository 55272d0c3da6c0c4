"""One rank decides, all do the same: floats that differ in their last bits cannot fork a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
import torch.distributed as dist

from croupier.errors import BadArgument
from croupier.torch.distributed import place_in_world
from croupier.torch.global_means import device_of_collective

__all__ = ["agreed_integer", "agreed_integers"]


def agreed_integer(decide: Callable[[], int], *, group: Any = None) -> int:
    """The integer that the first rank decides, on every rank.

    Numbers that are averaged over ranks need not be the same bits everywhere, and a comparison makes a last bit a
    decision: another number of micro-batches on one rank, and the next exchange of gradients never ends.

    Parameters
    ----------
    decide : callable without arguments
        Called on the first rank of the group alone: it must not communicate.
    group : ProcessGroup, optional
        The ranks that go on together; by default all.

    Collective: every rank of the group calls it. Without torch.distributed there is one rank.

    Raises
    ------
    RuntimeError
        On the other ranks, where ``decide`` raises an error on the first.

    Examples
    --------
    >>> agreed_integer(lambda: 640)
    640
    """
    _check_callable(decide)
    return agreed_integers(lambda: [decide()], group=group)[0]


def agreed_integers(decide: Callable[[], Sequence[int]], *, group: Any = None) -> tuple[int, ...]:
    """Several integers that the first rank decides, as :func:`agreed_integer` does for one.

    Examples
    --------
    >>> import croupier as cr
    >>> controller = cr.BatchSizeController(cr.NoiseScale(), quantum=8, most=64)
    >>> cr.HeldSize(*agreed_integers(lambda: controller.decide(None, cr.HeldSize(16))))
    HeldSize(size=16, samples=16, untested_steps=1)
    """
    _check_callable(decide)
    if not place_in_world(None, None).is_distributed:
        return _checked(decide())
    mine: tuple[int, ...] = ()
    error: Exception | None = None
    is_first = dist.get_rank(group) == 0
    if is_first:
        try:
            mine = _checked(decide())
        except Exception as raised:  # whatever it is, the other ranks wait to hear of it
            error = raised
    count = _from_first([-1 if error is not None else len(mine)], group)[0]
    if error is not None:
        raise error
    if count < 0:
        raise RuntimeError("agreed_integers: the first rank failed to decide; see its error")
    return tuple(_from_first(list(mine) if is_first else [0] * count, group))


def _check_callable(decide: Any) -> None:
    if not callable(decide):
        raise BadArgument("decide", "be a function without arguments", decide, "write lambda: controller.size, say")


def _from_first(values: list[int], group: Any) -> list[int]:
    device = device_of_collective(torch.device("cpu"), cast(Any, dist).get_backend_config(group))
    sent = torch.tensor(values, dtype=torch.int64, device=device)
    cast(Any, dist).broadcast(sent, src=0 if group is None else dist.get_global_rank(group, 0), group=group)
    return [int(value) for value in sent]


def _checked(values: Sequence[int]) -> tuple[int, ...]:
    if not isinstance(values, (list, tuple)):
        raise BadArgument("decide", "return a list of whole numbers", values, "put one into brackets")
    for value in values:
        if type(value) is not int or not -(2**63) <= value < 2**63:
            raise BadArgument("decide", "return whole numbers", value, "round before ranks are to agree")
    return tuple(values)
