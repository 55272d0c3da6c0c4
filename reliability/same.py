"""Trials: the same deals on every Python and NumPy, with kernels compiled or not, any threads, any start method."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reliability.findings import Finding, say

__all__ = ["findings", "interpreters", "start_methods", "switches"]

ROOT = Path(__file__).parent.parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
FREE_THREADED = ("3.13t", "3.14t", "3.15t")
LOWEST_NUMPY = {"3.11": "1.26.0", "3.12": "1.26.0", "3.13": "2.1.0", "3.14": "2.3.2"}
SWITCHES: dict[str, dict[str, str]] = {
    "compiled": {},
    "not compiled": {"CROUPIER_NUMBA": "0"},
    "one thread": {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    "eight threads": {"OMP_NUM_THREADS": "8", "NUMBA_NUM_THREADS": "8", "OPENBLAS_NUM_THREADS": "8"},
    "hashes of strings by another seed": {"PYTHONHASHSEED": "12345"},
    "another byte code": {"PYTHONOPTIMIZE": "2"},
}
START_METHODS = ("fork", "spawn", "forkserver")
INSTALL_SECONDS, RUN_SECONDS = 900, 600


def findings(*, nightly: bool, seed: int) -> Iterator[Finding]:
    """This interpreter under all switches; in the night every interpreter that is to be had, in environments anew."""
    del seed  # nothing here is drawn
    yield switches()
    yield start_methods()
    if nightly:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            yield interpreters(Path(folder))


def switches() -> Finding:
    """The golden files by this interpreter, kernels on and off, threads few and many."""
    return _finding("settings of this interpreter with equal deals", {
        name: _dealt(sys.executable, environment) for name, environment in SWITCHES.items()
    })  # fmt: skip


def start_methods() -> Finding:
    """Batches of a loader whose workers are started in each way, against no workers."""
    streams = {
        method: _run([sys.executable, "-m", "reliability.worker_deals", method], {})
        for method in ("none", *START_METHODS)
    }
    held = [method for method in START_METHODS if streams[method].get("hash") == streams["none"].get("hash", "none")]
    faults = [f"{name}: {stream['error']}" for name, stream in streams.items() if "error" in stream]
    return Finding("ways to start workers with equal batches", 3, len(held), {"equal": held}, tuple(faults))


def interpreters(folder: Path) -> Finding:
    """The golden files on each Python that is here, with the lowest and the newest NumPy that it takes."""
    results: dict[str, dict[str, Any]] = {}
    absent: list[str] = []
    for version in (*PYTHONS, *FREE_THREADED):
        python = _found(version)
        if python is None:
            absent.append(version)
            continue
        for which, numpy in (("lowest", f"numpy=={LOWEST_NUMPY.get(version, '2.3.2')}"), ("newest", "numpy")):
            name = f"{version}, {which} NumPy"
            home = folder / name.replace(", ", "-").replace(" ", "-")
            failure = _installed(python, home, numpy)
            binary = home / "bin" / "python"
            for switch in ("compiled", "not compiled"):
                results[f"{name}, {switch}"] = {"error": failure} if failure else _dealt(str(binary), SWITCHES[switch])
            shutil.rmtree(home, ignore_errors=True)
            say(f"  {name}: {failure or results[f'{name}, compiled'].get('hash', 'failed')}")
    found = _finding("Pythons and NumPys with equal deals", results)
    versions = sorted({f"Python {one['python']}, NumPy {one['numpy']}" for one in results.values() if "python" in one})
    return Finding(found.what, found.tried, found.held, {"ran": versions, "not to be had here": absent}, found.faults)


def _finding(what: str, results: Mapping[str, dict[str, Any]]) -> Finding:
    """Held is what has the hash of the first, and every golden file."""
    first = next((one["hash"] for one in results.values() if "hash" in one), None)
    faults = [
        f"{name}: {one.get('error') or one['unequal'] or 'columns differ'}"
        for name, one in results.items()
        if one.get("hash") != first or one.get("unequal")
    ]
    cases = max((one.get("equal", 0) for one in results.values()), default=0)
    return Finding(
        what, len(results), len(results) - len(faults), {"golden files": cases, "hash": first}, tuple(faults)
    )


def _dealt(python: str, environment: Mapping[str, str]) -> dict[str, Any]:
    return _run([python, "-m", "reliability.golden_deals"], environment)


def _run(command: list[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """What a process prints as JSON, or its error."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=RUN_SECONDS,
            check=False,
        )  # fmt: skip
        return json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return {"error": f"no end after {RUN_SECONDS} s"}
    except (IndexError, ValueError):
        return {"error": done.stderr.strip().splitlines()[-1:] or "printed nothing"}


def _found(version: str) -> str | None:
    """On the path, or where an environment variable says: ``CROUPIER_PYTHONS=/a/bin/python3.12:/b/bin/python3.13``."""
    named = [path for path in os.environ.get("CROUPIER_PYTHONS", "").split(":") if path.endswith(f"python{version}")]
    return named[0] if named else shutil.which(f"python{version}")


def _installed(python: str, home: Path, numpy: str) -> str | None:
    """Make an environment of the library, this NumPy and what it needs; the error, if it cannot be made."""
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    for command in (
        [python, "-m", "venv", str(home)],
        [*pip, numpy, "numba>=0.60", "--only-binary", ":all:"],
        [*pip, str(ROOT)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["failed"])[-1]
    return None
