from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from croupier.kernels.jit import Kernel, numba_is_on


def test_the_twin_runs_where_numba_is_off(monkeypatch: pytest.MonkeyPatch):
    kernel = Kernel(lambda values: values, lambda values: values + 1)
    monkeypatch.setenv("CROUPIER_NUMBA", "0")
    assert not numba_is_on()
    assert kernel(np.zeros(1)).tolist() == [1.0]
    monkeypatch.delenv("CROUPIER_NUMBA")
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert kernel(np.zeros(1)).tolist() == [1.0]


SHUFFLE = (
    "import numpy as np; from croupier.kernels.permutation import permute; print(permute(np.arange(5000), 5000, 1)[:3])"
)


@pytest.mark.parametrize("folder", ["/proc/no-such-folder", "/dev/null/below-a-file"])
def test_a_cache_folder_that_cannot_be_written_is_survived(folder: str):
    done = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", SHUFFLE],
            env={"NUMBA_CACHE_DIR": cache, "PATH": "", **extra},
            capture_output=True, text=True, check=False,
        )
        for cache, extra in ((folder, {}), ("", {"CROUPIER_NUMBA": "0"}))
    ]  # fmt: skip
    assert done[0].returncode == 0, done[0].stderr
    assert done[0].stdout == done[1].stdout


def test_importing_croupier_is_light():
    """Neither Numba nor torch nor any extra is loaded; the time is measured by a benchmark, not here."""
    loaded = (
        "import sys, croupier; print([m for m in ('numba', 'torch', 'rich', 'typer', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
