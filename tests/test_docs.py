from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parent.parent


PAGES = [
    ("docs/guide.md", 20),
    ("docs/graphs.md", 16),
    ("docs/negatives.md", 30),
    ("docs/schedules.md", 40),
    ("docs/feedback.md", 80),
]


@pytest.mark.parametrize(("page", "examples"), PAGES)
def test_what_the_pages_show_is_what_happens(page: str, examples: int):
    failed, tried = doctest.testfile(str(ROOT / page), module_relative=False)
    assert tried > examples
    assert failed == 0


def test_the_eight_lines_of_the_readme_run(tmp_path: Path):
    """With a small dataset and workers that this process can start; the rest is as printed."""
    block = (ROOT / "README.md").read_text().split("```python")[1].split("```")[0]
    lengths = np.random.default_rng(0).integers(1, 2000, 300)
    names = {
        "token_counts": lengths,
        "dataset": [torch.zeros(1)] * 300,
        "model": torch.nn.Linear(1, 1),
        "path": tmp_path / "checkpoint.pt",
        "torch": torch,
    }
    exec(block.replace("num_workers=8", "num_workers=0"), names)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["data"]
    assert state["cursor"]["samples"] == 300
    names["loader"].load_state_dict(state)


def test_links_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "benchmarks/README.md"]:
        for target in [part.split(")")[0] for part in page.read_text().split("](")[1:]]:
            assert target.startswith("http") or (page.parent / target).exists(), f"{page.name}: {target}"
