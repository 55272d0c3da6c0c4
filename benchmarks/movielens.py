"""MovieLens-100k, as RecBole's wheel carries it: who rated which film when. Fetched into the cache, never committed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measures import Int64
from benchmarks.wordnet import NotToBeHad

PACKAGE, VERSION = "recbole", "1.2.1"
DIGEST = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
"""SHA-256 of the wheel."""
MEMBER = "recbole/dataset_example/ml-100k/ml-100k.inter"
SECONDS = 120


@dataclass(frozen=True)
class Ratings:
    """100,000 ratings: users 0 .. 942, films 0 .. 1,681, seconds since 1970."""

    users: Int64
    films: Int64
    times: Int64

    @property
    def film_count(self) -> int:
        return int(self.films.max()) + 1

    @property
    def popularity(self) -> Int64:
        """How many ratings each film has."""
        return np.bincount(self.films, minlength=self.film_count)


def ratings() -> Ratings:
    """All of them, in the order of the file; ``NotToBeHad`` where they cannot be fetched."""
    with zipfile.ZipFile(_wheel()) as archive:
        lines = archive.read(MEMBER).decode().splitlines()[1:]
    columns = np.array([[float(value) for value in line.split("\t")] for line in lines]).astype(np.int64).T
    return Ratings(columns[0] - 1, columns[1] - 1, columns[3])


def _wheel() -> Path:
    home = os.environ.get("CROUPIER_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "croupier"
    place = Path(home).expanduser() / f"{PACKAGE}-{VERSION}-py3-none-any.whl"
    if not place.exists():
        _fetch(place)
    if hashlib.sha256(place.read_bytes()).hexdigest() != DIGEST:
        raise NotToBeHad(f"{place} is not the wheel of {PACKAGE} {VERSION}; remove it")
    return place


def _fetch(place: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
            wanted = [*command, "--dest", scratch, f"{PACKAGE}=={VERSION}"]
            subprocess.run(wanted, check=True, capture_output=True, timeout=SECONDS)
            next(Path(scratch).glob("*.whl")).replace(place)
    except (OSError, subprocess.SubprocessError, StopIteration) as error:
        raise NotToBeHad(f"{PACKAGE} {VERSION} is not in the cache and cannot be fetched: {error}") from error
