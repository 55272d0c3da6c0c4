from __future__ import annotations

import doctest
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("page", ["docs/guide.md"])
def test_what_the_pages_show_is_what_happens(page: str):
    failed, tried = doctest.testfile(str(ROOT / page), module_relative=False)
    assert tried > 20
    assert failed == 0


def test_links_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "benchmarks/README.md"]:
        for target in [part.split(")")[0] for part in page.read_text().split("](")[1:]]:
            assert target.startswith("http") or (page.parent / target).exists(), f"{page.name}: {target}"
