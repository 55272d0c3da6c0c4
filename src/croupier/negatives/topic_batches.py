"""Batches of one topic each, all of them full: the other rows of a batch are negatives that are hard to tell apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.facts import gathered
from croupier.core.key import Key
from croupier.core.policies import Tail
from croupier.core.shuffling import shuffled
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, BadTable, checked_int
from croupier.kernels.grouping import group_rows

__all__ = ["TopicBatches"]


@dataclass(frozen=True, slots=True)
class TopicBatches:
    """Cut batches from one topic, or a few, each; what is left of the topics fills the last batches.

    Topics are clusters of the queries, made once from a model's embeddings: ``balanced_clusters(...).of_row``, or the
    assignment of faiss or scikit-learn's k-means, as a column of the table.

    Parameters
    ----------
    batch_size : int
    topics : str
        The column that holds the topic of each row: whole numbers >= 0, or strings.
    topics_per_batch : int
        How many topics share a batch, in equal parts; divides the batch size.
    tail : Tail
        The end of an epoch.

    Topics are gathered within a segment, or within an incoming batch: raise ``chain(..., segment_ids=)`` where topics
    are small against that. Batches come in random order.

    Guarantees: every id once an epoch, so that large topics get as many batches as they have rows for; every batch
    full but one for each segment or incoming batch. Those of the rests, at most one for each topic and the rest of the
    batch size, hold several topics.

    Source: Hofstaetter and others, "Efficiently teaching an effective dense retriever with balanced topic aware
    sampling", SIGIR 2021: there topics are drawn alike, without an end, and small ones repeat.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(topic=[0, 1, 0, 1, 0, 1])
    >>> plan = cr.chain(cr.Sequential(), TopicBatches(2, "topic"))
    >>> sorted(deal.ids.tolist() for deal in cr.Dealer(plan, table, seed=0))
    [[0, 2], [1, 3], [4, 5]]
    """

    batch_size: int
    topics: str = "topic"
    topics_per_batch: int = 1
    tail: Tail = Tail.SHORT
    name: str = "topic_batches"

    def __post_init__(self) -> None:
        size = checked_int("batch_size", self.batch_size, at_least=1, fix="pass the number of ids in a batch")
        object.__setattr__(self, "batch_size", size)
        topics_per_batch = checked_int(
            "topics_per_batch", self.topics_per_batch, at_least=1, fix="pass 1 for batches of one topic"
        )
        object.__setattr__(self, "topics_per_batch", topics_per_batch)
        if self.batch_size % self.topics_per_batch:
            raise BadArgument(
                "topics_per_batch", f"divide batch_size={self.batch_size}", self.topics_per_batch, "choose a divisor"
            )
        if not isinstance(self.tail, Tail):
            raise BadArgument("tail", "be a Tail", self.tail, "pass Tail.SHORT, Tail.CARRY or Tail.DROP")

    @property
    def prepared_per_epoch(self) -> bool:
        """Topics are looked at once."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """A look at the column; derives nothing."""
        column = table.column(self.topics)
        if column.ndim != 1 or column.dtype.kind not in "biu" or int(column.min()) < 0:
            raise BadTable(self.topics, "hold strings or whole numbers >= 0", column.dtype, "number the topics")
        return {}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Batches of each incoming batch, topic by topic."""
        topics = gathered(batches, context.table, self.topics)
        rows: list[Int64] = []
        sizes: list[Int64] = []
        for number, (begin, end) in enumerate(
            zip(batches.offsets[:-1].tolist(), batches.offsets[1:].tolist(), strict=True)
        ):
            rows.append(begin + self._by_topic(topics[begin:end].astype(np.int64), context.segment_key.child(number)))
            full, rest = divmod(end - begin, self.batch_size)
            sizes.append(np.array([self.batch_size] * full + [rest] * (rest > 0), dtype=np.int64))
        if not rows:
            return batches
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(sizes))])
        return replace(batches.take(np.concatenate(rows), offsets), interchangeable=True)

    def _by_topic(self, topics: Int64, key: Key) -> Int64:
        """Rows in parts of one topic each, in random order where several topics share a batch; rests last."""
        part = self.batch_size // self.topics_per_batch
        _, ranks = np.unique(topics, return_inverse=True)
        rows, offsets = group_rows(ranks.astype(np.int64), int(ranks.max()) + 1)
        sizes = np.diff(offsets)
        place = np.arange(rows.size) - np.repeat(offsets[:-1], sizes)
        in_part = place < np.repeat(sizes - sizes % part, sizes)
        parts = rows[in_part].reshape(-1, part)
        if self.topics_per_batch > 1:
            parts = parts[shuffled(np.arange(parts.shape[0], dtype=np.int64), parts.shape[0], key)]
        return np.concatenate([parts.ravel(), rows[~in_part]])
