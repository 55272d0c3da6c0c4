"""What people pass by mistake, and what means the same as a plain value but looks otherwise."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["HOSTILE_TEXTS", "NO_PANDAS", "POOL", "Odd", "same_as"]

HOSTILE_TEXTS = {
    "rtl mark": "\u202egnp.exe",
    "nul": "a\0b",
    "surrogate": "\ud800",
    "newline": "two\nlines",
    "carriage return": "over\rwritten",
    "terminal escape": "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "eight-bit escape": "\x9b31m",
    "script": "<script>alert(1)</script>",
    "markup": "[/bold] [red]",
    "mathtext": r"$\frac{$",
    "percent": "%s%n{0}{name!r}",
    "dots": "../../up",
    "slash": "a/b",
    "device": "/dev/null/inside",
    "spaces": "   ",
    "quotes": "'\"`",
    "long": "x" * 100_000,
    "combining": "e" + "\u0301" * 50,
}


@dataclass(frozen=True)
class Odd:
    """A value, made anew each time; ``plain`` makes what says the same in plain Python, where anything does."""

    name: str
    make: Callable[[], Any]
    plain: Callable[[], Any] | None = None


class Refusing:
    """An object without any talent, whose repr fails too."""

    def __repr__(self) -> str:
        raise ValueError("no repr")

    def __bool__(self) -> bool:
        raise ValueError("no truth value")


def _pool() -> Iterator[Odd]:
    yield Odd("None", lambda: None)
    for value in (True, False, 0, -1, 1, 7, 2**31, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 10**30):
        yield Odd(f"{type(value).__name__} {value}", lambda value=value: value)
    yield Odd("int 10**5000", lambda: 10**5000)
    yield Odd("int -10**400", lambda: -(10**400))
    for number in (0.5, 1.0, 1.5, -0.0, -2.5, 1e-320, 1e308, 1e18, math.nan, math.inf, -math.inf):
        yield Odd(f"float {number}", lambda number=number: number)
    yield Odd("Fraction", lambda: Fraction(1, 3))
    yield Odd("complex", lambda: 1 + 2j)
    for kind in "bhilBHIL":
        dtype = np.dtype(kind)
        yield Odd(f"scalar {dtype} 3", lambda dtype=dtype: dtype.type(3), lambda: 3)
    for kind in ("float16", "float32", "float64", "longdouble"):
        dtype = np.dtype(kind)
        yield Odd(f"scalar {kind} 0.5", lambda dtype=dtype: dtype.type(0.5), lambda: 0.5)
    yield Odd("scalar float32 nan", lambda: np.float32("nan"))
    yield Odd("scalar bool", lambda: np.True_, lambda: True)
    yield Odd("scalar str", lambda: np.str_("length"), lambda: "length")
    yield Odd("scalar bytes", lambda: np.bytes_(b"length"))
    yield Odd("scalar date", lambda: np.datetime64("2020-01-01"))
    yield Odd("scalar complex", lambda: np.complex128(1))
    yield from (Odd(f"text {name}", lambda text=text: text) for name, text in HOSTILE_TEXTS.items())
    for text in ("", "3", "0.5", "nan", "length", "is_padding", "ids", "self"):
        yield Odd(f"text {text!r}", lambda text=text: text)
    yield from _objects()
    yield from _arrays()
    yield from _of_torch()
    yield from _of_arrow()
    yield from _of_pandas()


def _objects() -> Iterator[Odd]:
    yield Odd("bytes", lambda: b"abc")
    yield Odd("bytearray", lambda: bytearray(b"abc"))
    yield Odd("memoryview", lambda: memoryview(b"abc"))
    yield Odd("path up", lambda: Path("../../up"))
    for name, empty in (("list", list), ("tuple", tuple), ("dict", dict), ("set", set), ("range", lambda: range(0))):
        yield Odd(f"empty {name}", empty)
    yield Odd("list of int", lambda: [3, 1, 2], lambda: [3, 1, 2])
    yield Odd("list of float", lambda: [0.5, 1.5])
    yield Odd("list of None", lambda: [None, None])
    yield Odd("list of text", lambda: ["a", "b"])
    yield Odd("list of nan", lambda: [math.nan] * 3)
    yield Odd("list of bool", lambda: [True, False, True])
    yield Odd("list of huge", lambda: [10**30, 1])
    yield Odd("list of negative", lambda: [-1, 0])
    yield Odd("ragged list", lambda: [[1], [2, 3]])
    yield Odd("mixed list", lambda: [1, "a", None])
    yield Odd("pair of hostile", lambda: (("\x1b[0m", 1), ("b", 2)))
    yield Odd("nested list", lambda: functools.reduce(lambda inner, _: [inner], range(200), 1))
    yield Odd("long list", lambda: list(range(200_000)))
    yield Odd("cyclic list", _cyclic)
    yield Odd("dict", lambda: {"a": 1})
    yield Odd("dict of numbers", lambda: {1: None})
    yield Odd("set", lambda: {1, 2})
    yield Odd("generator", lambda: (value for value in (1, 2)))
    yield Odd("range", lambda: range(3), lambda: [0, 1, 2])
    yield Odd("range down", lambda: range(5, 0, -2), lambda: [5, 3, 1])
    yield Odd("range far", lambda: range(10**15))
    yield Odd("object", object)
    yield Odd("object without repr", Refusing)
    yield Odd("class", lambda: Refusing)
    yield Odd("int class", lambda: int)
    yield Odd("lambda", lambda: lambda *_, **__: 1)
    yield Odd("slice", lambda: slice(1, 2))
    yield Odd("error", lambda: ValueError("\x1b[31m"))


def _cyclic() -> list[Any]:
    inner: list[Any] = []
    inner.append(inner)
    return inner


def _arrays() -> Iterator[Odd]:
    ints = np.array([3, 1, 2])
    yield Odd("array 0-d", lambda: np.array(3), lambda: 3)
    yield Odd("array 0-d float", lambda: np.array(0.5), lambda: 0.5)
    yield Odd("array of one", lambda: np.array([3]), lambda: [3])
    yield Odd("array 2-d", lambda: np.arange(6).reshape(2, 3))
    yield Odd("array empty", lambda: np.empty(0))
    yield Odd("array empty int", lambda: np.empty(0, np.int64), lambda: [])
    yield Odd("array empty 2-d", lambda: np.empty((0, 3)))
    yield Odd("array strided", lambda: np.repeat(ints, 2)[::2], ints.tolist)
    yield Odd("array reversed", lambda: ints[::-1], ints[::-1].tolist)
    yield Odd("array read-only", lambda: np.frombuffer(ints.tobytes(), ints.dtype), ints.tolist)
    yield Odd("array big-endian", lambda: ints.astype(">i4"), ints.tolist)
    yield Odd("array of int8", lambda: ints.astype(np.int8), ints.tolist)
    yield Odd("array of uint64", lambda: ints.astype(np.uint64), ints.tolist)
    yield Odd("array masked", lambda: np.ma.masked_array(ints, [False, True, False]))
    yield Odd("array of objects", lambda: np.array([1, None, "a"], object))
    yield Odd("array of int objects", lambda: ints.astype(object), ints.tolist)
    yield Odd("array of dates", lambda: np.array(["2020-01-01", "NaT"], "datetime64[s]"))
    yield Odd("array of spans", lambda: np.array([1, 2, 3], "timedelta64[s]"))
    yield Odd("array complex", lambda: ints + 1j)
    yield Odd("array structured", lambda: np.zeros(3, [("a", "i4"), ("b", "f4")]))
    yield Odd("array record", lambda: np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")]))
    yield Odd("array of 2**64 - 1", lambda: np.full(3, 2**64 - 1, np.uint64), lambda: [2**64 - 1] * 3)
    yield Odd("array of least", lambda: np.full(3, -(2**63)), lambda: [-(2**63)] * 3)
    yield Odd("array of nan", lambda: np.full(3, np.nan), lambda: [math.nan] * 3)
    yield Odd("array of inf", lambda: np.array([1.0, np.inf, -np.inf]), lambda: [1.0, math.inf, -math.inf])
    yield Odd("array of half", lambda: np.array([0.5, 1.5], np.float16), lambda: [0.5, 1.5])
    yield Odd("array of text", lambda: np.array(["a", "\x1b[0m"]))
    yield Odd("array of bytes", lambda: np.array([b"a", b"b"]))
    yield Odd("array of bool", lambda: np.array([True, False, True]), lambda: [True, False, True])
    yield Odd("matrix", lambda: np.array([[1, 2], [3, 4]]).view(_Sub))


class _Sub(np.ndarray):
    """A subclass with no behaviour of its own."""


def _of_torch() -> Iterator[Odd]:
    try:
        import torch
    except ImportError:
        return
    yield Odd("tensor", lambda: torch.tensor([3, 1, 2]), lambda: [3, 1, 2])
    yield Odd("tensor 0-d", lambda: torch.tensor(3), lambda: 3)
    yield Odd("tensor bool", lambda: torch.tensor(True))
    yield Odd("tensor empty", lambda: torch.empty(0))
    yield Odd("tensor 2-d", lambda: torch.ones(2, 3))
    yield Odd("tensor bfloat16", lambda: torch.tensor([0.5, 1.5], dtype=torch.bfloat16))
    yield Odd("tensor half", lambda: torch.tensor([0.5, 1.5], dtype=torch.float16))
    yield Odd("tensor with gradient", lambda: torch.ones(3, requires_grad=True))
    yield Odd("tensor sparse", lambda: torch.eye(3).to_sparse())
    yield Odd("tensor of nan", lambda: torch.full((3,), math.nan))
    yield Odd("tensor complex", lambda: torch.ones(3, dtype=torch.complex64))
    yield Odd("tensor meta", lambda: torch.ones(3, device="meta"))
    yield Odd("tensor bool 1-d", lambda: torch.tensor([True, False, True]))


def _of_arrow() -> Iterator[Odd]:
    try:
        import pyarrow as pa
    except ImportError:
        return
    yield Odd("arrow", lambda: pa.array([3, 1, 2]), lambda: [3, 1, 2])
    yield Odd("arrow with nulls", lambda: pa.array([3, None, 2]))
    yield Odd("arrow chunked", lambda: pa.chunked_array([[3], [1, 2]]), lambda: [3, 1, 2])
    yield Odd("arrow chunked nulls", lambda: pa.chunked_array([[3], [None, 2]]))
    yield Odd("arrow lists", lambda: pa.array([[1], [2, 3]]))
    yield Odd("arrow text", lambda: pa.array(["a", "\x1b[0m"]))
    yield Odd("arrow dictionary", lambda: pa.array(["a", "b", "a"]).dictionary_encode())
    yield Odd("arrow null type", lambda: pa.nulls(3))
    yield Odd("arrow decimal", lambda: pa.array([1, 2, 3], pa.decimal128(5, 2)))
    yield Odd("arrow scalar", lambda: pa.scalar(3))


NO_PANDAS = "pandas is not installed: its series and extension arrays were not tried"


def _of_pandas() -> Iterator[Odd]:
    try:
        import pandas as pd
    except ImportError:
        return
    yield Odd("series", lambda: pd.Series([3, 1, 2], index=[9, 8, 7]), lambda: [3, 1, 2])
    yield Odd("series Int64", lambda: pd.Series([3, 1, 2], dtype="Int64"), lambda: [3, 1, 2])
    yield Odd("series Int64 NA", lambda: pd.Series([3, None, 2], dtype="Int64"))
    yield Odd("series categorical", lambda: pd.Series(["a", "b", "a"], dtype="category"))
    yield Odd("series string", lambda: pd.Series(["a", None, "b"], dtype="string"))
    yield Odd("series dates", lambda: pd.Series(pd.to_datetime(["2020-01-01", None])))
    yield Odd("array Int64 NA", lambda: pd.array([1, None, 2], dtype="Int64"))
    yield Odd("array boolean NA", lambda: pd.array([True, None, False], dtype="boolean"))
    yield Odd("frame", lambda: pd.DataFrame({"a": [1, 2]}))
    yield Odd("NA", lambda: pd.NA)
    yield Odd("NaT", lambda: pd.NaT)


POOL: tuple[Odd, ...] = tuple(_pool())


def same_as(value: Any) -> Iterator[Odd]:
    """Other forms of a value that is valid: taken, they must do what the value does; else they are refused."""
    if isinstance(value, bool):
        yield Odd("as numpy bool", lambda: np.bool_(value))
    elif isinstance(value, int) and 0 <= value < 2**31:
        for dtype in (np.int8, np.uint8, np.uint16, np.int32, np.uint64):
            if value <= np.iinfo(dtype).max:
                yield Odd(f"as {dtype.__name__}", lambda dtype=dtype: dtype(value))
        yield Odd("as 0-d array", lambda: np.array(value))
        yield Odd("as float", lambda: float(value))
    elif isinstance(value, float):
        yield Odd("as float64", lambda: np.float64(value))
        if float(np.float32(value)) == value:
            yield Odd("as float32", lambda: np.float32(value))
        yield Odd("as 0-d array", lambda: np.array(value))
    elif isinstance(value, str):
        yield Odd("as numpy str", lambda: np.str_(value))
    elif isinstance(value, Path):
        yield Odd("as text", lambda: str(value))
    elif isinstance(value, (list, tuple, range)) and _is_numeric(value):
        yield from _same_array(np.array(value), is_array=False)
    elif isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        yield from _same_array(value, is_array=True)


def _same_array(values: np.ndarray, *, is_array: bool) -> Iterator[Odd]:
    yield Odd("as list", values.tolist)
    yield Odd("as tuple", lambda: tuple(values.tolist()))
    yield Odd("as big-endian", lambda: values.astype(values.dtype.newbyteorder(">")))
    yield Odd("as strided", lambda: np.repeat(values, 2, axis=0)[::2])
    yield Odd("as read-only", lambda: np.frombuffer(values.tobytes(), values.dtype).reshape(values.shape))
    yield Odd("as Fortran", lambda: np.asfortranarray(values))
    yield Odd("as subclass", lambda: values.copy().view(_Sub))
    yield Odd("as unmasked", lambda: np.ma.masked_array(values, False))
    if values.dtype.kind in "iu" and (not values.size or 0 <= values.min() <= values.max() < 100):
        yield Odd("as uint8", lambda: values.astype(np.uint8))
        yield Odd("as uint64", lambda: values.astype(np.uint64))
    if values.ndim == 1:
        yield from (
            Odd(f"as {odd.name}", functools.partial(_of_other_library, odd.name, values))
            for odd in POOL
            if odd.name in ("arrow", "arrow chunked", "tensor", "series", "series Int64")
            and (odd.name != "series Int64" or values.dtype.kind in "iu")
        )
    if not is_array:
        yield Odd("as array", lambda: values)


def _of_other_library(name: str, values: np.ndarray) -> Any:
    if name == "tensor":
        import torch

        return torch.tensor(values)
    if name.startswith("arrow"):
        import pyarrow as pa

        half = values.size // 2
        return pa.array(values) if name == "arrow" else pa.chunked_array([values[:half], values[half:]])
    import pandas as pd

    return pd.Series(values, dtype="Int64" if "Int64" in name else None)


def _is_numeric(values: Any) -> bool:
    try:
        return len(values) > 0 and np.asarray(values).dtype.kind in "biuf"
    except (TypeError, ValueError):
        return False
