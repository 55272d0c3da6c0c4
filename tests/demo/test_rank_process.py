from __future__ import annotations

import json

import numpy as np
import torch

from croupier.demo.rank_process import main


def test_one_rank_trains_logs_and_goes_on_from_its_checkpoint(tmp_path, library):
    corpus = library.take(np.arange(700))
    corpus.save(tmp_path / "corpus.npz")
    threads = torch.get_num_threads()
    for generation in (0, 1):
        main([str(tmp_path), "0", "1", str(generation), "1024"])
    torch.set_num_threads(threads)
    first, second = (
        [json.loads(line) for line in (tmp_path / f"log-{generation}-0.jsonl").read_text().splitlines()]
        for generation in (0, 1)
    )
    steps = [entry for entry in first if "step" in entry]
    assert sorted(i for entry in steps for i in entry["ids"]) == list(range(len(corpus)))
    checkpoints = [entry["checkpoint_after_step"] for entry in first if "checkpoint_after_step" in entry]
    assert checkpoints
    assert second[0] == {"begins_after_step": checkpoints[-1], "world_size": 1}
    assert [entry["ids"] for entry in second if "step" in entry] == [
        e["ids"] for e in steps if e["step"] > checkpoints[-1]
    ]
