from __future__ import annotations

import sys

import pytest

from croupier.report.dial_plot import draw_dial

POINTS = [
    ("windows", "windows of 8", 0.2, 2.0, True),
    ("windows", "windows of 16", 0.0, 4.0, True),
    ("b", "b", 0.3, 3.0, False),
]


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_it_draws_no_padding_too(tmp_path, ending):
    draw_dial(POINTS, tmp_path / f"dial.{ending}")
    assert (tmp_path / f"dial.{ending}").stat().st_size > 5_000


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"a plot needs matplotlib: pip install 'croupier\[plot\]'"):
        draw_dial(POINTS, tmp_path / "dial.svg")
