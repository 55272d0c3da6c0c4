"""WordNet 3.0 from Debian's package `wordnet-base`: words with their glosses, and the graph of its links.

Fetched once by the package manager into a cache folder (`CROUPIER_CACHE`, else the user's), checked by a hash, never
committed. Where it cannot be had, `NotToBeHad` says why, and what needs it is skipped.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

PACKAGE, VERSION = "wordnet-base", "1:3.0-37"
PARTS = ("noun", "verb", "adj", "adv")
DIGEST = "9c33953116f661f96b2af6815ea87a505a54cd48e72994ba47bca5aad58840a6"
"""SHA-256 of the four data files, one after another."""
PART_OF_SYMBOL = {"n": "noun", "v": "verb", "a": "adj", "s": "adj", "r": "adv"}
SECONDS = 120

Int64 = npt.NDArray[np.int64]


class NotToBeHad(RuntimeError):
    """The data are not in the cache and cannot be fetched: no network, no package manager, another version."""


@dataclass(frozen=True)
class Synset:
    """One meaning: its words, its gloss without the examples, and the numbers of the synsets that it links to."""

    part: str
    words: tuple[str, ...]
    gloss: str
    links: tuple[int, ...]


@dataclass(frozen=True)
class Glosses:
    """``pairs`` of a word and the number of its synset, by synset; ``texts`` the gloss of each synset.

    A word has a pair a meaning, a gloss one a word; 1,630 synsets share theirs with another.
    """

    pairs: list[tuple[str, int]]
    texts: list[str]


def glosses() -> Glosses:
    """206,978 pairs of words and synsets, 117,659 glosses.

    Raises
    ------
    NotToBeHad
        See above; in a test, skip with its text.
    """
    found = synsets()
    return Glosses([(word, number) for number, one in enumerate(found) for word in one.words], [s.gloss for s in found])


def graph_edges() -> tuple[Int64, Int64, int]:
    """The 183,789 links between different synsets, each once with the smaller number first, and how many synsets.

    Raises
    ------
    NotToBeHad
        See above; in a test, skip with its text.
    """
    found = synsets()
    counts = np.array([len(one.links) for one in found])
    sources = np.repeat(np.arange(counts.size), counts)
    targets = np.array([link for one in found for link in one.links], np.int64)
    smaller, larger = np.minimum(sources, targets), np.maximum(sources, targets)
    codes = np.unique((smaller * counts.size + larger)[smaller < larger])
    return codes // counts.size, codes % counts.size, counts.size


def synsets() -> list[Synset]:
    """All of them: nouns, verbs, adjectives, adverbs, each part in the order of its file."""
    lines = [(part, line) for part, text in zip(PARTS, _texts(folder()), strict=True) for line in _records(text)]
    numbers = {(part, line[:8]): number for number, (part, line) in enumerate(lines)}
    return [_synset(part, line, numbers) for part, line in lines]


def folder() -> Path:
    """Where the data files lie, fetched if they are not there and checked in any case."""
    home = os.environ.get("CROUPIER_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "croupier"
    place = Path(home).expanduser() / f"{PACKAGE}-3.0-37"
    if not place.exists():
        _fetch(place)
    digest = hashlib.sha256("".join(_texts(place)).encode("latin-1")).hexdigest()
    if digest != DIGEST:
        raise NotToBeHad(f"the files in {place} are not those of {PACKAGE} {VERSION}; remove the folder")
    return place


def _fetch(place: Path) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
            _run(["apt-get", "download", f"{PACKAGE}={VERSION}"], scratch)
            package = next(Path(scratch).glob(f"{PACKAGE}_*.deb"))
            _run(["dpkg-deb", "-x", str(package), "unpacked"], scratch)
            made = Path(scratch) / "made"
            made.mkdir()
            for part in PARTS:
                shutil.copy(Path(scratch) / "unpacked" / "usr" / "share" / "wordnet" / f"data.{part}", made)
            if not place.exists():  # another process may have been quicker
                made.rename(place)
    except (OSError, subprocess.SubprocessError, StopIteration) as error:
        raise NotToBeHad(f"{PACKAGE} {VERSION} is not in the cache and cannot be fetched: {error}") from error


def _run(command: list[str], where: str) -> None:
    subprocess.run(command, cwd=where, check=True, capture_output=True, timeout=SECONDS)


def _texts(place: Path) -> list[str]:
    try:
        return [(place / f"data.{part}").read_bytes().decode("latin-1") for part in PARTS]
    except OSError as error:
        raise NotToBeHad(f"the files of {PACKAGE} cannot be read: {error}") from error


def _records(text: str) -> Iterator[str]:
    return (line for line in text.splitlines() if line and not line.startswith(" "))  # the licence is indented


def _synset(part: str, line: str, numbers: dict[tuple[str, str], int]) -> Synset:
    # offset file type words(hex) {word id} links {symbol offset part places} [frames] | gloss
    facts, _, gloss = line.partition(" | ")
    fields = facts.split(" ")
    end = 4 + 2 * int(fields[3], 16)
    words = tuple(word.partition("(")[0].replace("_", " ") for word in fields[4:end:2])
    links = range(end + 1, end + 1 + 4 * int(fields[end]), 4)
    targets = tuple(numbers[PART_OF_SYMBOL[fields[at + 2]], fields[at + 1]] for at in links)
    return Synset(part, words, gloss.partition('; "')[0].strip(), targets)


if __name__ == "__main__":
    np.save(sys.argv[1], graph_edges()[:2])  # for examples/graph_embedding.py
