"""Make the next pool while the present one is trained."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from croupier.errors import BadArgument

__all__ = ["double_buffered"]

Pool = TypeVar("Pool")

_END = object()


def double_buffered(pools: Iterable[Pool]) -> Iterator[Pool]:
    """The same pools, each made in a thread of its own while the one before is in use.

    Parameters
    ----------
    pools : iterable
        What makes them when asked, such as a generator: kernels and NumPy let go of the interpreter while they run, so
        that it really works beside the training.

    Guarantees: the same pools in the same order; while one is in use, one more is made and no other is begun; an error
    comes out where the pool that met it is asked for. Where the loop is left early, the pool in the making is waited
    for, ``pools`` is closed and the thread ends. The first pool is begun when it is asked for.

    Source: the collaboration of samplers and trainers in Zhu et al., "GraphVite" (WWW 2019).

    Examples
    --------
    >>> list(double_buffered(number**2 for number in range(4)))
    [0, 1, 4, 9]
    """
    if getattr(pools, "ndim", None) == 0 or not isinstance(pools, Iterable):
        raise BadArgument("pools", "be an iterable", pools, "pass a generator that makes one pool after another")
    return _ahead(pools)


def _ahead(pools: Iterable[Pool]) -> Generator[Pool, None, None]:
    source = iter(pools)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="next pool") as maker:
        try:
            coming = maker.submit(next, source, cast(Any, _END))
            while (pool := coming.result()) is not _END:
                coming = maker.submit(next, source, cast(Any, _END))
                yield pool
                del pool
        finally:
            # In the maker's thread, after the pool in the making: a generator cannot be closed while it runs.
            close = getattr(source, "close", None)
            if close is not None:
                maker.submit(close).result()
