"""Does Cooldown help small sources? A byte model on modules of very unequal size: ``python -m benchmarks.cooldown``.

The claim is that of Li et al., "Upsample or upweight? Balanced training on heavily imbalanced datasets" (NAACL 2025): a
high temperature first and a low one later leaves small sources better off than either alone. What came of it here is in
``cooldown.md``.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.functional import cross_entropy, gelu

import croupier as cr
from benchmarks.harness import say, versions_of

Bytes = npt.NDArray[np.uint8]

MODULES = ("pydoc_data", "asyncio", "html", "locale", "mimetypes", "encodings.aliases", "graphlib")
"""Prose, code and tables, by falling size: chosen by size, and by how little the large help to compress the small."""

PLANTED = "(planted)"
PLANTED_BYTES = 15_000
KEYS, VALUES, VALUE_LETTERS = 64, 16, 6

SKIPPED = {"test", "tests", "__pycache__"}
BLOCK_BYTES = 1_024
"""Every fifth of these is held out: whole blocks, so that few samples have a neighbour on the other side."""
SAMPLE_BYTES = 128
MOST_HELD_OUT = 128
"""Samples that a loss is measured on; a small module has fewer."""

HIGH, LOW = 5.0, 1.0
LOW_ARM, HIGH_ARM, COOLDOWN_ARM, UPWEIGHT_ARM = "T=1", "T=5", "cooldown", "upweight"

CONTROL_NATS, CONTROL_STANDARD_ERRORS = 0.2, 4.0
"""T=5 must beat T=1 on the planted language by more than both; decided before anything was trained."""

QUANTILES = {1: 12.71, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""Student's t at 97.5 % for degrees of freedom, that is one less than seeds."""


@dataclass(frozen=True)
class Sizes:
    """How much is trained; samples are of 128 bytes, evaluations evenly spaced over the run."""

    run_samples: int = 49_152
    batch_samples: int = 32
    width: int = 64
    layers: int = 6
    evaluations: int = 8


@dataclass(frozen=True)
class Source:
    """One domain, cut into samples of 129 bytes, shape (n, 129): each byte but the first is predicted."""

    name: str
    train: Bytes
    held_out: Bytes


@dataclass(frozen=True)
class Run:
    """One training: held-out nats per byte of each domain at each evaluation, shape (evaluations, domains)."""

    arm: str
    seed: int
    seconds: float
    passes: Sequence[float]
    held_out: Sequence[Sequence[float]]
    train: Sequence[float]


@dataclass(frozen=True)
class Difference:
    """A mean of paired differences over seeds, and how sure it is."""

    mean: float
    standard_error: float
    seeds: int

    @classmethod
    def of(cls, first: Sequence[float], second: Sequence[float]) -> Difference:
        """First less second, seed by seed."""
        each = np.subtract(first, second)
        return cls(float(each.mean()), float(each.std(ddof=1)) / math.sqrt(each.size), each.size)

    @property
    def half_width(self) -> float:
        """Of the 95 % confidence interval."""
        return QUANTILES[self.seeds - 1] * self.standard_error

    @property
    def is_seen(self) -> bool:
        """Whether the interval leaves 0 out."""
        return abs(self.mean) > self.half_width


def read_module(name: str) -> bytes:
    """The sources of a module or package of the standard library; nothing is imported."""
    place = Path(sysconfig.get_path("stdlib")).joinpath(*name.split("."))
    if place.is_dir():
        files = [path for path in sorted(place.rglob("*.py")) if not SKIPPED & set(path.relative_to(place).parts)]
    else:
        files = [place.with_suffix(".py")]
    return b"\n".join(path.read_bytes() for path in files)


