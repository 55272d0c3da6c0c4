from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from benchmarks.simulated_device import SimulatedDevice

import croupier as cr
from croupier.errors import BadArgument
from croupier.torch import CudaMemory, find_batch_sizes
from torch_children import find_sizes_on_uneven_ranks, spawn

LIMITED = """
import json, resource, sys
import torch
from croupier.torch import find_batch_sizes

torch.set_num_threads(1)
model = torch.nn.Sequential(torch.nn.Embedding(1000, 64), torch.nn.Linear(64, 1000))
optimizer = torch.optim.Adam(model.parameters())

def step(examples, lengths):
    ids = torch.randint(1000, (examples, lengths[0]))
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(ids).flatten(0, 1), ids.flatten()).backward()
    optimizer.step()

def fits(examples, length):
    try:
        step(examples, (length,))
    except Exception:
        return False
    return True

step(1, (8,))
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 400 * 2**20, resource.RLIM_INFINITY))
sizes = json.loads(sys.argv[1])
if sizes:
    print(json.dumps([[fits(rows, length) for rows, length in sizes],
                      [fits(rows + max(2, rows // 3), length) for rows, length in sizes]]))
else:
    found = find_batch_sizes(step, [128, 512, 2048], margin=0.1)
    print(json.dumps([len(found.probes), list(found.shapes.examples)]))
"""


def in_limited_memory(sizes):
    """Large blocks straight from the system and back, or what earlier steps left in the heap counts too."""
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}
    command = [sys.executable, "-c", LIMITED, json.dumps(sizes)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_the_result_is_a_file_that_a_plan_reads(tmp_path):
    table = cr.Table(length=[90, 100, 180, 400, 30] * 20)
    bounds = cr.Shapes.within_budget(table, shapes=3, max_tokens=2_000).lengths
    found = find_batch_sizes(SimulatedDevice(0, longest=400), bounds)
    found.shapes.save(tmp_path / "shapes.json")
    plan = cr.chain(cr.Shuffle(), cr.FixedShapes(cr.Shapes.load(tmp_path / "shapes.json")))
    assert sorted(i for deal in cr.Dealer(plan, table, seed=0) for i in deal) == list(range(100))
    assert str(found).endswith(f"found with {len(found.probes)} steps")
    assert found.memory is None
    device = SimulatedDevice(1, longest=400)
    assert find_batch_sizes(device, bounds, memory=device).memory.fixed > 0


def test_pairs_of_lengths():
    def step(examples, lengths):
        if examples * (2 * lengths[0] + lengths[1] ** 2) > 50_000:
            raise torch.OutOfMemoryError

    shapes = [(100, 10), (100, 30), (200, 20), (400, 40), (400, 60)]
    found = find_batch_sizes(step, shapes, columns=("source", "target"))
    assert found.shapes.columns == ("source", "target")
    for (source, target), rows in zip(shapes, found.shapes.examples, strict=True):
        limit = 50_000 // (2 * source + target**2)
        assert 0.93 * limit - 1 <= rows <= limit


def test_a_real_limit_on_the_memory_of_a_process():
    probes, examples = in_limited_memory([])
    assert probes < 40
    sizes = list(zip(examples, [128, 512, 2048], strict=True))
    tokens = [rows * length for rows, length in sizes]
    assert max(tokens) < 1.3 * min(tokens), "this model's memory goes by tokens"
    as_found, a_third_more = in_limited_memory(sizes)
    assert as_found == [True, True, True]
    assert a_third_more == [False, False, False]


def test_ranks_try_the_same_and_none_waits_for_one_that_ran_out(tmp_path):
    spawn(tmp_path, 2, find_sizes_on_uneven_ranks)
    results = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    assert results[0]["examples"] == results[1]["examples"]
    assert results[0]["unequal"] == results[1]["unequal"]
    hundred, five_hundred = results[0]["examples"]
    assert 46 <= hundred <= 50
    assert 9 <= five_hundred <= 10
    assert [result["error"] for result in results] == [
        "RuntimeError: find_batch_sizes: the step of another rank failed; see its error",
        "ValueError: rank 1 alone",
    ]


def test_arguments_are_checked():
    with pytest.raises(BadArgument, match=r"lengths must have a length for each of \('length',\), of at least one sha"):
        find_batch_sizes(lambda *_: None, [])
    with pytest.raises(BadArgument, match=r"lengths must have a length for each of \('a', 'b'\)"):
        find_batch_sizes(lambda *_: None, [8], columns=("a", "b"))
    with pytest.raises(BadArgument, match=r"most_examples must be an integer >= 1, got 0"):
        find_batch_sizes(lambda *_: None, [8], most_examples=0)
    assert find_batch_sizes(lambda *_: None, np.array([8]), most_examples=4).shapes.examples == (4,)
    for wrong in ([-1], ["a"], [8.0]):
        with pytest.raises(BadArgument, match=r"lengths must be an integer >= 0"):
            find_batch_sizes(lambda *_: None, wrong)
    with pytest.raises(BadArgument, match=r"margin must be a share from 0 to below 1, got 1.0"):
        find_batch_sizes(lambda *_: None, [8], margin=1.0)


def test_a_memory_is_of_a_device_and_a_share():
    with pytest.raises(BadArgument, match=r"device must be an integer >= 0 and <= 32768, got 'cuda:0'"):
        CudaMemory("cuda:0")
    with pytest.raises(BadArgument, match=r"share must be a number in \(0, 1\], got 90"):
        CudaMemory(0, 90)
    with pytest.raises(BadArgument, match=r"step must be a function of rows and lengths, got <class 'int'>"):
        find_batch_sizes(int, [8])
