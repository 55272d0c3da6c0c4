"""Ray Tune drives the population where it is installed; what its exploits rest on is tested without it too."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
import torch

import population_training as example

EXAMPLE = Path(example.__file__).with_name("population_on_ray.py")


def test_a_worker_that_takes_over_goes_on_with_the_others_next_batch(tmp_path):
    """As ``Worker`` does it, without Ray: workers stand at different places, and the one behind copies the other."""
    ahead, behind = example.digits({"lr": 0.1}), example.digits({"lr": 0.01})
    its_stream, own_stream = example.digits_stream(), example.digits_stream()
    for _ in range(3):
        ahead.train(0, islice(its_stream, 25))
    behind.train(0, islice(own_stream, 25))
    torch.save({"member": ahead.saved(), "stream": its_stream.state_dict()}, tmp_path / "all.pt")
    saved = torch.load(tmp_path / "all.pt", weights_only=True)
    behind.load(saved["member"])
    own_stream.load_state_dict(saved["stream"])
    behind.rates = {"lr": 0.12}
    behind.train(0, islice(own_stream, 25))
    alone = example.digits({})
    example.replay(behind.turns, alone, [example.digits_stream()], 25)
    assert [rates["lr"] for _, rates in behind.turns] == [0.1, 0.1, 0.1, 0.12]
    assert all(map(torch.equal, alone.model.state_dict().values(), behind.model.state_dict().values()))
    assert own_stream.cursor.samples == 2500
    assert (tmp_path / "all.pt").stat().st_size < 200_000


@pytest.mark.slow
def test_what_ray_found_replays_to_the_same_bits(tmp_path):
    """Recorded with ray 2.60.0: "loss 0.441, replayed alone 0.441, the same bits: True", 8 turns, 57 s."""
    pytest.importorskip("ray.tune", reason="Ray is no dependency: pip install 'ray[tune]' to run its scheduler")
    environment = {**os.environ, "HOME": str(tmp_path), "RAY_USAGE_STATS_ENABLED": "0"}
    ran = subprocess.run([sys.executable, EXAMPLE], env=environment, capture_output=True, text=True, check=True)
    assert "the same bits: True" in ran.stdout
    assert "Cloning trial" in ran.stdout + ran.stderr
