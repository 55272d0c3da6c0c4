"""As many examples as fit a budget of padded tokens."""

from __future__ import annotations

from dataclasses import dataclass

from croupier.batch.over_long import padded_size, refuse_longer, settle_over_long
from croupier.core.batches import Batches
from croupier.core.facts import check_free, check_length_column, checked_names, several_lengths_of
from croupier.core.key import Key
from croupier.core.policies import TooLong
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_int
from croupier.kernels.cutting import cut_by_budget

__all__ = ["TokenBudget"]

NO_LIMIT = 2**62


@dataclass(frozen=True, slots=True)
class TokenBudget:
    """Close a batch where one more example would bring examples x longest above ``max_tokens``.

    Parameters
    ----------
    max_tokens : int
        Tokens in a batch, padding included: per rank under Lockstep, of the whole step under Balanced.
        In whatever unit the length column counts: tokens, frames, milliseconds.
    max_examples : int, optional
    multiple_of : int
        Lengths count as padded up to a multiple of this, as a collate function does for tensor cores.
    too_long : TooLong
        What to do with an example longer than the budget: ``TooLong.REFUSE`` (default), ``DROP``, ``TRUNCATE``,
        ``SPLIT`` into pieces (columns ``start`` and ``length``), or ``ALONE`` in a batch that is over the budget.
    length : str or tuple of str
        The table's column of lengths; or several that are padded side by side, input and output say: then the tokens of
        a batch are examples x the sum of the longest of each, and ``too_long`` may not cut.

    Guarantees: no batch above the budget, except a batch of one under ``ALONE`` (``Balanced`` evens out the last two of
    an epoch, and has a cap of its own); order kept; fewest batches for this order; the columns of lengths travel with
    the ids (the planned length under ``TRUNCATE``).

    Raises
    ------
    BadTable
        A length that is negative or not whole, or above the budget under ``REFUSE``.

    Source: the padded budget of Ott et al., "Scaling Neural Machine Translation" (2018), section 3.

    Examples
    --------
    >>> import croupier as cr
    >>> plan = cr.chain(cr.Sequential(), TokenBudget(max_tokens=8))
    >>> [deal.ids.tolist() for deal in cr.Dealer(plan, cr.Table(length=[2, 3, 4, 4, 1]), seed=0)]
    [[0, 1], [2, 3], [4]]
    """

    max_tokens: int
    max_examples: int | None = None
    multiple_of: int = 1
    too_long: TooLong = TooLong.REFUSE
    length: str | tuple[str, ...] = "length"
    name: str = "token_budget"

    def __post_init__(self) -> None:
        max_tokens = checked_int(
            "max_tokens", self.max_tokens, at_least=1, fix="pass the padded tokens that fit a batch"
        )
        object.__setattr__(self, "max_tokens", max_tokens)
        if self.max_examples is not None:
            max_examples = checked_int("max_examples", self.max_examples, at_least=1, fix="pass None for no limit")
            object.__setattr__(self, "max_examples", max_examples)
        multiple_of = checked_int("multiple_of", self.multiple_of, at_least=1, fix="pass 1 for no rounding")
        object.__setattr__(self, "multiple_of", multiple_of)
        if not isinstance(self.too_long, TooLong):
            raise BadArgument("too_long", "be a TooLong", self.too_long, "pass TooLong.DROP, say")
        if len(checked_names(self.length)) > 1 and self.too_long in (TooLong.TRUNCATE, TooLong.SPLIT):
            raise BadArgument(
                "too_long", "be REFUSE, DROP or ALONE where there are several lengths", self.too_long,
                "which of them should be cut? cut them in the table",
            )  # fmt: skip
        if self.longest_allowed == 0:
            raise BadArgument(
                "max_tokens", f"be >= multiple_of ({self.multiple_of})", self.max_tokens, "raise max_tokens"
            )

    @property
    def longest_allowed(self) -> int:
        """The longest example that fits the budget alone, its padding counted."""
        return self.max_tokens // self.multiple_of * self.multiple_of

    @property
    def prepared_per_epoch(self) -> bool:
        """Lengths are checked once."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """Check the length column before the run rather than in the middle of it; derives nothing."""
        names = checked_names(self.length)
        for name in names:
            check_length_column(table, name)
        if self.too_long is TooLong.SPLIT:
            check_free(table, "start", self.name)
        if self.too_long is TooLong.REFUSE:
            budget = f"max_tokens={self.max_tokens}"
            refuse_longer(table, names, self.longest_allowed, budget, multiple_of=self.multiple_of)
        return {}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Cut each incoming batch greedily."""
        names = checked_names(self.length)
        lengths = several_lengths_of(batches, context.table, names)
        batches = settle_over_long(
            batches.with_columns(**dict(zip(names, lengths.T, strict=True))),
            lengths[:, 0] if len(names) == 1 else padded_size(lengths, self.multiple_of),
            self.longest_allowed,
            self.too_long,
            length=" + ".join(names),
            budget=f"max_tokens={self.max_tokens}",
            stage=self.name,
        )
        offsets = cut_by_budget(
            several_lengths_of(batches, context.table, names),
            batches.offsets,
            max_tokens=self.max_tokens,
            max_examples=self.max_examples or NO_LIMIT,
            pad_multiple=self.multiple_of,
        )
        return batches.with_offsets(offsets)
