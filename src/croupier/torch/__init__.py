"""Croupier in PyTorch: the only room that imports torch."""

from croupier.run.deal import Deal
from croupier.torch.batch_sampler import BatchSampler
from croupier.torch.batch_sizes import BatchSizes, CudaMemory, find_batch_sizes
from croupier.torch.contrast_masks import in_batch_mask, masked_logits
from croupier.torch.distributed_sampler_order import CutByRank, DistributedSamplerOrder
from croupier.torch.embedding_queue import EmbeddingQueue, QueuedNegatives
from croupier.torch.global_means import global_mean, loss_sum_scale
from croupier.torch.load_balancing import global_expert_counts, load_balancing_loss
from croupier.torch.loader import Loader
from croupier.torch.packed import Packed, PackedRows, packed, packed_rows
from croupier.torch.pad_to_shape import Padded, PadToShape
from croupier.torch.with_facts import Row, WithFacts

__all__ = [
    "BatchSampler",
    "BatchSizes",
    "CudaMemory",
    "CutByRank",
    "Deal",
    "DistributedSamplerOrder",
    "EmbeddingQueue",
    "Loader",
    "Packed",
    "PackedRows",
    "PadToShape",
    "Padded",
    "QueuedNegatives",
    "Row",
    "WithFacts",
    "find_batch_sizes",
    "global_expert_counts",
    "global_mean",
    "in_batch_mask",
    "load_balancing_loss",
    "loss_sum_scale",
    "masked_logits",
    "packed",
    "packed_rows",
]
