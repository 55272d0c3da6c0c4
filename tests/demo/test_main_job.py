from __future__ import annotations

import json

import pytest

from croupier.demo.main_job import run


@pytest.mark.slow
def test_the_main_job_holds_its_promises_and_writes_them_down(tmp_path):
    assert run(tmp_path, texts=1000)
    report = json.loads((tmp_path / "report.json").read_text())
    plain, hf, ours = report["plans"].values()
    assert ours["trained"]["padding"] < hf["trained"]["padding"] < plain["trained"]["padding"]
    for plan in report["plans"].values():
        assert abs(plan["trained"]["padding"] - plan["previewed"]["padding"]) < 1e-9, "said before, seen after"
    assert len({plan["trained"]["examples"] for plan in report["plans"].values()}) == 1
    assert report["interruption"]["audit"]["exactly_once"]
    assert "each id exactly once" in (tmp_path / "report.md").read_text()
