"""Croupier in PyTorch: the only room that imports torch."""

from croupier.run.deal import Deal
from croupier.torch.batch_sampler import BatchSampler
from croupier.torch.distributed_sampler_order import CutByRank, DistributedSamplerOrder
from croupier.torch.loader import Loader
from croupier.torch.packed import Packed, PackedRows, packed, packed_rows
from croupier.torch.with_facts import Row, WithFacts

__all__ = [
    "BatchSampler",
    "CutByRank",
    "Deal",
    "DistributedSamplerOrder",
    "Loader",
    "Packed",
    "PackedRows",
    "Row",
    "WithFacts",
    "packed",
    "packed_rows",
]