def planted_language(size: int) -> bytes:
    """Records ``key=value;`` of that many bytes in all, keys in random order, the value of each key random but fixed.

    A key is two letters of eight, a value six of sixteen that no other source tells anything about: its bytes cost
    ln 16 nats each until the table is known, and nothing from then on.
    """
    random = np.random.default_rng(20_250)
    letters = np.frombuffer(b"ABCDEFGHIJKLMNOP", np.uint8)
    keys = letters[np.stack(np.divmod(np.arange(KEYS), 8), axis=1)]
    values = letters[random.integers(0, VALUES, (KEYS, VALUE_LETTERS))]
    records = np.hstack([keys, np.full((KEYS, 1), ord("="), np.uint8), values, np.full((KEYS, 1), ord(";"), np.uint8)])
    return records[random.integers(0, KEYS, -(-size // records.shape[1]))].tobytes()[:size]


def source_of(name: str, text: bytes) -> Source:
    """Cut into blocks, every fifth held out, and these into samples."""
    data = np.frombuffer(text, np.uint8)
    train: list[Bytes] = []
    held_out: list[Bytes] = []
    for number, begin in enumerate(range(0, data.size - SAMPLE_BYTES, BLOCK_BYTES)):
        block = data[begin : begin + BLOCK_BYTES + 1]
        rows = (block.size - 1) // SAMPLE_BYTES
        samples = np.lib.stride_tricks.sliding_window_view(block, SAMPLE_BYTES + 1)[::SAMPLE_BYTES][:rows]
        (held_out if number % 5 == 2 else train).append(samples)
    return Source(name, np.concatenate(train), spaced(np.concatenate(held_out)))


def spaced(samples: Bytes) -> Bytes:
    """As many of them as a loss is measured on, evenly spaced."""
    wanted = min(MOST_HELD_OUT, len(samples))
    return samples[np.arange(wanted) * len(samples) // wanted]


def read_sources() -> list[Source]:
    """The real domains by falling size, and the planted one."""
    texts = {name: read_module(name) for name in MODULES} | {PLANTED: planted_language(PLANTED_BYTES)}
    return [source_of(name, text) for name, text in texts.items()]


def arms(run_samples: int) -> dict[str, cr.Mixture]:
    """The same run of one epoch, mixed in four ways."""
    return {
        LOW_ARM: cr.Mixture("domain", cr.Temperature(LOW), epoch_end=run_samples),
        HIGH_ARM: cr.Mixture("domain", cr.Temperature(HIGH), epoch_end=run_samples),
        COOLDOWN_ARM: cr.Mixture(
            "domain", cr.Cooldown(switch_samples=run_samples // 2, high=HIGH, low=LOW), epoch_end=run_samples
        ),
        UPWEIGHT_ARM: cr.Mixture(
            "domain", cr.Proportional(), target=cr.Temperature(HIGH), epoch_end=run_samples
        ),
    }  # fmt: skip


class ByteModel(nn.Module):
    """Predict the next byte from the last 2**layers, with dilated causal convolutions written as products."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(256, width)
        nn.init.normal_(self.embed.weight, std=0.1)
        self.layers = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 256)

    def forward(self, data: torch.Tensor) -> torch.Tensor:
        """Bytes (b, t) to logits (b, t, 256)."""
        hidden = self.embed(data)
        for number, layer in enumerate(self.layers):
            past = nn.functional.pad(hidden, (0, 0, 2**number, 0))[:, : hidden.shape[1]]
            hidden = hidden + gelu(layer(torch.cat([hidden, past], dim=2)))
        return self.head(self.norm(hidden))


def sample_losses(model: ByteModel, samples: Bytes) -> torch.Tensor:
    """Nats per byte of each sample, shape (n,)."""
    data = torch.from_numpy(samples.astype(np.int64))
    logits = model(data[:, :-1])
    return cross_entropy(logits.transpose(1, 2), data[:, 1:], reduction="none").mean(dim=1)


@torch.no_grad()
def losses_of(model: ByteModel, parts: Sequence[Bytes]) -> list[float]:
    """Nats per byte of each part."""
    return [float(sample_losses(model, part).double().mean()) for part in parts]


def train(arm: str, mixture: cr.Mixture, sources: Sequence[Source], seed: int, sizes: Sizes) -> Run:
    """One run; the same seed gives every arm the same initial weights."""
    data = np.concatenate([source.train for source in sources])
    names = [source.name for source in sources]
    counts = [len(source.train) for source in sources]
    table = cr.Table(domain=np.repeat(names, counts))
    dealer = cr.Dealer(cr.chain(mixture, cr.FixedSize(sizes.batch_samples)), table, seed=seed)
    torch.manual_seed(seed)
    model = ByteModel(sizes.width, sizes.layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    steps = len(dealer)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate_share(step, steps))
    evaluated = {steps * part // sizes.evaluations for part in range(1, sizes.evaluations + 1)}
    owners = np.repeat(np.arange(len(sources)), counts)
    dealt = np.zeros(len(sources), np.int64)
    curve: list[list[float]] = []
    start = time.perf_counter()
    for step, deal in enumerate(dealer, start=1):
        losses = sample_losses(model, data[deal.ids])
        if "weight" in deal.columns:
            losses = losses * torch.tensor(deal.columns["weight"], dtype=torch.float32)
        optimizer.zero_grad(set_to_none=True)
        losses.mean().backward()
        optimizer.step()
        schedule.step()
        dealt += np.bincount(owners[deal.ids], minlength=len(sources))
        if step in evaluated:
            curve.append(losses_of(model, [source.held_out for source in sources]))
    return Run(
        arm, seed, time.perf_counter() - start,
        passes=(dealt / counts).tolist(),
        held_out=curve,
        train=losses_of(model, [spaced(source.train) for source in sources]),
    )  # fmt: skip


def learning_rate_share(step: int, steps: int) -> float:
    """Up over the first twentieth, then down a cosine to a tenth."""
    warm_up = max(1, steps // 20)
    if step < warm_up:
        return (step + 1) / warm_up
    done = (step - warm_up) / max(1, steps - warm_up)
    return 0.55 + 0.45 * math.cos(math.pi * min(1.0, done))


def study(sources: Sequence[Source], seeds: Sequence[int], sizes: Sizes) -> Iterator[Run]:
    """Every arm for every seed, in an order that changes from seed to seed."""
    mixtures = list(arms(sizes.run_samples).items())
    for turn, seed in enumerate(seeds):
        for arm, mixture in mixtures[turn % len(mixtures) :] + mixtures[: turn % len(mixtures)]:
            yield train(arm, mixture, sources, seed, sizes)


def groups(names: Sequence[str]) -> dict[str, list[int]]:
    """Which domains a line of the result is the mean of; names come by falling size, the planted one last."""
    real = [place for place, name in enumerate(names) if name != PLANTED]
    larger = (len(real) + 1) // 2
    return {
        "largest": real[:1],
        "head": real[:larger],
        "tail": real[larger:],
        PLANTED: [place for place, name in enumerate(names) if name == PLANTED],
    }


def of_arm(runs: Sequence[Run], arm: str) -> list[Run]:
    """Its runs, by seed."""
    return sorted((run for run in runs if run.arm == arm), key=lambda run: run.seed)


def final(runs: Sequence[Run], arm: str, places: Sequence[int]) -> list[float]:
    """The held-out loss at the end, a mean over these domains, for each seed in order."""
    return [_mean_of(run.held_out[-1], places) for run in of_arm(runs, arm)]


def comparisons(runs: Sequence[Run], names: Sequence[str]) -> dict[tuple[str, str, str], Difference]:
    """Paired differences by (first arm, second arm, group)."""
    pairs = [
        (COOLDOWN_ARM, LOW_ARM),
        (COOLDOWN_ARM, HIGH_ARM),
        (HIGH_ARM, LOW_ARM),
        (UPWEIGHT_ARM, LOW_ARM),
        (UPWEIGHT_ARM, HIGH_ARM),
    ]
    return {
        (first, second, group): Difference.of(final(runs, first, places), final(runs, second, places))
        for first, second in pairs
        for group, places in groups(names).items()
    }


def control_holds(runs: Sequence[Run], names: Sequence[str]) -> bool:
    """Whether T=5 beats T=1 on the planted language by as much as was decided."""
    places = groups(names)[PLANTED]
    gain = Difference.of(final(runs, LOW_ARM, places), final(runs, HIGH_ARM, places))
    return gain.mean > max(CONTROL_NATS, CONTROL_STANDARD_ERRORS * gain.standard_error)


def answers(found: Mapping[tuple[str, str, str], Difference]) -> list[str]:
    """The questions of the study, in words."""
    return [
        f"tail, cooldown against T=1: {_verdict(found[COOLDOWN_ARM, LOW_ARM, 'tail'])}",
        f"tail, cooldown against T=5: {_verdict(found[COOLDOWN_ARM, HIGH_ARM, 'tail'])}",
        f"largest source, cooldown against T=1: {_verdict(found[COOLDOWN_ARM, LOW_ARM, 'largest'])}",
        f"largest source, cooldown against T=5: {_verdict(found[COOLDOWN_ARM, HIGH_ARM, 'largest'])}",
    ]


def _mean_of(losses: Sequence[float], places: Sequence[int]) -> float:
    return statistics.fmean(losses[place] for place in places)


def _verdict(difference: Difference) -> str:
    if math.isnan(difference.mean):
        return "cannot be said, a run diverged"
    if not difference.is_seen:
        return f"no difference seen (within {difference.half_width:.3f} of {difference.mean:+.3f})"
    return f"{'lower' if difference.mean < 0 else 'HIGHER'} by {abs(difference.mean):.3f}"


def show(runs: Sequence[Run], sources: Sequence[Source]) -> None:
    """Tables of the losses and of the differences, what they say, and whether to believe them."""
    names = [source.name for source in sources]
    chosen = list(arms(2))
    by_arm = [of_arm(runs, arm) for arm in chosen]
    rows = [
        (
            source.name,
            f"{source.train.shape[0] * SAMPLE_BYTES:,}",
            f"{source.held_out.shape[0] * SAMPLE_BYTES:,}",
            *(f"{statistics.fmean(final(runs, arm, [i])):.3f} ({_passes(runs, arm, i):.1f})" for arm in chosen),
        )
        for i, source in enumerate(sources)
    ]
    places = groups(names)
    rows += [
        _means("mean of head", [[_mean_of(run.held_out[-1], places["head"]) for run in each] for each in by_arm]),
        _means("mean of tail", [[_mean_of(run.held_out[-1], places["tail"]) for run in each] for each in by_arm]),
        _means("... at half of the run", [[_mean_of(_half(run), places["tail"]) for run in each] for each in by_arm]),
        _means("... on training text", [[_mean_of(run.train, places["tail"]) for run in each] for each in by_arm]),
    ]
    _print_table(
        "Held-out loss at the end, nats per byte, mean over seeds (in brackets: passes over the source)",
        ("source", "train", "held out", *chosen),
        rows,
    )
    found = comparisons(runs, names)
    _print_table(
        "Paired differences (below 0: the first is better) +- standard error; * where the 95 % interval leaves 0 out",
        ("arms", *groups(names)),
        [
            (
                f"{first} - {second}",
                *(_cell(found[first, second, group]) for group in groups(names)),
            )
            for first, second in dict.fromkeys((first, second) for first, second, _ in found)
        ],
    )
    for line in answers(found):
        print(line)
    gain = found[HIGH_ARM, LOW_ARM, PLANTED]
    wanted = f"wanted > {CONTROL_NATS} and > {CONTROL_STANDARD_ERRORS:g} standard errors"
    measured = f"T=5 beats T=1 on the planted language by {-gain.mean:.3f} +- {gain.standard_error:.3f} nats ({wanted})"
    if control_holds(runs, names):
        print(f"control holds: {measured}")
    else:
        print(f"VOID: the control failed, so nothing above may be believed: {measured}")


def _half(run: Run) -> Sequence[float]:
    return run.held_out[(len(run.held_out) - 1) // 2]


def _means(title: str, by_arm: Sequence[Sequence[float]]) -> tuple[str, ...]:
    return (title, "", "", *(f"{statistics.fmean(values):.3f}" for values in by_arm))


def _passes(runs: Sequence[Run], arm: str, place: int) -> float:
    return statistics.fmean(run.passes[place] for run in runs if run.arm == arm)


def _cell(difference: Difference) -> str:
    return f"{difference.mean:+.3f} +- {difference.standard_error:.3f}{'*' if difference.is_seen else ' '}"


def _print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    print(f"{title}\n")
    for row in (header, *rows):
        first, *others = (
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join((first, *others)).rstrip())
    print()


def report(runs: Sequence[Run], sources: Sequence[Source], sizes: Sizes) -> dict[str, Any]:
    """All that was measured, for another program."""
    names = [source.name for source in sources]
    return {
        "sizes": asdict(sizes),
        "versions": versions_of(("croupier", "numpy", "torch")),
        "sources": [
            {"name": s.name, "train_samples": len(s.train), "held_out_samples": len(s.held_out)} for s in sources
        ],
        "groups": {group: [names[place] for place in places] for group, places in groups(names).items()},
        "control_holds": control_holds(runs, names),
        "differences": [
            {"first": first, "second": second, "group": group, **asdict(difference), "is_seen": difference.is_seen}
            for (first, second, group), difference in comparisons(runs, names).items()
        ],
        "runs": [asdict(run) for run in runs],
    }


def plot(runs: Sequence[Run], sources: Sequence[Source], path: Path) -> None:
    """Held-out loss over the run, a line an arm, a panel a group; needs matplotlib."""
    from matplotlib import pyplot as plt

    names = [source.name for source in sources]
    figure, panels = plt.subplots(1, 4, figsize=(16, 4))
    for panel, (group, places) in zip(panels, groups(names).items(), strict=True):
        for arm in arms(2):
            curves = np.array([run.held_out for run in runs if run.arm == arm])[:, :, places].mean(axis=(0, 2))
            panel.plot(np.arange(1, curves.size + 1) / curves.size, curves, label=arm)
        panel.set(title=group, xlabel="share of the run", ylabel="held-out nats per byte")
    panels[0].legend()
    figure.savefig(path, bbox_inches="tight")


def main() -> None:
    """Run it, print it, and write it down."""
    arguments = _parser().parse_args()
    torch.set_num_threads(1)
    sizes = Sizes()
    if arguments.quick:
        sizes = replace(sizes, run_samples=sizes.run_samples // 4)
    seeds = range(1, 1 + (arguments.seeds or (3 if arguments.quick else 4)))
    sources = read_sources()
    total = len(arms(2)) * len(seeds)
    say(f"{total} runs of {sizes.run_samples:,} samples over {len(sources)} sources, one thread")
    runs: list[Run] = []
    start = time.perf_counter()
    for run in study(sources, seeds, sizes):
        runs.append(run)
        say(f"  {time.perf_counter() - start:4.0f} s  run {len(runs)} of {total}: {run.arm}, seed {run.seed}")
    show(runs, sources)
    if arguments.json:
        arguments.json.write_text(json.dumps(report(runs, sources, sizes), indent=2) + "\n")
    if arguments.plot:
        plot(runs, sources, arguments.plot)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cooldown", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a quarter of the run and three seeds")
    parser.add_argument("--seeds", type=int, choices=range(2, 11), metavar="N", help="2 to 10 of them; default 4")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all that was measured to this file")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="also draw it; needs matplotlib")
    return parser


if __name__ == "__main__":
    main()
