"""The commands, called with odd arguments and on odd files: each ends with a result, or a line and an exit status."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from croupier.cli import main
from reliability.call_outcomes import limits
from reliability.findings import Finding
from reliability.odd_values import HOSTILE_TEXTS

__all__ = ["Ran", "command_findings", "fault_of", "ran"]

NUMBERS = ("", "0", "-1", "nan", "inf", "1e3", "0x10", "9" * 400, str(2**63), str(2**64), "3.5", "True", "\u0663", " 3")
SECONDS = 10.0
LONGEST_ERROR = 2_000


class Ran:
    """What a command printed, and its exit status."""

    def __init__(self, status: int | str, out: str, error: str, escaped: str | None) -> None:
        self.status, self.out, self.error, self.escaped = status, out, error, escaped


def ran(*arguments: str) -> Ran:
    """Run a command in this process, as the installed script does."""
    out, error = io.StringIO(), io.StringIO()
    before, status, escaped = sys.argv, 0, None
    sys.argv = ["croupier", *arguments]
    try:
        with limits(SECONDS, 2**30), contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            main.run()
    except SystemExit as end:
        status = 0 if end.code is None else end.code
    except BaseException as raised:
        escaped = f"{type(raised).__name__}: {raised!s:.200}"
    finally:
        sys.argv = before
    return Ran(status, out.getvalue(), error.getvalue(), escaped)


def fault_of(found: Ran, *, must_fail: bool) -> str | None:
    """What is wrong with how a command ended."""
    if found.escaped is not None:
        return f"a traceback: {found.escaped!a}"
    if "Traceback" in found.error + found.out:
        return f"a traceback is printed: {found.error[-200:]!a}"
    if must_fail and found.status == 0:
        return f"it succeeds and prints {found.out[:120]!a}"
    if found.status != 0 and not (found.error + found.out).strip():
        return f"it ends with status {found.status} and says nothing"
    if len(found.error) > LONGEST_ERROR:
        return f"an error of {len(found.error)} characters"
    raw = sorted({one for one in found.out + found.error if not one.isprintable() and one != "\n"})
    return f"control characters are printed: {raw}" if raw else None


def command_findings() -> Iterator[Finding]:
    """One line for odd options, one for odd files."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chdir(folder)
        try:
            np.save("lengths.npy", np.arange(1, 65))
            yield _finding("odd options of commands", _options())
            yield _finding("odd files given to commands", _files(Path(folder)))
        finally:
            os.chdir(here)


def _finding(what: str, tried: Iterator[tuple[tuple[str, ...], bool]]) -> Finding:
    faults: list[str] = []
    count = refused = 0
    for arguments, must_fail in tried:
        found = ran(*arguments)
        count += 1
        refused += found.status != 0
        fault = fault_of(found, must_fail=must_fail)
        if fault is not None:
            faults.append(f"croupier {' '.join(arguments)!a:.120}: {fault}")
    return Finding(what, count, count - len(faults), {"refused": refused, "done": count - refused}, tuple(faults))


def _options() -> Iterator[tuple[tuple[str, ...], bool]]:
    yield (), False
    yield ("--help",), False
    yield ("nothing",), True
    valid = ("preview", "lengths.npy", "--max-tokens", "128")
    yield valid, False
    for option in ("--world-size", "--seed", "--buckets", "--temperature"):
        for number in NUMBERS:
            yield (*valid, option, number), False
    for option in ("--max-tokens", "--batch-size"):
        for number in NUMBERS:
            yield ("preview", "lengths.npy", option, number), False
    for number in NUMBERS:
        yield ("dial", "lengths.npy", "--max-tokens", number), False
        yield ("demo", "--texts", number), True
    for text in HOSTILE_TEXTS.values():
        with contextlib.suppress(UnicodeEncodeError, ValueError):
            os.fsencode(text)
            if "\0" not in text:
                yield (*valid, "--length", text), False
                yield (*valid, "--source", text), True
                yield ("dial", "lengths.npy", "--max-tokens", "128", "--plot", text), False  # with a suffix it is one
                yield (text[:1000],), True
                yield ("preview", text, "--max-tokens", "128"), True


def _files(folder: Path) -> Iterator[tuple[tuple[str, ...], bool]]:
    for name, write in FILES.items():
        path = folder / name
        write(path)
        yield ("preview", name, "--max-tokens", "128"), True
        yield ("dial", name, "--max-tokens", "128"), True
    yield ("demo", "--folder", "lengths.npy", "--texts", "500"), True


def _junk(text: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(text)


def _npy_header(rows: str) -> bytes:
    """A file that says that so many rows follow, and ends."""
    text = f"{{'descr': '<i8', 'fortran_order': False, 'shape': ({rows},), }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def _array(values: object) -> Callable[[Path], None]:
    return lambda path: np.save(path, np.asarray(values))


def _pickled(path: Path) -> None:
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)


def _parquet(columns: dict[str, object]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.table(columns), path)

    return write


FILES: dict[str, Callable[[Path], object]] = {
    "missing.npy": lambda _: None,
    "missing.parquet": lambda _: None,
    "folder.npy": lambda path: path.mkdir(),
    "folder.parquet": lambda path: path.mkdir(),
    "loop.npy": lambda path: path.symlink_to(path),
    "empty.npy": _junk(b""),
    "empty.parquet": _junk(b""),
    "binary.npy": _junk(bytes(range(256)) * 8),
    "binary.parquet": _junk(bytes(range(256)) * 8),
    "cut.npy": _junk(_npy_header("9999999")),
    "huge.npy": _junk(_npy_header("1" + "0" * 18)),
    "line.csv": _junk(b"1," * 500_000),
    "lengths.txt": _junk(b"1\n2\n"),
    "pickled.npy": _pickled,
    "floats.npy": _array([0.5, 1.5]),
    "nan.npy": _array([1.0, np.nan]),
    "negative.npy": _array([-1, 2]),
    "scalar.npy": _array(3),
    "flat.npy": _array([[1, 2], [3, 4]]),
    "none.npy": _array(np.empty(0, np.int64)),
    "text.npy": _array(["a", "b"]),
    "dates.npy": _array(np.array(["2020-01-01"], "datetime64[s]")),
    "complex.npy": _array([1j]),
    "structured.npy": _array(np.zeros(3, [("a", "i4")])),
    "large.npy": _array(np.full(3, 2**64 - 1, np.uint64)),
    "no-column.parquet": _parquet({"tokens": [1, 2]}),
    "nulls.parquet": _parquet({"length": [1, None]}),
    "lists.parquet": _parquet({"length": [[1], [2, 3]]}),
    "rows.parquet": _parquet({"length": []}),
    "hostile.parquet": _parquet({"\x1b[31mlength": [1, 2]}),
}
