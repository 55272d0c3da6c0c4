from __future__ import annotations

from croupier.core import progress
from croupier.core.progress import with_progress


def test_it_is_silent_at_first_and_then_counts(monkeypatch, capsys):
    clock = iter(range(0, 100, 3))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    assert list(with_progress("abc", 3, "counting")) == ["a", "b", "c"]
    shown = capsys.readouterr().err
    assert "croupier: counting:  67%, 3 s left" in shown
    assert "done in" in shown
    monkeypatch.undo()
    assert list(with_progress("abc", 3, "counting")) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""
