"""A plain ``.npy`` file, read once its header is one that NumPy writes and claims just what the file holds.

NumPy's own reader believes the header first: a few changed bytes make it raise what it will, warn, or reserve whatever
size they name.
"""

from __future__ import annotations

import ast
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.plain_json import listed

__all__ = ["open_array"]

MAGIC = b"\x93NUMPY\x01\x00"
MOST_DIMENSIONS = 32
_HEADER = re.compile(
    r"\{'descr': ([A-Za-z0-9_'<>|\[\](), ]{1,4000}), 'fortran_order': (True|False),"
    r" 'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18})?)\), \} *\n"
)
_PLAIN = re.compile(r"[<>|][biufcmMSUV]\d{1,9}(?:\[\w{1,9}\])?")


def open_array(path: Path) -> npt.NDArray[Any]:
    """Map the array of a file.

    Raises
    ------
    ValueError
        Another header than ``np.save`` writes, a dtype of objects or of no size, a file of another length than the
        header says.
    OSError
        No such file.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.npy"
    >>> np.save(path, np.arange(3))
    >>> open_array(path).tolist()
    [0, 1, 2]
    """
    with path.open("rb") as file:
        begin = file.read(len(MAGIC) + 2)
        if len(begin) < len(MAGIC) + 2 or not begin.startswith(MAGIC):
            raise ValueError(f"a file that begins with {begin!r}, not with {MAGIC!r}")
        length = int.from_bytes(begin[len(MAGIC) :], "little")
        said = _HEADER.fullmatch(file.read(length).decode("latin1"))
        if said is None:
            raise ValueError("a header that np.save does not write")
        dtype = _dtype_of(said[1])
        shape = tuple(int(size) for size in re.findall(r"\d+", said[3]))
        claimed = len(begin) + length + math.prod(shape) * dtype.itemsize
        held = os.fstat(file.fileno()).st_size
        if claimed != held or len(shape) > MOST_DIMENSIONS:
            raise ValueError(f"{held} bytes, where its header claims {claimed} of shape {shape}")
        layout = "F" if said[2] == "True" else "C"
        if 0 in shape:
            return np.empty(shape, dtype, layout)
        return np.memmap(file, dtype=dtype, mode="r", offset=len(begin) + length, shape=shape, order=layout)


def _dtype_of(text: str) -> np.dtype[Any]:
    try:
        said = ast.literal_eval(text)
        dtype = np.lib.format.descr_to_dtype(said) if _is_plain(said) else np.dtype(object)
    except (ValueError, TypeError, SyntaxError, KeyError, IndexError, OverflowError, RecursionError, MemoryError):
        raise ValueError(f"a dtype that is none, {text[:80]}") from None
    if dtype.hasobject or not dtype.itemsize:
        raise ValueError(f"items of {dtype}")
    return dtype


def _is_plain(said: Any) -> bool:
    """Whether it names kinds of numbers and texts, alone or in fields: not what NumPy also takes, and warns of."""
    if isinstance(said, str):
        return _PLAIN.fullmatch(said) is not None
    if not isinstance(said, list):
        return False
    fields = [listed(entry) for entry in listed(said)]
    return all(len(field) in (2, 3) and isinstance(field[0], str) and _is_plain(field[1]) for field in fields)
