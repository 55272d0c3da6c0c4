"""Compile a loop with Numba on its first call; fall back to its NumPy twin where Numba is off.

This is the only file that imports numba, and it does so late: ``import croupier`` stays light.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar

__all__ = ["Kernel", "numba_is_on"]

P = ParamSpec("P")
R = TypeVar("R")

_OFF = {"0", "false", "off", "no"}


def numba_is_on() -> bool:
    """Say whether kernels run compiled: ``CROUPIER_NUMBA=0`` or ``NUMBA_DISABLE_JIT=1`` switch it off."""
    if os.environ.get("CROUPIER_NUMBA", "1").lower() in _OFF:
        return False
    return os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")


class Kernel(Generic[P, R]):
    """A function on arrays with two forms that give bit-identical results.

    Parameters
    ----------
    loop : callable
        Scalar loops over arrays, in the subset of Python that Numba compiles (no fastmath, so replay is exact).
    twin : callable
        The same function in NumPy; the oracle in tests, and the form used where Numba is off or missing.
    """

    def __init__(self, loop: Callable[P, R], twin: Callable[P, R]) -> None:
        self.loop = loop
        self.twin = twin
        self._compiled: Callable[P, R] | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run compiled, or run the twin."""
        if not numba_is_on():
            return self.twin(*args, **kwargs)
        if self._compiled is None:
            self._compiled = _compile(self.loop, cache=True) or self.twin
        try:
            return self._compiled(*args, **kwargs)
        except OSError:
            # The cache folder exists but cannot be written or read: compile in memory instead.
            self._compiled = _compile(self.loop, cache=False) or self.twin
            return self._compiled(*args, **kwargs)


def _compile(loop: Callable[P, R], *, cache: bool) -> Callable[P, R] | None:
    try:
        numba: Any = importlib.import_module("numba")
    except ImportError:
        return None
    function = _with_compiled_helpers(loop, numba)
    if cache:
        try:
            return numba.njit(cache=True, nogil=True)(function)
        except (RuntimeError, OSError):
            pass  # numba found no folder it may write its cache to; compiling again each run is all we lose
    return numba.njit(nogil=True)(function)


def _with_compiled_helpers(function: Any, numba: Any) -> Any:
    """Copy ``function`` so that the kernel helpers it calls are compiled ones; the module keeps the plain ones."""
    helpers: dict[str, Any] = {}
    for name in function.__code__.co_names:
        helper = function.__globals__.get(name)
        if isinstance(helper, FunctionType) and helper.__module__.startswith("croupier.kernels"):
            helpers[name] = numba.njit(nogil=True)(_with_compiled_helpers(helper, numba))
    if not helpers:
        return function
    copy = FunctionType(
        function.__code__, {**function.__globals__, **helpers}, function.__name__, function.__defaults__
    )
    copy.__qualname__ = function.__qualname__
    copy.__module__ = function.__module__
    return copy
