"""Trials: states and folders of several kinds of run, damaged and made up, are loaded into a run that goes on.

Each load ends in the run as it was saved or in a refusal; what an author of hostile states may reach besides is another
state that deals. None takes a second, or more than a few tens of megabytes; and what is refused changes nothing.
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import croupier as cr
from croupier.errors import BadArgument, BadState, BadTable
from reliability.findings import Finding, say
from reliability.state_damage import author, claims, damaged_bytes, edits, hostile_headers
from reliability.state_runs import RUNS, StateRun

__all__ = ["Trials", "findings"]

REFUSALS = (BadState, BadArgument, BadTable)
EACH, EACH_NIGHTLY = 25, 400
CUTS = 1_500
"""A file below so many bytes is cut off at every one of them."""
MOST_SECONDS, MOST_BYTES = 1.0, 64 * 2**20
LOOKED_AT = 3
"""Deals of a state that somebody made up."""


def findings(*, nightly: bool, seed: int) -> Iterator[Finding]:
    """One line for each kind of damage."""
    each = EACH_NIGHTLY if nightly else EACH
    with tempfile.TemporaryDirectory() as folder:
        trials = Trials(Path(folder), seed, each)
        yield from trials.all()


class Trials:
    """Runs, what was tried with their states, and what became of it."""

    def __init__(self, folder: Path, seed: int, each: int, names: tuple[str, ...] = tuple(RUNS)) -> None:
        self.scratch = folder / "tried"
        self.chosen, self.each, self.seed = random.Random(seed), each, seed
        self.kinds: dict[str, Counter[str]] = {}
        self.faults: dict[str, list[str]] = {}
        self.peak_bytes, self.slowest = 0, 0.0
        self.runs = [_Played(RUNS[name], folder / name) for name in names]

    def all(self) -> Iterator[Finding]:
        """Everything, one kind of damage after the other."""
        tracemalloc.start()
        try:
            for played in self.runs:
                self._files(played)
                self._authored(played)
                self._folders(played)
                say(f"  {played.run.name}: {len(played.whole)} bytes")
            self._exchanged()
            self._claimed()
            self._gone_on()
        finally:
            tracemalloc.stop()
        for kind, outcomes in self.kinds.items():
            faults = self.faults.get(kind, [])
            figures = dict(sorted(outcomes.items()))
            yield Finding(f"states: {kind}", outcomes.total(), outcomes.total() - len(faults), figures, tuple(faults))
        within = self.peak_bytes <= MOST_BYTES and self.slowest <= MOST_SECONDS
        tried = sum(outcomes.total() for outcomes in self.kinds.values())
        figures = {
            "most memory of a load, MiB": round(self.peak_bytes / 2**20, 1),
            "slowest load, ms": round(1e3 * self.slowest),
            "largest file": max(len(played.whole) for played in self.runs),
            "seed": self.seed,
        }
        yield Finding("states: within memory and time", tried, tried if within else 0, figures)

    def tried(self, kind: str, what: str, load: Callable[..., str], *given: Any) -> str:
        """Count what came of it: ``load`` says what it was, or raises."""
        base = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        began = time.process_time()  # others may use the machine
        try:
            outcome = load(*given)
        except REFUSALS:
            outcome = "refused"
        except BaseException as error:
            outcome = "not as it should be"
            self.faults.setdefault(kind, []).append(f"{what}: {type(error).__name__}: {str(error)[:200]}")
        seconds, taken = time.process_time() - began, tracemalloc.get_traced_memory()[1] - base
        self.slowest, self.peak_bytes = max(self.slowest, seconds), max(self.peak_bytes, taken)
        if (seconds > MOST_SECONDS or taken > MOST_BYTES) and outcome != "not as it should be":
            self.faults.setdefault(kind, []).append(f"{what}: {seconds:.1f} s, {taken:,} bytes")
        self.kinds.setdefault(kind, Counter())[outcome] += 1
        return outcome

    def _files(self, played: _Played) -> None:
        for what, content in damaged_bytes(played.whole, self.chosen, most=self.each, cuts=CUTS):
            self.scratch.write_bytes(content)
            self.tried("damaged files", f"{played.run.name}, {what}", played.loaded, self.scratch)

    def _authored(self, played: _Played) -> None:
        # Of the state the run stands at, and of another, so that one that is refused late has something to change.
        for moment, file, most in (("", played.file, 2 * self.each), ("at first, ", played.first, self.each)):
            content = file.read_bytes()
            size = int.from_bytes(content[49:57], "little")
            document, raw = json.loads(content[57 : 57 + size]), content[57 + size :]
            for what, edited in edits(document, self.chosen, most=most):
                author(edited, raw, self.scratch)
                load, name = played.loaded_by_an_author, f"{played.run.name}, {moment}{what}"
                self.tried("made up, all checksums right", name, load, self.scratch)
        whole = cr.load_state(played.file)
        for what, edited in edits(played.plain, self.chosen, most=self.each):
            self.tried("edited as mappings", f"{played.run.name}, {what}", played.taken, {**whole, **edited})

    def _folders(self, played: _Played) -> None:
        files = sorted(path for path in played.folder.rglob("*") if path.is_file())
        damage: list[tuple[str, Path, tuple[str, bytes]]] = []
        for file in files:
            content, place = file.read_bytes(), file.relative_to(played.folder)
            damaged = list(damaged_bytes(content, self.chosen, most=max(10, self.each // 5)))
            others = [other for other in files if other.suffix == file.suffix and other.read_bytes() != content]
            damaged += [(f"in the place of {other.name}", other.read_bytes()) for other in others]
            damage += [("damaged folders", place, change) for change in damaged]
            made_up = list(hostile_headers(content)) if file.suffix == ".npy" else []
            if file.name == "head.json":
                documents = edits(json.loads(content), self.chosen, most=2 * self.each)
                made_up += [(what, json.dumps(document).encode()) for what, document in documents]
            damage += [("made up folders", place, change) for change in made_up]
        self.chosen.shuffle(damage)
        for kind, place, change in damage[: 2 * self.each]:
            self._folder(kind, played, place, change)

    def _folder(self, kind: str, played: _Played, place: Path, change: tuple[str, bytes]) -> None:
        what, content = change
        copy = self.scratch.with_name("copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(played.folder, copy)
        (copy / place).write_bytes(content)
        self.tried(kind, f"{played.run.name}, {place}: {what}", played.dealt_from, copy)

    def _exchanged(self) -> None:
        for played in self.runs:
            for other in self.runs:
                if other is not played:
                    what = f"{other.run.name} in the place of {played.run.name}"
                    self.tried("of another run", what, played.loaded, other.file)
                    mixed = {**cr.load_state(played.file), "learned": cr.load_state(other.file)["learned"]}
                    if other.plain["learned_checksum"] != played.plain["learned_checksum"]:
                        self.tried("of another run", f"learned by {what}", played.taken, mixed)

    def _claimed(self) -> None:
        for what, content in claims():
            self.scratch.write_bytes(content)
            self.tried("claiming what is not there", what, self.runs[0].loaded, self.scratch)

    def _gone_on(self) -> None:
        for played in self.runs:
            self.tried("refused all along, then dealt on", played.run.name, played.went_on)


class _Played:
    """A run that was played and saved, and one that goes on from there while states are tried on it."""

    def __init__(self, run: StateRun, folder: Path) -> None:
        self.run, self.folder = run, folder / "files"
        self.folder.mkdir(parents=True)
        self.file, self.first = folder / "run.state", folder / "first.state"
        cr.save_state(run.dealer(self.folder, rows=run.rows).state_dict(), self.first)
        cr.save_state(run.state(self.folder), self.file)
        self.whole = self.file.read_bytes()
        self.expected = run.rest(self._fresh())
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        cr.save_state(run.state(self.folder), self.file)  # what is learned in a folder has gone on meanwhile
        self.plain = {name: value for name, value in cr.load_state(self.file).items() if name != "learned"}
        self.live = self._fresh()
        self.checksum = self.live.state_dict()["checksum"]
        self._deals = iter(self.live)

    def loaded(self, path: Path) -> str:
        """A file that is wrong is refused, or makes no difference."""
        return self.taken(cr.load_state(path))

    def taken(self, state: Any) -> str:
        """The same of a mapping."""
        self._load(state)
        self._deals = iter(self.live)
        if self.live.state_dict()["checksum"] == self.checksum:
            return "taken, identical"
        self._stand_again()
        raise AssertionError("another state was taken")

    def loaded_by_an_author(self, path: Path) -> str:
        """Somebody who knows the checksums may write another state; then it deals."""
        dealer = self.live
        self._load(cr.load_state(path))
        self._stand_again()
        if dealer.state_dict()["checksum"] == self.checksum:
            return "taken, identical"
        for _ in islice(dealer, LOOKED_AT):
            pass
        return "taken, another state that deals"

    def dealt_from(self, folder: Path) -> str:
        """With other files the run goes on as it did, or is refused."""
        dealer = self.run.dealer(folder)
        state = cr.load_state(self.file)
        dealer.load_state_dict(cr.moved_folders(state, {self.folder: folder}))
        if self.run.rest(dealer) != self.expected:
            raise AssertionError("dealt otherwise")
        return "taken, identical"

    def went_on(self) -> str:
        """After all the refusals, what is dealt on is what would have been."""
        if self.run.rest(self.live, self._deals) != self.expected:
            raise AssertionError("dealt otherwise")
        return "identical"

    def _load(self, state: Any) -> None:
        try:
            self.live.load_state_dict(state)
        except REFUSALS:
            if self.live.state_dict()["checksum"] != self.checksum:
                self._stand_again()
                raise AssertionError("refused, and yet the run was changed") from None
            raise

    def _stand_again(self) -> None:
        self.live = self._fresh()
        self._deals = iter(self.live)

    def _fresh(self) -> cr.Dealer:
        dealer = self.run.dealer(self.folder)
        dealer.load_state_dict(cr.load_state(self.file))
        return dealer
