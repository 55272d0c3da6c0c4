"""Real pairs of texts that are always there: functions of Python's standard library, and their docstrings."""

from __future__ import annotations

import ast
import re
import sysconfig
import textwrap
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.measures import Int64

PADDING, BEGIN, END = 0, 1, 2
FIRST_BYTE = 3
WORD = re.compile(r" ?\w+| ?[^\w\s]+|\s+")
SKIPPED = {"test", "tests", "site-packages", "idlelib", "lib2to3", "__pycache__"}

Symbols = tuple[int, ...]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Pairs:
    """Tokenised pairs: input i is ``sources[i]``, output i ``targets[i]``, begun and ended."""

    sources: Sequence[Int64]
    targets: Sequence[Int64]

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, row: int) -> tuple[Int64, Int64]:
        return self.sources[row], self.targets[row]

    @property
    def source_lengths(self) -> Int64:
        """Tokens that the encoder reads, shape (n,)."""
        return np.array([source.size for source in self.sources], np.int64)

    @property
    def target_lengths(self) -> Int64:
        """Tokens that the decoder predicts, shape (n,): each but the first."""
        return np.array([target.size - 1 for target in self.targets], np.int64)

    def take(self, rows: Int64) -> Pairs:
        """These pairs, in this order."""
        chosen = rows.tolist()
        return Pairs([self.sources[row] for row in chosen], [self.targets[row] for row in chosen])

    def split(self, held_out: int) -> tuple[Pairs, Pairs]:
        """Pairs to train on and that many to test on, chosen by a hash of the output: equal docstrings stay together.

        Fewer are held out where the last docstring chosen stands at several functions.
        """
        hashes = np.array([zlib.crc32(target.tobytes()) for target in self.targets])
        limit = np.sort(hashes)[held_out]
        return self.take(np.flatnonzero(hashes >= limit)), self.take(np.flatnonzero(hashes < limit))


class BytePairs:
    """Byte-pair encoding: bytes, and the pairs of symbols that were most frequent, merged one after the other.

    Source: Sennrich et al., "Neural machine translation of rare words with subword units" (ACL 2016), section 3.2.
    """

    def __init__(self, texts: Sequence[str], vocabulary: int) -> None:
        counts = Counter(word for text in texts for word in WORD.findall(text))
        self.merges = _learned_merges(counts, vocabulary - FIRST_BYTE - 256)
        self.vocabulary = FIRST_BYTE + 256 + len(self.merges)
        self._known: dict[str, Symbols] = {}

    def encode(self, text: str) -> list[int]:
        """Token numbers; any text can be encoded."""
        return [symbol for word in WORD.findall(text) for symbol in self._word(word)]

    def _word(self, word: str) -> Symbols:
        symbols = self._known.get(word)
        if symbols is None:
            symbols = _bytes_of(word)
            while len(symbols) > 1:
                first = min(pairwise(symbols), key=lambda pair: self.merges.get(pair, self.vocabulary))
                if first not in self.merges:
                    break
                symbols = _merged(symbols, first, self.merges[first])
            self._known[word] = symbols
        return symbols


def read_pairs(*, longest: int, vocabulary: int) -> Pairs:
    """Every function that has a docstring: its code without it, then the docstring.

    Both are cut after ``longest`` tokens, as recipes for encoder-decoders do. Nothing is imported or executed.
    """
    texts = list(dict.fromkeys(_functions()))
    encoding = BytePairs([text for pair in texts for text in pair], vocabulary)
    sources = [np.array(encoding.encode(code)[:longest], np.int64) for code, _ in texts]
    targets = [np.array([BEGIN, *encoding.encode(doc)[: longest - 1], END], np.int64) for _, doc in texts]
    return Pairs(sources, targets)


def _functions() -> Iterator[tuple[str, str]]:
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted(library.rglob("*.py")):
        if SKIPPED.intersection(path.relative_to(library).parts):
            continue
        try:
            text = path.read_text(encoding="utf8")
            tree = ast.parse(text)
        except (SyntaxError, UnicodeDecodeError):  # fixtures of broken sources
            continue
        lines = text.splitlines()
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (docstring := ast.get_docstring(node)):
                documented, *rest = node.body
                head = lines[node.lineno - 1 : documented.lineno - 1]
                body = lines[rest[0].lineno - 1 : rest[-1].end_lineno] if rest else []
                yield textwrap.dedent("\n".join([*head, *body])), docstring


def _bytes_of(word: str) -> Symbols:
    return tuple(FIRST_BYTE + byte for byte in word.encode())


def _merged(symbols: Symbols, pair: Pair, merged: int) -> Symbols:
    """The symbols with each occurrence of the pair replaced, from the left."""
    result: list[int] = []
    for symbol in symbols:
        if result and (result[-1], symbol) == pair:
            result[-1] = merged
        else:
            result.append(symbol)
    return tuple(result)


def _learned_merges(counts: Mapping[str, int], merges: int) -> dict[Pair, int]:
    """Pairs by the number of their merge; equal counts go to the smaller pair, so that the result is one."""
    spelled = [_bytes_of(word) for word in counts]
    often = list(counts.values())
    total: Counter[Pair] = Counter()
    holders: defaultdict[Pair, set[int]] = defaultdict(set)
    for word, symbols in enumerate(spelled):
        for pair in pairwise(symbols):
            total[pair] += often[word]
            holders[pair].add(word)
    # Counts change while their entries wait in the heap: one that is out of date is met and passed over.
    heap = [(-count, pair) for pair, count in total.items()]
    heapify(heap)
    learned: dict[Pair, int] = {}
    while heap and len(learned) < merges:
        count, best = heappop(heap)
        if total[best] != -count or best in learned:
            continue
        learned[best] = symbol = FIRST_BYTE + 256 + len(learned)
        changed: Counter[Pair] = Counter()
        for word in holders.pop(best):
            before, spelled[word] = spelled[word], _merged(spelled[word], best, symbol)
            for pair in pairwise(before):
                changed[pair] -= often[word]
            for pair in pairwise(spelled[word]):
                changed[pair] += often[word]
                holders[pair].add(word)
        for pair, change in changed.items():
            total[pair] += change
            if change and total[pair]:
                heappush(heap, (-total[pair], pair))
    return learned
