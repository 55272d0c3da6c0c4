"""Real text that is always there: the docstrings and sources of Python's own standard library."""

from __future__ import annotations

import ast
import hashlib
import re
import sysconfig
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from croupier.core.batches import Int64
from croupier.core.table import Table

__all__ = ["Corpus", "load_corpus", "read_corpus"]

MAX_TOKENS = 1024
VOCABULARY = 1024
TOKEN = re.compile(r"\w+|[^\w\s]")
SKIPPED = {"test", "tests", "site-packages", "idlelib", "lib2to3", "__pycache__"}


@dataclass(frozen=True, slots=True)
class Corpus:
    """Tokenised texts, all in one array: text i is ``tokens[offsets[i]:offsets[i + 1]]``."""

    tokens: Int64
    offsets: Int64
    domains: tuple[str, ...]
    """The top-level module each text comes from."""

    def __len__(self) -> int:
        return self.offsets.size - 1

    def __getitem__(self, index: int) -> Int64:
        return self.tokens[self.offsets[index] : self.offsets[index + 1]]

    @property
    def lengths(self) -> Int64:
        """Tokens of each text."""
        return np.diff(self.offsets)

    def table(self) -> Table:
        """The facts a plan needs."""
        return Table(length=self.lengths, source=np.array(self.domains))

    def split(self, held_out_share: float) -> tuple[Corpus, Corpus]:
        """Texts to train on and texts to test on, by a hash of their content, so that copies stay on one side."""
        limit = int(held_out_share * 2**32)
        held_out = np.array([zlib.crc32(self[i].tobytes()) < limit for i in range(len(self))])
        return self.take(np.flatnonzero(~held_out)), self.take(np.flatnonzero(held_out))

    def save(self, path: Path) -> None:
        """Write it for another process to read."""
        np.savez(path, tokens=self.tokens, offsets=self.offsets, domains=np.array(self.domains))

    def take(self, rows: Int64) -> Corpus:
        """These texts, in this order."""
        texts = [self[row] for row in rows.tolist()]
        return _joined(texts, [self.domains[row] for row in rows.tolist()])


def read_corpus(texts: int | None = None) -> Corpus:
    """Docstrings, and functions and classes without them, tokenised; long ones cut into pieces of 1,024 tokens.

    Parameters
    ----------
    texts : int, optional
        At most this many, evenly spaced over the library. Nothing is imported or executed.
    """
    found: list[tuple[str, Int64]] = list(_texts())
    if texts is not None and texts < len(found):
        found = [found[place] for place in _evenly_spaced(len(found), texts)]
    return _joined([tokens for _, tokens in found], [domain for domain, _ in found])


def load_corpus(path: Path) -> Corpus:
    """Read what :meth:`Corpus.save` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return Corpus(arrays["tokens"], arrays["offsets"], tuple(arrays["domains"].tolist()))


def _joined(texts: list[Int64], domains: list[str]) -> Corpus:
    ends = np.cumsum([0, *(text.size for text in texts)])
    return Corpus(np.concatenate(texts), ends.astype(np.int64), tuple(domains))


def _evenly_spaced(total: int, wanted: int) -> list[int]:
    return [place * total // wanted for place in range(wanted)]


def _texts() -> Iterator[tuple[str, Int64]]:
    library = Path(sysconfig.get_path("stdlib"))
    seen: set[bytes] = set()
    for path in sorted(library.rglob("*.py")):
        parts = path.relative_to(library).parts
        if SKIPPED.intersection(parts):
            continue
        for text in _parts_of(path):
            tokens = _tokens(text)
            digest = hashlib.blake2b(tokens.tobytes(), digest_size=8).digest()
            if digest in seen:
                continue
            seen.add(digest)
            for begin in range(0, tokens.size, MAX_TOKENS):
                piece = tokens[begin : begin + MAX_TOKENS]
                if piece.size >= 2:
                    yield parts[0].removesuffix(".py"), piece


def _parts_of(path: Path) -> Iterator[str]:
    try:
        source = path.read_text(encoding="utf8")
        tree = ast.parse(source)
    except (SyntaxError, UnicodeDecodeError):  # fixtures of broken sources
        return
    lines = source.splitlines()
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        docstring = ast.get_docstring(node)
        if docstring:
            yield docstring
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if docstring else node.body
            if body:
                yield "\n".join(lines[body[0].lineno - 1 : body[-1].end_lineno])


def _tokens(text: str) -> Int64:
    """Words and signs, hashed into a small vocabulary; 0 is padding."""
    return np.array(
        [1 + zlib.crc32(token.encode()) % (VOCABULARY - 1) for token in TOKEN.findall(text)], dtype=np.int64
    )
