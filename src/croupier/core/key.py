"""The randomness of a run: a seed and a path of names, hashed to 64 bits. Never a live generator."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from croupier.errors import LARGEST, BadArgument, checked_int

__all__ = ["Key", "checked_key"]

LARGEST_SEED = 2**64 - 1


@dataclass(frozen=True)
class Key:
    """A named random stream.

    ``Key(7).child("shuffle", 3)`` depends on the seed, the name and the number alone, so a stage's draws never
    depend on which other stages stand beside it. Each path is hashed whole (BLAKE2b), so neighbouring seeds and
    epochs share nothing: seed 0 epoch 1 is not seed 1 epoch 0.

    Examples
    --------
    >>> Key(7).child("shuffle", 3).bits == Key(7).child("shuffle").child(3).bits
    True
    >>> Key(0).child(1).bits == Key(1).child(0).bits
    False
    """

    seed: int
    path: tuple[str | int, ...] = ()

    def __post_init__(self) -> None:
        if type(self.seed) is not int or not 0 <= self.seed <= LARGEST_SEED:
            seed = checked_int("seed", self.seed, at_least=0, at_most=LARGEST_SEED, fix="pass a whole number")
            object.__setattr__(self, "seed", seed)

    def child(self, *names: str | int) -> Key:
        """The stream of this path below the present one."""
        return Key(self.seed, (*self.path, *map(_checked_name, names)))

    @cached_property
    def bits(self) -> int:
        """64 bits that stand for the seed and the whole path."""
        text = "\x1f".join([f"i{self.seed}", *(f"{type(part).__name__[0]}{part}" for part in self.path)])
        return int.from_bytes(hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "little")


def _checked_name(name: Any) -> str | int:
    if type(name) is str or (type(name) is int and -LARGEST <= name <= LARGEST):
        return name
    if isinstance(name, str):  # NumPy's, whose class has another name
        return str(name)
    if isinstance(name, bool):
        return int(name)
    return checked_int("the name of a stream", name, at_least=-LARGEST, at_most=LARGEST, fix="pass names and numbers")


def checked_key(key: Any) -> Key:
    """Return it, or refuse what is no key: a seed, say."""
    if not isinstance(key, Key):
        raise BadArgument("key", "be a Key", key, "pass Key(0), say, or Key(seed).child(epoch)")
    return key
