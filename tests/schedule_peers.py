"""Schedules of other libraries: ours of the same name and settings, theirs played live, their values recorded.

``python tests/schedule_peers.py`` records anew what of the peers can be imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import sys
import types
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from croupier import schedules as s

RECORDED = Path(__file__).parent / "schedules/recorded_peers.json"


@dataclass(frozen=True)
class Peer:
    name: str
    library: str
    ours: Any
    play: Callable[[Any, int], list[float]]
    moments: int
    tolerance: float = 1e-12


def torch_play(make: Callable[[Any, Any], Any]) -> Callable[[Any, int], list[float]]:
    """The factor of a scheduler at every step, of an optimizer with rate 1."""

    def play(torch: Any, moments: int) -> list[float]:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        scheduler, values = make(torch, optimizer), []
        for _ in range(moments):
            values.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
            scheduler.step()
        return values

    return play


def torch_peer(name: str, ours: Any, moments: int, **settings: Any) -> Peer:
    kind = name.split(",", maxsplit=1)[0]
    play = torch_play(lambda torch, optimizer: getattr(torch.optim.lr_scheduler, kind)(optimizer, **settings))
    return Peer(name, "torch", ours, play, moments)


def transformers_peer(
    kind: str, ours: Any, moments: int, *, warmup: int = 10, length: int = 100, **special: Any
) -> Peer:
    def play(transformers: Any, moments: int) -> list[float]:
        def make(_: Any, optimizer: Any) -> Any:
            return transformers.get_scheduler(kind, optimizer, warmup, length, special)

        return torch_play(make)(importlib.import_module("torch"), moments)

    return Peer(", ".join([kind, *map(str, special.values())]), "transformers", ours, play, moments)


def timm_peer(name: str, ours: Any, moments: int, *args: Any, **settings: Any) -> Peer:
    def play(timm: Any, moments: int) -> list[float]:
        torch = importlib.import_module("torch")
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        scheduler, values = getattr(timm, name.split(",", maxsplit=1)[0])(optimizer, *args, **settings), []
        for moment in range(moments):
            scheduler.step(moment)
            values.append(float(optimizer.param_groups[0]["lr"]))
        return values

    return Peer(name, "timm", ours, play, moments)


def optax_peer(name: str, ours: Any, moments: int, *args: Any, **settings: Any) -> Peer:
    def play(optax: Any, moments: int) -> list[float]:
        schedule = getattr(optax, name.split(",", maxsplit=1)[0])(*args, **settings)
        return [float(schedule(moment)) for moment in range(moments)]

    return Peer(name, "optax", ours, play, moments, tolerance=3e-6)  # theirs are float32


def halves(gamma: float, steps: float = 1.0) -> float:
    return steps * math.log(0.5) / math.log(gamma)


def wsd(shape: Any, floor: float = 0.0) -> s.Phases:
    return s.Phases([s.Warmup(10, start=floor), s.Hold(60), s.Decay(30, shape, floor)])


PEERS = [
    torch_peer("LinearLR, up", s.Phases([s.Warmup(8, start=0.25)]), 12, start_factor=0.25, total_iters=8),
    torch_peer("LinearLR, down", s.linear(20, floor=0.1), 24, start_factor=1.0, end_factor=0.1, total_iters=20),
    torch_peer("CosineAnnealingLR", s.cosine(50, floor=0.1), 51, T_max=50, eta_min=0.1),
    torch_peer("PolynomialLR", s.polynomial(40, power=2), 44, total_iters=40, power=2.0),
    torch_peer("ExponentialLR", s.exponential(halves(0.9)), 60, gamma=0.9),
    torch_peer("OneCycleLR", s.one_cycle(100, rise=29.3 / 100), 101, max_lr=1.0, total_steps=101),
    torch_peer("CosineAnnealingWarmRestarts", s.cosine_with_restarts(70, cycles=3, growth=2), 70, T_0=10, T_mult=2),
    transformers_peer("linear", s.linear(100, warmup=10), 104),
    transformers_peer("cosine", s.cosine(100, warmup=10), 101),
    transformers_peer("cosine_with_restarts", s.cosine_with_restarts(100, cycles=3, warmup=10), 104, num_cycles=3),
    transformers_peer("polynomial", s.polynomial(100, warmup=10, floor=1e-7), 104),
    transformers_peer("polynomial", s.polynomial(100, power=3, warmup=10, floor=0.01), 104, lr_end=0.01, power=3.0),
    transformers_peer("constant_with_warmup", s.constant(warmup=10), 104),
    transformers_peer("inverse_sqrt", s.inverse_sqrt(warmup=10), 104),
    transformers_peer("inverse_sqrt", s.inverse_sqrt(warmup=10, timescale=40), 104, timescale=40),
    transformers_peer("cosine_with_min_lr", s.cosine(100, warmup=10, floor=0.1), 101, min_lr_rate=0.1),
    transformers_peer(
        "cosine_warmup_with_min_lr", s.Phases([s.Warmup(10), s.Decay(90, s.Cosine(), 0.1)], start=-1), 100,
        min_lr_rate=0.1,
    ),
    transformers_peer("warmup_stable_decay", wsd(s.Cosine()), 104, num_decay_steps=30),
    transformers_peer("warmup_stable_decay", wsd(s.Linear(), 0.1), 104, num_decay_steps=30, decay_type="linear",
                      min_lr_ratio=0.1),
    transformers_peer("warmup_stable_decay", wsd(s.OneMinusSqrt(), 0.1), 104, num_decay_steps=30, decay_type="1-sqrt",
                      min_lr_ratio=0.1),
    timm_peer("CosineLRScheduler", s.cosine(60, warmup=10, floor=0.1), 64, t_initial=50, lr_min=0.1, warmup_t=10,
              warmup_prefix=True),
    timm_peer("CosineLRScheduler, cycles", s.cosine_with_restarts(70, cycles=3, growth=2), 70, t_initial=10,
              cycle_mul=2.0, cycle_limit=3),
    timm_peer("PolyLRScheduler", s.polynomial(50, power=0.5), 54, t_initial=50),
    timm_peer("WSDLRScheduler", s.warmup_stable_decay(100, warmup=10, decay=30, floor=0.1), 104, 90, 30, lr_min=0.1,
              warmup_t=10),
    timm_peer("WSDLRScheduler, linear", s.warmup_stable_decay(90, decay=30, shape=s.Linear()), 94, 90, 30,
              decay_fn="linear"),
    timm_peer("WSDLRScheduler, cosine", s.warmup_stable_decay(90, decay=30, shape=s.Cosine()), 94, 90, 30,
              decay_fn="cosine"),
    timm_peer("WSDLRScheduler, power", s.warmup_stable_decay(90, decay=30, shape=s.OneMinusSquare()), 94, 90, 30,
              decay_fn="power", decay_power=2.0),
    timm_peer(
        "WSDLRScheduler, exp",
        s.warmup_stable_decay(90, decay=30, shape=s.Exponential(math.log2(10), to_zero=True)), 94, 90, 30,
        decay_fn="exp",
    ),
    timm_peer(
        "WSDLRScheduler, rsqrt",
        s.Cooldown(s.inverse_sqrt(warmup=10), begins=70, length=30, shape=s.Linear(), keeps_falling=True), 104, 90, 30,
        stable_fn="rsqrt", decay_fn="linear", warmup_t=10,
    ),
    timm_peer(
        "WSDLRScheduler, power stable",
        s.Cooldown(s.Phases([s.Warmup(10), s.InverseRoot(20, power=0.51)]), begins=70, length=30, keeps_falling=True),
        104, 90, 30, stable_fn="power", stable_power=0.51, stable_timescale=20, warmup_t=10,
    ),
    optax_peer("linear_schedule", s.linear(50, floor=0.1), 54, 1.0, 0.1, 50),
    optax_peer("cosine_decay_schedule", s.cosine(50, floor=0.1), 54, 1.0, 50, alpha=0.1),
    optax_peer("warmup_cosine_decay_schedule", s.cosine(50, warmup=10, floor=0.1), 54, 0.0, 1.0, 10, 50, end_value=0.1),
    optax_peer("polynomial_schedule", s.polynomial(50, power=3, floor=0.1), 54, 1.0, 0.1, 3, 50),
    optax_peer("exponential_decay", s.exponential(halves(0.9, 5), floor=0.2), 104, 1.0, 5, 0.9, end_value=0.2),
    optax_peer("warmup_constant_schedule", s.constant(warmup=10), 24, 0.0, 1.0, 10),
    optax_peer("cosine_onecycle_schedule", s.one_cycle(100), 104, 100, 1.0),
    optax_peer(
        "sgdr_schedule", s.cosine_with_restarts(70, cycles=3, growth=2), 74,
        [{"init_value": 1.0, "peak_value": 1.0, "warmup_steps": 0, "decay_steps": steps} for steps in (10, 20, 40)],
    ),
]  # fmt: skip


@cache
def library(name: str) -> tuple[Any, str] | None:
    """A peer and its version, or None; of timm its schedulers alone, which do not need torchvision."""
    found = importlib.util.find_spec(name)
    if found is None or not found.origin:
        return None
    if name != "timm":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = importlib.import_module(name)
        return module, module.__version__
    package = types.ModuleType("timm")
    package.__path__ = [str(Path(found.origin).parent)]
    sys.modules["timm"] = package
    version = importlib.import_module("timm.version").__version__
    return importlib.import_module("timm.scheduler"), version


def record() -> None:
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    for name in sorted({peer.library for peer in PEERS}):
        found = library(name)
        if found is None:
            print(f"{name} is not here: what was recorded stays")
            continue
        module, version = found
        for peer in (peer for peer in PEERS if peer.library == name):
            values = [round(value, 14) for value in peer.play(module, peer.moments)]
            recorded[f"{name}: {peer.name}"] = {"version": version, "values": values}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in sorted(recorded.items()))
    RECORDED.write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    record()
