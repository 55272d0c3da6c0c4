"""What rank processes of the tests of growing batches run; top-level, so that they can import it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.distributed as dist

import croupier as cr
from croupier.torch import Accumulated, BatchSampler, GradientStatistics, Loader, agreed_integers
from torch_children import spawn

ROWS, MICRO, EPOCHS = 640, 4, 2


@cache
def runs_of_ranks(world_size):
    """What each rank of two runs did, by accumulation and through the plan, and after restarts of each."""
    with TemporaryDirectory() as folder:
        spawn(folder, world_size, _work)
        return [json.loads(Path(folder, f"{rank}.json").read_text()) for rank in range(world_size)]


def _work(rank, world_size, folder):
    runs = {name: _with_restarts(world_size, through_plan=name == "plan") for name in ("accumulation", "plan")}
    Path(folder, f"{rank}.json").write_text(json.dumps(runs))


def _with_restarts(world_size, *, through_plan):
    """A run, and how it goes on from before, at and after the first change of size."""
    whole, states = Run(world_size, through_plan=through_plan).play(None)
    change = next(number for number, step in enumerate(whole) if step["size"] != whole[0]["size"])
    stops = (change - 2, change - 1, change, len(whole) - 2)
    again = {str(at): Run(world_size, through_plan=through_plan).play(states[at])[0] for at in stops}
    return {"whole": whole, "change": change, "again": again}


class Run:
    """A small regression whose gradient noise grows beside its gradient, so that the controller grows the batch."""

    def __init__(self, world_size, *, through_plan):
        torch.manual_seed(0)
        inputs = torch.randn(ROWS, 4)
        targets = inputs @ torch.tensor([[1.0], [-2.0], [0.5], [3.0]]) + torch.randn(ROWS, 1)
        self.quantum, self.through_plan = MICRO * world_size, through_plan
        cut = cr.RampedSize(self.quantum) if through_plan else cr.FixedSize(MICRO)
        sampler = BatchSampler(cr.chain(cr.Shuffle(), cut, segment_ids=64), cr.Table(size=ROWS), seed=0)
        self.loader = Loader(torch.utils.data.TensorDataset(inputs, targets), sampler)
        self.model = torch.nn.Linear(4, 1)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.05, momentum=0.5)
        self.statistics, self.noise = GradientStatistics(self.model), cr.GradientNoise(half_life_samples=200)
        pace = cr.ResizePace(growth=2.0, dwell_samples=64, confidence=0.0)
        self.controller = cr.BatchSizeController(cr.NormTest(0.5), self.quantum, 8 * self.quantum, pace=pace)
        self.held = cr.HeldSize(self.quantum)
        self.steps = Accumulated(self.loader, 1 if through_plan else lambda: self.held.size // self.quantum)

    def play(self, state):
        if state is not None:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.noise.load_state_dict(state["noise"])
            self.held = cr.HeldSize(*state["held"])
            self.steps.load_state_dict(state["data"])
        done, states = [], []
        while self.loader.cursor.epoch < EPOCHS:
            for step in self.steps:
                done.append(self.train(step))
                states.append(self.state())
        return done, states

    def train(self, step):
        self.optimizer.zero_grad()
        for micro in step:
            inputs, targets = micro.batch
            loss = torch.nn.functional.mse_loss(self.model(inputs), targets) * micro.loss_scale
            loss.backward()
        for parameter in self.model.parameters():
            # In the order of the ranks: a ring adds up in another order once DDP has arranged its buckets anew.
            everyones = [torch.empty_like(parameter.grad) for _ in range(dist.get_world_size())]
            dist.all_gather(everyones, parameter.grad)
            parameter.grad = torch.stack(everyones).mean(dim=0)
        norms = self.statistics.measure(step)
        if norms is not None:
            self.noise.observe(norms)
        self.optimizer.step()
        before, estimate = self.held.size, self.noise.estimate
        self.held = cr.HeldSize(*agreed_integers(lambda: self.controller.decide(estimate, self.held)))
        if self.through_plan and self.held.size != before:
            self.loader.dealer.adopt_batch_size(self.held.size)
        return {
            "epoch": step[0].deal.epoch,
            "ids": [i for micro in step for i in micro.deal],
            "size": step[-1].deal.cursor.samples - step[0].deal.start.samples,
            "held": list(self.held),
            "weights": self.model.weight.flatten().tolist(),
        }

    def state(self):
        return {
            "model": {name: values.clone() for name, values in self.model.state_dict().items()},
            "optimizer": json_like(self.optimizer.state_dict()),
            "noise": json.loads(json.dumps(self.noise.state_dict())),
            "held": list(self.held),
            "data": json.loads(json.dumps(self.steps.state_dict())),
        }


def json_like(state):
    """A copy that later steps do not write to."""
    if isinstance(state, dict):
        return {name: json_like(value) for name, value in state.items()}
    return state.clone() if isinstance(state, torch.Tensor) else state
