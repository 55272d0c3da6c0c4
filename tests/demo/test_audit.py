"""The audit believes nothing but the logs, and sees each way in which they could be wrong."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from croupier.demo.audit import audit


def written(folder, generations):
    """generations[g][rank] = (begins, [(step, ids), ...])."""
    for generation, ranks in enumerate(generations):
        for rank, (begins, steps) in enumerate(ranks):
            lines = [{"begins_after_step": begins, "world_size": len(ranks)}]
            lines += [{"step": step, "ids": ids, "is_padding": False} for step, ids in steps]
            text = "".join(json.dumps(line) + "\n" for line in lines)
            (folder / f"log-{generation}-{rank}.jsonl").write_text(text)
    return folder


KILLED = [(0, [(1, [0]), (2, [2]), (3, [4])]), (0, [(1, [1]), (2, [3])])]
RESUMED = [(2, [(3, [4])]), (2, [(3, [5])])]


def test_steps_after_the_checkpoint_were_lost_and_count_when_dealt_again(tmp_path):
    found = audit(written(tmp_path, [KILLED, RESUMED]), 6)
    assert found["exactly_once"]
    assert found["ranks_agree"]
    assert found["dealt_again_after_the_kill"] == 1
    assert found["world_sizes"] == [2, 2]


@pytest.mark.parametrize(
    ("resumed", "what"),
    [
        ([(2, [(3, [4])])], "missing"),
        ([(2, [(3, [4])]), (2, [(3, [3])])], "repeated"),
        ([(1, [(2, [4])]), (1, [(2, [5])])], "missing"),
    ],
)
def test_a_missing_or_repeated_id_is_found(tmp_path, resumed, what):
    found = audit(written(tmp_path, [KILLED, resumed]), 6)
    assert not found["exactly_once"]
    assert found[what] > 0


def test_a_line_cut_off_by_the_kill_is_passed_over_and_another_is_not(tmp_path):
    folder = written(tmp_path, [KILLED, RESUMED])
    log = folder / "log-0-1.jsonl"
    whole = log.read_text()
    log.write_text(whole + '{"step": 3, "ids": [5')
    assert audit(folder, 6)["exactly_once"]
    log.write_text('{"step": 3, "ids": [5\n' + whole)
    with pytest.raises(ValueError, match="Expecting"):
        audit(folder, 6)


def test_it_runs_as_a_process_of_its_own(tmp_path):
    folder = written(tmp_path, [KILLED, RESUMED])
    command = [sys.executable, "-m", "croupier.demo.audit", str(folder), "6"]
    assert json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["exactly_once"]
