from __future__ import annotations

import sys

import pytest

from croupier.report.negatives_plot import draw_audit

EXPOSURE = [(0.0, 0.0), (0.01, 0.4), (0.5, 1.0), (1.0, 1.0)]


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_it_draws_with_and_without_hardness(tmp_path, ending):
    draw_audit(EXPOSURE, None, tmp_path / f"one.{ending}")
    draw_audit(EXPOSURE, ([0.0, 0.5, 1.0], [3, 4], 0.1), tmp_path / f"two.{ending}")
    one, two = ((tmp_path / f"{name}.{ending}").stat().st_size for name in ("one", "two"))
    assert 5_000 < one < two


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"a plot needs matplotlib: pip install 'croupier\[plot\]'"):
        draw_audit(EXPOSURE, None, tmp_path / "audit.svg")
