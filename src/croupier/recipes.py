"""Ten-line chains under the names people search for."""

from __future__ import annotations

from typing import Any

from croupier.batch.fixed_size import FixedSize
from croupier.batch.length_buckets import LengthBuckets
from croupier.batch.pack import Pack
from croupier.batch.sorted_windows import SortedWindows
from croupier.batch.token_budget import TokenBudget
from croupier.core.chain import Chain, chain
from croupier.core.policies import Tail, TooLong
from croupier.errors import checked_flag, checked_int
from croupier.order.class_balanced import ClassBalanced
from croupier.order.evaluation import Evaluation
from croupier.order.mixture import Mixture
from croupier.order.shuffle import Shuffle
from croupier.run.checking import MOST_RANKS

__all__ = ["bucketed", "class_balanced", "evaluation", "length_grouped", "mixed", "packed", "shuffled"]


def shuffled(batch_size: int, *, drop_last: bool = False) -> Chain:
    """What ``DataLoader(shuffle=True, batch_size=...)`` does, resumable on any number of ranks.

    Examples
    --------
    >>> [stage.name for stage in shuffled(32).stages]
    ['shuffle', 'fixed_size']
    """
    drop_last = checked_flag("drop_last", drop_last, fix="pass True or False")
    return chain(Shuffle(), FixedSize(batch_size, tail=Tail.DROP if drop_last else Tail.SHORT))


def length_grouped(max_tokens: int, *, window_ids: int = 6_400, length: str = "length") -> Chain:
    """The default plan for text and speech: little padding, nearly random batches, none above the budget.

    Windows within three buckets: a bucket of long examples has fewer, so its windows reach farther. The pairs that meet
    again are mostly short ones and the padding is mostly long, so at one padding a quarter fewer pairs meet again than
    in windows over all lengths. ``randomness_dial`` measures what ``window_ids`` does to your lengths.

    Examples
    --------
    >>> [stage.name for stage in length_grouped(16_384).stages]
    ['shuffle', 'length_buckets', 'sorted_windows', 'token_budget']
    """
    windows = SortedWindows(window_ids, length=length)
    return chain(Shuffle(), LengthBuckets(3, length=length), windows, TokenBudget(max_tokens, length=length))


def bucketed(max_tokens: int, *, buckets: int = 30, length: str = "length") -> Chain:
    """Length buckets with optimal bounds, for few static shapes.

    Examples
    --------
    >>> [stage.name for stage in bucketed(16_384).stages]
    ['shuffle', 'length_buckets', 'token_budget']
    """
    return chain(Shuffle(), LengthBuckets(buckets, length=length), TokenBudget(max_tokens, length=length))


def class_balanced(label: str, batch_size: int) -> Chain:
    """Batches in which every class comes equally often, each of its rows once before any comes again.

    Examples
    --------
    >>> [stage.name for stage in class_balanced("label", 256).stages]
    ['class_balanced', 'fixed_size']
    """
    return chain(ClassBalanced(label), FixedSize(batch_size))


def mixed(source: str, shares: Any, max_tokens: int, *, window_ids: int = 2**14, length: str = "length") -> Chain:
    """Domains in given shares of the tokens, grouped by length: the default plan for pretraining on several sources.

    Examples
    --------
    >>> [stage.name for stage in mixed("language", {"en": 0.7, "de": 0.3}, 16_384).stages]
    ['mixture', 'sorted_windows', 'token_budget']
    """
    mixture = Mixture(source, shares, unit=length)
    return chain(mixture, SortedWindows(window_ids, length=length), TokenBudget(max_tokens, length=length))


def packed(max_tokens: int, *, length: str = "length") -> Chain:
    """Whole documents end to end in packs of one capacity; what is longer comes in pieces. See ``torch.packed``.

    Examples
    --------
    >>> [stage.name for stage in packed(8192).stages]
    ['shuffle', 'pack']
    """
    return chain(Shuffle(), Pack(max_tokens, too_long=TooLong.SPLIT, length=length))


def evaluation(batch_size: int, *, world_size: int = 1) -> Chain:
    """Each row once over all ranks, in full batches, with padding flagged; see ``in_table_order``.

    Examples
    --------
    >>> [stage.name for stage in evaluation(64, world_size=8).stages]
    ['evaluation', 'fixed_size']
    """
    batch_size = checked_int("batch_size", batch_size, at_least=1, fix="pass the number of ids in a batch")
    world_size = checked_int("world_size", world_size, at_least=1, at_most=MOST_RANKS, fix="pass the number of ranks")
    return chain(Evaluation(multiple_of=batch_size * world_size), FixedSize(batch_size))
