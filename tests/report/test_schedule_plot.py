from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier import schedules
from croupier.report import plotting

PLAN = cr.TrainingPlan(cr.BatchSizeRamp([(0, 10), (100, 20)]), schedules.cosine(400, warmup=40, peak=1e-3))
TAKEN = [cr.TakenStep(samples, 10, float(PLAN(samples))) for samples in range(0, 200, 10)]


def test_planned_and_taken_are_drawn_for_each_quantity(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="the plot is an extra")
    from matplotlib.axes import Axes

    drawn = []
    step = Axes.step

    def noted(axes, samples, values, **look):
        drawn.append((look["label"], np.asarray(values).tolist()))
        return step(axes, samples, values, **look)

    monkeypatch.setattr(Axes, "step", noted)
    cr.compare_schedule(PLAN, TAKEN).plot(tmp_path / "taken.svg")
    assert [label for label, _ in drawn] == ["taken", "planned"] * 2
    assert drawn[0][1] == [10] * 20
    assert drawn[1][1] == [10] * 10 + [20] * 10
    assert drawn[2][1] == drawn[3][1] == [float(PLAN(samples)) for samples in range(0, 200, 10)]
    assert (tmp_path / "taken.svg").read_text().startswith("<?xml")


def test_a_plot_without_matplotlib_says_what_to_install(monkeypatch, tmp_path):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(plotting.importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r"pip install 'croupier\[plot\]'"):
        cr.compare_schedule(PLAN, TAKEN).plot(tmp_path / "taken.svg")
