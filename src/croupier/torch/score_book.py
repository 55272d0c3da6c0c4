"""One line in the training loop that reports what a plan keeps of each example."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from croupier.core.keeping import Kept
from croupier.errors import BadArgument, checked_int
from croupier.run.deal import Deal
from croupier.run.kept_scores import kept_scores
from croupier.torch.loader import Loader
from croupier.torch.training_scores import TrainingScores, last_layer_gradient_norm, training_scores

__all__ = ["ScoreBook"]

GRADIENT_NORM = "gradient_norm"


class ScoreBook:
    """Report to a plan the signals that its stages keep or learn from, computed from logits and labels.

    Parameters
    ----------
    loader : Loader
        Of a plan with :class:`croupier.KeepScores`, or that learns.
    ignored : int
        The label of tokens that do not count.
    bias : bool
        Whether the last layer has one: its gradient is a part of "gradient_norm".

    Signals: "loss", "el2n", "margin" and "correct" as in :class:`TrainingScores`; "gradient_norm", that of the last
    layer, where ``hidden`` is given; any other by name. Only those that the plan makes use of are computed. An example
    all of whose labels are ignored counts as not observed.

    Guarantees: no backward pass, and one transfer to the host a batch. Of several ranks each reports its own examples.

    Examples
    --------
    >>> import croupier as cr
    >>> from croupier.torch import BatchSampler
    >>> kept = cr.KeepScores((cr.Mean("margin"), cr.Forgotten()))
    >>> plan = cr.chain(cr.Shuffle(), kept, cr.FixedSize(2), segment_ids=4)
    >>> loader = Loader(range(4), BatchSampler(plan, cr.Table(size=4), seed=7))
    >>> book = ScoreBook(loader)
    >>> for epoch in range(3):
    ...     for rows in loader:
    ...         logits = torch.stack([rows.float(), torch.ones(2)], dim=1)
    ...         book.record(logits, torch.zeros(2, dtype=torch.long))
    >>> book.scores.read(cr.Mean("margin")).values.tolist()
    [-1.0, 0.0, 1.0, 2.0]
    """

    def __init__(self, loader: Loader, *, ignored: int = -100, bias: bool = True) -> None:
        if not isinstance(loader, Loader):
            raise BadArgument("loader", "be a croupier.torch.Loader", loader, "wrap the DataLoader in one")
        if not loader.dealer.program.memory.signals:
            raise BadArgument("loader", "have a plan that keeps something", loader, "add KeepScores((Mean(),)) to it")
        if not isinstance(bias, bool):
            raise BadArgument("bias", "be True or False", bias, "pass False for a last layer without one")
        self._loader = loader
        fix = "pass -100, say"
        self._ignored = checked_int("ignored", ignored, at_least=-(2**63), at_most=2**63 - 1, fix=fix)
        self._bias = bias

    def record(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        *,
        hidden: torch.Tensor | None = None,
        deal: Deal | None = None,
        **others: torch.Tensor,
    ) -> None:
        """Report the batch received last, or an earlier deal, in its order.

        Parameters
        ----------
        logits : float Tensor of shape (n, ..., classes)
        labels : int Tensor of shape (n, ...)
        hidden : float Tensor of shape (n, ..., width), optional
            What the last layer is given, for "gradient_norm".
        deal : Deal, optional
        **others : Tensors of shape (n,)
            Signals of your own, by name, and in place of those computed.
        """
        wanted = self._loader.dealer.program.memory.signals
        signals: dict[str, torch.Tensor] = dict(others)
        if any(name in TrainingScores._fields and name not in others for name in wanted):
            found = training_scores(logits, labels, ignored=self._ignored)._asdict()
            signals = {**{name: found[name] for name in wanted if name in found}, **others}
        if GRADIENT_NORM in wanted and GRADIENT_NORM not in others and hidden is not None:
            signals[GRADIENT_NORM] = last_layer_gradient_norm(
                logits, labels, hidden, bias=self._bias, ignored=self._ignored
            )
        missing = [name for name in wanted if name not in signals]
        if missing:
            fix = (
                "pass hidden=" if missing == [GRADIENT_NORM]
                else f"write record(logits, labels, {missing[0]}=...), or keep what it computes itself:"
                f" {', '.join(TrainingScores._fields)}, and {GRADIENT_NORM} with hidden="
            )  # fmt: skip
            raise BadArgument("record", f"be given what the plan keeps, {missing}", sorted(signals), fix)
        is_empty = (labels == self._ignored).reshape(len(labels), -1).all(1)
        rows = [values.detach().to(logits.device, torch.float32) for values in (is_empty, *signals.values())]
        empty, *host = torch.stack(rows).cpu().numpy()
        reported: dict[str, Any] = {}
        for name, values in zip(signals, host, strict=True):
            reported[name] = values if name in others else np.ma.array(values, mask=empty > 0)
        self._loader.dealer.observe(self._loader.deal if deal is None else deal, reported)

    @property
    def scores(self) -> Kept:
        """What is kept, as the last segment that was planned knows it: see :func:`croupier.kept_scores`."""
        return kept_scores(self._loader.dealer)
