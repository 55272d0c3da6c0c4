from __future__ import annotations

import importlib

import pytest

from croupier.errors import BadArgument
from croupier.report.plotting import new_figure, write_figure


def test_a_figure_is_written(tmp_path):
    figure = new_figure(3, 2)
    figure.subplots().plot([1, 2], [2, 1])
    write_figure(figure, tmp_path / "plot.svg")
    assert "<svg" in (tmp_path / "plot.svg").read_text()


def test_a_path_of_no_format_is_refused(tmp_path):
    with pytest.raises(BadArgument, match=r"path must end in a format that Matplotlib writes, got .*txt"):
        write_figure(new_figure(1, 1), tmp_path / "plot.txt")
    with pytest.raises(BadArgument, match=r"path must be a path, got 3"):
        write_figure(new_figure(1, 1), 3)


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r"a plot needs matplotlib: pip install 'croupier\[plot\]'"):
        new_figure(1, 1)
