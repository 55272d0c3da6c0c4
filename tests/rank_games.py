"""Several ranks in one process: each exchange happens once every rank has come to it."""

from __future__ import annotations


class Ranks:
    """Dealers of all ranks, made by ``dealer_of(rank)``."""

    def __init__(self, world_size, dealer_of):
        self.dealers = [dealer_of(rank) for rank in range(world_size)]
        for rank, dealer in enumerate(self.dealers):
            dealer.connect(gather=lambda mine, rank=rank: self._exchange(rank, mine), agree=lambda _: None)

    def _exchange(self, rank, mine):
        # The ranks run in turn, so what the others would pass is read from their memories.
        ordinals = range(100)
        return [
            mine if other == rank else [r for known in ordinals for r in dealer.program.memory._reports.get(known, [])]
            for other, dealer in enumerate(self.dealers)
        ]

    def train(self, signals_of, epochs, save_at=None):
        """Deal and observe up to the end of this epoch, or up to a step; the state then."""
        steps = 0
        while self.dealers[0].cursor.epoch < epochs:
            for deals in zip(*self.dealers, strict=True):
                for dealer, deal in zip(self.dealers, deals, strict=True):
                    dealer.observe(deal, signals_of(deal))
                steps += 1
                if steps == save_at:
                    return self.dealers[0].state_dict()
        return None
