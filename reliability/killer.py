"""Play a run to its end through kills: ranks, workers, all at once, while starting, while a checkpoint is written."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from multiprocessing.process import BaseProcess
from pathlib import Path

from reliability.killed_rank import RankOrder, checkpoints, train_rank
from reliability.killed_runs import RUNS, save_refreshes

__all__ = ["Kill", "Killer", "Played"]

PATIENCE_SECONDS = 90.0
POLL_SECONDS = 0.0005
MOST_STEPS_ALIVE = 9
MOST_GENERATIONS = 400


class Kill(Enum):
    """What is killed, and when."""

    RANK = "one rank"
    ALL = "all ranks at once"
    WORKER = "a worker"
    WRITING = "rank 0 as it writes a checkpoint"
    STARTING = "ranks that start"


@dataclass
class Played:
    """One run to its end: where its logs are, and what was done to it."""

    run: str
    folder: Path
    lanes: int
    kills: Counter[str] = field(default_factory=Counter)
    worlds: list[int] = field(default_factory=list)
    rolled_back: int = 0
    damaged: int = 0
    half_written: set[str] = field(default_factory=set)
    """Files that a kill has left in the middle of being written."""
    fault: str | None = None


class Killer:
    """Plays runs, with choices drawn from a seed; the instants are those of the machine.

    Ranks are forked from a server that has imported all and dealt once, so that most of a kill's time is training.
    """

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._stuck = False
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(["reliability.warmed"])

    def play(self, run: str, folder: Path, *, kills: int, worlds: Sequence[int] | None = None) -> Played:
        """Start the run and kill it until it ends; after so many kills it is left alone."""
        folder.mkdir(parents=True)
        save_refreshes(folder)
        worlds = RUNS[run].worlds if worlds is None else worlds
        played = Played(run, folder, self._chance.choice(worlds))
        for generation in range(MOST_GENERATIONS):
            world_size = played.lanes if generation == 0 else self._chance.choice(worlds)
            ended = self._generation(played, generation, world_size, may_kill=played.kills.total() < kills)
            if ended or played.fault is not None:
                return played
            self._tamper(played)
        played.fault = f"no end after {MOST_GENERATIONS} restarts"
        return played

    def _generation(self, played: Played, generation: int, world_size: int, *, may_kill: bool) -> bool:
        workers = self._chance.choice((0, 0, 1, 2))
        accumulation = self._chance.choice(RUNS[played.run].accumulations)
        orders = [
            RankOrder(played.folder, played.run, generation, rank, world_size, played.lanes, workers, accumulation)
            for rank in range(world_size)
        ]
        played.worlds.append(world_size)
        ranks = [self._processes.Process(target=train_rank, args=(order,)) for order in orders]
        for process in ranks:
            process.start()
        try:
            struck = self._strike(orders, ranks) if may_kill else None
            if struck is not None:
                played.kills[struck.value] += 1
                if self._stuck:
                    played.fault = f"generation {generation}: a rank hangs whose worker was killed"
                time.sleep(self._chance.choice((0.0, 0.0, self._chance.uniform(0, 0.05))))
                return False
            return self._ended(played, orders, ranks)
        finally:
            _stop(ranks)

    def _strike(self, orders: list[RankOrder], ranks: list[BaseProcess]) -> Kill | None:
        """Kill in one of the ways; None where the run ended before."""
        kill = self._chance.choice([kind for kind in Kill if kind is not Kill.WORKER or orders[0].workers])
        victim = self._chance.randrange(len(ranks))
        if kill is Kill.STARTING:
            time.sleep(self._chance.uniform(0, 0.3))
            return self._killed(kill, [ranks[victim]])
        wanted = self._chance.randint(1, MOST_STEPS_ALIVE)
        mark, log = ('"writes"', orders[0].log) if kill is Kill.WRITING else ('"mean"', orders[victim].log)
        wanted = 1 + wanted // 4 if kill is Kill.WRITING else wanted
        if not _waited(lambda: _count(log, mark) >= wanted or _any_dead(ranks)) or _any_dead(ranks):
            return None
        time.sleep(self._chance.uniform(0, 0.002 if kill is Kill.WRITING else 0.006))
        if kill is Kill.WORKER:
            children = _children(ranks[victim].pid)
            if not children:
                return self._killed(Kill.RANK, [ranks[victim]])
            _kill(self._chance.choice(children))
            self._stuck = not _waited(lambda: not ranks[victim].is_alive())
            return kill
        chosen = ranks if kill is Kill.ALL else [ranks[0 if kill is Kill.WRITING else victim]]
        return self._killed(kill, chosen)

    def _killed(self, kill: Kill, chosen: list[BaseProcess]) -> Kill | None:
        if all(process.exitcode is not None for process in chosen):
            return None
        for process in chosen:
            _kill(process.pid)
        return kill

    def _ended(self, played: Played, orders: list[RankOrder], ranks: list[BaseProcess]) -> bool:
        if not _waited(lambda: all(not process.is_alive() for process in ranks) or _any_failed(ranks)):
            played.fault = f"generation {orders[0].generation} hangs on {len(ranks)} ranks"
        elif _any_failed(ranks):
            codes = [process.exitcode for process in ranks]
            played.fault = f"generation {orders[0].generation}: ranks ended with {codes}: {_last_error(played.folder)}"
        return played.fault is None

    def _tamper(self, played: Played) -> None:
        """What happens to checkpoints between two starts: cut off, damaged, or an older one is gone back to."""
        parts = {f"{part.name} {part.stat().st_mtime_ns}" for part in played.folder.rglob("*.part")}
        played.half_written |= parts
        there = checkpoints(played.folder)
        if len(there) < 2:
            return
        chance = self._chance.random()
        if chance < 0.15:
            there[-1].unlink()
            played.rolled_back += 1
        elif chance < 0.3:
            content = bytearray(there[-1].read_bytes())
            place = self._chance.randrange(len(content))
            if self._chance.random() < 0.5:
                content[place] ^= 1 << self._chance.randrange(8)
            else:
                del content[place:]
            there[-1].write_bytes(content)
            played.damaged += 1


def _waited(until: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not until():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _count(log: Path, mark: str) -> int:
    return log.read_text().count(mark) if log.exists() else 0


def _any_dead(ranks: list[BaseProcess]) -> bool:
    return any(process.exitcode is not None for process in ranks)


def _any_failed(ranks: list[BaseProcess]) -> bool:
    return any(process.exitcode not in (None, 0) for process in ranks)


def _children(pid: int | None) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def _kill(pid: int | None) -> None:
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _last_error(folder: Path) -> str:
    said = (folder / "errors.txt").read_text().strip().splitlines()
    return said[-1][:300] if said else "without a word"


def _stop(ranks: list[BaseProcess]) -> None:
    """End what is left of them, workers too, and wait until they are gone."""
    for process in ranks:
        if process.pid is not None:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                process.kill()
    for process in ranks:
        process.join()
