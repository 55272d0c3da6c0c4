"""Measure seconds and added memory in a process of its own: ``python -m benchmarks.child module:function '[args]'``.

The function prepares (imports, loads kernels) and returns the work; only the work is measured.
"""

from __future__ import annotations

import gc
import importlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOT_INSTALLED = 3
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Cost:
    """What one piece of work took."""

    seconds: float
    added_mb: float
    peak_mb: float
    """Of the whole process, what it had loaded before included."""


def in_child(prepare: Callable[..., Callable[[], object]], *arguments: int) -> Cost:
    """The cost of ``prepare(*arguments)()`` in a new process."""
    target = f"{prepare.__module__}:{prepare.__qualname__}"
    command = [sys.executable, "-m", "benchmarks.child", target, json.dumps(arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == NOT_INSTALLED:
        raise ImportError(done.stderr.strip())
    if done.returncode:
        raise RuntimeError(f"{target} failed:\n{done.stderr}")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def measure(work: Callable[[], object]) -> Cost:
    """Seconds of the work, and by how much it raised the peak of resident memory."""
    gc.collect()
    before = _start_of_peak_kb()
    start = time.perf_counter()
    kept = work()
    taken = time.perf_counter() - start
    peak = _peak_kb()
    del kept
    return Cost(taken, max(0, peak - before) / 1e3, peak / 1e3)


def _start_of_peak_kb() -> int:
    # The peak of the imports would hide what the work adds, so Linux is asked to forget it.
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _peak_kb()
    return _status_kb("VmRSS")


def _peak_kb() -> int:
    # Not ru_maxrss where there is better: after a fork it begins at the size of the parent.
    if STATUS.exists():
        return _status_kb("VmHWM")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


def _status_kb(field: str) -> int:
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def main(target: str, arguments: str) -> int:
    module, function = target.split(":")
    try:
        work = getattr(importlib.import_module(module), function)(*json.loads(arguments))
    except ImportError as missing:
        sys.stderr.write(str(missing))
        return NOT_INSTALLED
    print(json.dumps(asdict(measure(work))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
