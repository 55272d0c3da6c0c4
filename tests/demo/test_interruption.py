from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from croupier.demo import interruption
from croupier.demo.interruption import interrupt_and_resume


def test_a_killed_rank_and_another_number_of_ranks_deal_each_id_once(tmp_path, monkeypatch, library):
    monkeypatch.chdir(tmp_path)  # the folder is a relative one by default
    corpus = library.take(np.arange(1200))
    said = []
    done = interrupt_and_resume(Path("here"), corpus, 1024, ranks=(2, 1), tick=said.append)
    assert done.audit["exactly_once"], done.audit
    assert done.audit["ranks_agree"]
    assert done.audit["world_sizes"] == [2, 1]
    assert done.audit["dealt_again_after_the_kill"] > 0
    assert len(said) == 3


def test_ranks_that_fail_are_not_waited_for(tmp_path, monkeypatch, library):
    monkeypatch.setattr(
        interruption, "_start", lambda *_: [subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])]
    )
    with pytest.raises(RuntimeError, match=r"no rank came to step \d+; see .*errors.txt"):
        interrupt_and_resume(tmp_path, library.take(np.arange(1200)), 1024, tick=lambda _: None)


def test_a_training_too_short_to_be_killed_says_so(tmp_path, library):
    with pytest.raises(RuntimeError, match="steps is too short to be interrupted in the middle; use more texts"):
        interrupt_and_resume(tmp_path, library.take(np.arange(60)), 1024, ranks=(1, 1), tick=lambda _: None)
