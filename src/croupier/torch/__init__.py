"""Croupier in PyTorch: the only room that imports torch."""

from croupier.run.deal import Deal
from croupier.torch.accumulation import Accumulated, MicroBatch
from croupier.torch.agreed_integer import agreed_integer, agreed_integers
from croupier.torch.batch_sampler import BatchSampler
from croupier.torch.batch_sizes import BatchSizes, CudaMemory, find_batch_sizes
from croupier.torch.bucket_statistics import BucketStatistics
from croupier.torch.contrast_masks import in_batch_mask, masked_logits
from croupier.torch.distributed_sampler_order import CutByRank, DistributedSamplerOrder
from croupier.torch.embedding_queue import EmbeddingQueue, QueuedNegatives
from croupier.torch.global_means import global_mean, loss_sum_scale
from croupier.torch.gradient_bound import last_layer_bound, sequence_bound
from croupier.torch.gradient_statistics import GradientStatistics
from croupier.torch.hard_examples import BiasedChoice, WeightedChoice, hardest, importance_sample, percentile_sample
from croupier.torch.load_balancing import global_expert_counts, load_balancing_loss
from croupier.torch.loader import Loader
from croupier.torch.packed import Packed, PackedRows, packed, packed_rows
from croupier.torch.pad_to_shape import Padded, PadToShape
from croupier.torch.per_sample_norms import per_sample_norms
from croupier.torch.rewindable import Mark, Rewindable
from croupier.torch.score_book import ScoreBook
from croupier.torch.training_scores import TrainingScores, last_layer_gradient_norm, training_scores
from croupier.torch.with_facts import Row, WithFacts

__all__ = [
    "Accumulated",
    "BatchSampler",
    "BatchSizes",
    "BiasedChoice",
    "BucketStatistics",
    "CudaMemory",
    "CutByRank",
    "Deal",
    "DistributedSamplerOrder",
    "EmbeddingQueue",
    "GradientStatistics",
    "Loader",
    "Mark",
    "MicroBatch",
    "Packed",
    "PackedRows",
    "PadToShape",
    "Padded",
    "QueuedNegatives",
    "Rewindable",
    "Row",
    "ScoreBook",
    "TrainingScores",
    "WeightedChoice",
    "WithFacts",
    "agreed_integer",
    "agreed_integers",
    "find_batch_sizes",
    "global_expert_counts",
    "global_mean",
    "hardest",
    "importance_sample",
    "in_batch_mask",
    "last_layer_bound",
    "last_layer_gradient_norm",
    "load_balancing_loss",
    "loss_sum_scale",
    "masked_logits",
    "packed",
    "packed_rows",
    "per_sample_norms",
    "percentile_sample",
    "sequence_bound",
    "training_scores",
]
