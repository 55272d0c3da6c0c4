"""Texts as vectors without a network or a GPU: the static word vectors of PyPI's `wordllama`, MIT.

The wheel is fetched once by pip into a cache folder (`CROUPIER_CACHE`, else the user's), checked by a hash, never
committed; weights and tokenizer are read from it, the package is not imported. Where it cannot be had, `NotToBeHad`
says why, and what needs it is skipped.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.wordnet import NotToBeHad, glosses

PACKAGE, VERSION = "wordllama", "0.4.0.post1"
WEIGHTS = "wordllama/weights/l2_supercat_256.safetensors"
TOKENIZER = "wordllama/tokenizers/l2_supercat_tokenizer_config.json"
DIGEST = "4d243a4b2daee65802d68699e288b9347fd45097303dc232205a660a82b5171e"
"""SHA-256 of the weights and the tokenizer, one after the other; they are the same in the wheel of every platform."""
SECONDS = 180
BATCH = 4096

Float32 = npt.NDArray[np.float32]


def embedded(texts: Sequence[str]) -> Float32:
    """The mean of the vectors of a text's tokens, divided by its length, shape (texts, 256).

    Raises
    ------
    NotToBeHad
        See above; in a test, skip with its text.
    ImportError
        `tokenizers` is not installed.
    """
    from tokenizers import Tokenizer

    weights, tokenizer_text = _contents()
    vectors = _tensor(weights).astype(np.float32)
    tokenizer = Tokenizer.from_str(tokenizer_text.decode())
    means = np.empty((len(texts), vectors.shape[1]), np.float32)
    for begin in range(0, len(texts), BATCH):
        tokens = [
            found.ids for found in tokenizer.encode_batch(list(texts[begin : begin + BATCH]), add_special_tokens=False)
        ]
        begins = np.concatenate([[0], np.cumsum([len(one) for one in tokens])[:-1]])
        means[begin : begin + len(tokens)] = np.add.reduceat(vectors[np.concatenate(tokens)], begins, axis=0)
    return means / np.linalg.norm(means, axis=1, keepdims=True)


def words_and_glosses() -> tuple[list[str], list[str]]:
    """117,659 queries, the words of each synset of WordNet, and the gloss that answers each."""
    found = glosses()
    words: list[list[str]] = [[] for _ in found.texts]
    for word, number in found.pairs:
        words[number].append(word)
    return [", ".join(one) for one in words], found.texts


def _contents() -> tuple[bytes, bytes]:
    home = os.environ.get("CROUPIER_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "croupier"
    place = Path(home).expanduser() / f"{PACKAGE}-{VERSION}"
    if not place.exists():
        _fetch(place)
    try:
        with zipfile.ZipFile(next(place.glob("*.whl"))) as wheel:
            weights, tokenizer = wheel.read(WEIGHTS), wheel.read(TOKENIZER)
    except (OSError, StopIteration, KeyError, zipfile.BadZipFile) as error:
        raise NotToBeHad(f"the files of {PACKAGE} cannot be read: {error!r}") from error
    if hashlib.sha256(weights + tokenizer).hexdigest() != DIGEST:
        raise NotToBeHad(f"the files in {place} are not those of {PACKAGE} {VERSION}; remove the folder")
    return weights, tokenizer


def _fetch(place: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", f"{PACKAGE}=={VERSION}"]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
            made = Path(scratch) / "made"
            made.mkdir()
            subprocess.run([*command, "--dest", str(made)], check=True, capture_output=True, timeout=SECONDS)
            if not place.exists():  # another process may have been quicker
                made.rename(place)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotToBeHad(f"{PACKAGE} {VERSION} is not in the cache and cannot be fetched: {error}") from error


def _tensor(content: bytes) -> npt.NDArray[np.float16]:
    """The only tensor of a safetensors file: a size, a JSON head, raw numbers."""
    size = int.from_bytes(content[:8], "little")
    head = {name: one for name, one in json.loads(content[8 : 8 + size]).items() if name != "__metadata__"}
    (tensor,) = head.values()
    begin, end = (8 + size + at for at in tensor["data_offsets"])
    return np.frombuffer(content[begin:end], np.dtype("<f2")).reshape(tensor["shape"])
