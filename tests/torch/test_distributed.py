"""Real gloo processes: place, agreement, feedback."""

from __future__ import annotations

import numpy as np
import pytest

from croupier.errors import BadArgument
from croupier.torch.distributed import place_in_world
from torch_children import deal_with_different_seeds, deal_with_feedback, spawn


def test_two_processes_learn_together_what_one_learns_alone(tmp_path):
    for world_size in (1, 2):
        (tmp_path / "rendezvous").unlink(missing_ok=True)
        spawn(tmp_path, world_size, deal_with_feedback)
    alone = np.load(tmp_path / "1-0.npy")
    together = [np.load(tmp_path / f"2-{rank}.npy") for rank in (0, 1)]
    assert np.array_equal(np.stack(together, axis=1).reshape(alone.shape), alone)


def test_ranks_that_differ_stop_instead_of_hanging(tmp_path):
    spawn(tmp_path, 2, deal_with_different_seeds)
    assert {path.name for path in tmp_path.glob("refused-*")} == {"refused-0", "refused-1"}


def test_without_torch_distributed_a_process_is_alone():
    assert place_in_world(None, None).world_size == 1
    assert place_in_world(1, 4).rank == 1
    with pytest.raises(BadArgument, match=r"given together or not at all, got \(None, 4\)"):
        place_in_world(None, 4)
