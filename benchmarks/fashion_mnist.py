"""Fashion-MNIST from Debian's package `dataset-fashion-mnist`: 60,000 + 10,000 grey images of 28 x 28, ten classes.

Fetched once by the package manager into a cache folder (`CROUPIER_CACHE`, else the user's), checked by a hash, never
committed. Where it cannot be had, `NotToBeHad` says why, and what needs it is skipped.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.wordnet import NotToBeHad

PACKAGE, VERSION = "dataset-fashion-mnist", "0.0~git20200523.55506a9-1"
PARTS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
DIGEST = "362ba1f5424f406d0db9c78b0e83db011b09c121c5c5f94ee5c077628f9adb5c"
"""SHA-256 of the four files as they are packed, one after another."""
SECONDS = 300

Images = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


def fashion_mnist() -> tuple[tuple[Images, Labels], tuple[Images, Labels]]:
    """The images to train on and those to test with, float32 of shape (n, 784) in [0, 1], each with their labels.

    Raises
    ------
    NotToBeHad
        See above; in a test, skip with its text.
    """
    train, train_labels, test, test_labels = (gzip.decompress(packed) for packed in _packed(folder()))
    return (_images(train), _labels(train_labels)), (_images(test), _labels(test_labels))


def folder() -> Path:
    """Where the files lie, fetched if they are not there and checked in any case."""
    home = os.environ.get("CROUPIER_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "croupier"
    place = Path(home).expanduser() / f"{PACKAGE}-20200523"
    if not place.exists():
        _fetch(place)
    if hashlib.sha256(b"".join(_packed(place))).hexdigest() != DIGEST:
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
                shutil.copy(Path(scratch, "unpacked/usr/share/datasets/fashion-mnist", f"{part}-ubyte.gz"), made)
            if not place.exists():  # another process may have been quicker
                made.rename(place)
    except (OSError, subprocess.SubprocessError, StopIteration) as error:
        raise NotToBeHad(f"{PACKAGE} {VERSION} is not in the cache and cannot be fetched: {error}") from error


def _run(command: list[str], where: str) -> None:
    subprocess.run(command, cwd=where, check=True, capture_output=True, timeout=SECONDS)


def _packed(place: Path) -> list[bytes]:
    try:
        return [(place / f"{part}-ubyte.gz").read_bytes() for part in PARTS]
    except OSError as error:
        raise NotToBeHad(f"the files of {PACKAGE} cannot be read: {error}") from error


def _images(raw: bytes) -> Images:
    return (np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 784) / 255).astype(np.float32)


def _labels(raw: bytes) -> Labels:
    return np.frombuffer(raw, np.uint8, offset=8).astype(np.int64)
