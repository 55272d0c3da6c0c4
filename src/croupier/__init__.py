"""Deal training batches: which examples form the next batch, in what order, on which rank; exactly, resumably."""

from croupier.batch.fixed_shapes import FixedShapes
from croupier.batch.fixed_size import FixedSize
from croupier.batch.group_by import GroupBy, Grouping
from croupier.batch.length_buckets import LengthBuckets
from croupier.batch.pack import Pack
from croupier.batch.ramped_size import RampedSize
from croupier.batch.rate_outliers import RateOutliers
from croupier.batch.shapes import Shapes
from croupier.batch.sorted_windows import SortedWindows
from croupier.batch.temporal import Temporal
from croupier.batch.token_budget import TokenBudget
from croupier.core.artefact import ArtefactFolder
from croupier.core.batches import Batches
from croupier.core.chain import Chain, chain
from croupier.core.cost import Cost
from croupier.core.cursor import Cursor
from croupier.core.keeping import Kept
from croupier.core.key import Key
from croupier.core.ledger import Ledger
from croupier.core.policies import EpochEnd, FewIds, Tail, TooLong, Whole
from croupier.core.score_statistics import Count, Ema, Forgotten, Last, Mean, Variance
from croupier.core.stage import Context, Observation
from croupier.core.state_file import load_state, save_state
from croupier.core.table import Table
from croupier.feedback.bad_pairs import BadPairs
from croupier.feedback.batch_size_controller import BatchSizeController, HeldSize, ResizePace, adadagrad, what_if
from croupier.feedback.batch_size_policies import BatchSizePolicy, CoupledSize, LeastEfficiency, NoiseScale, WantedSize
from croupier.feedback.batch_size_tests import AsPublished, NormTest
from croupier.feedback.controlled_mean import ControlledMean, controlled_mean
from croupier.feedback.gain_test import GainTest, importance_gain
from croupier.feedback.gradient_noise import GradientNoise
from croupier.feedback.gradient_norms import GradientNorms, InnerProducts
from croupier.feedback.hard_batches import HardBatches
from croupier.feedback.importance_sampled import ImportanceSampled
from croupier.feedback.inner_product_tests import AugmentedTest, InnerProductTest, OrthogonalityTest
from croupier.feedback.keep_scores import KeepScores
from croupier.feedback.kept_bad_pairs import KeptBadPairs
from croupier.feedback.loss_weighted import LossWeighted
from croupier.feedback.noise_estimate import NoiseEstimate
from croupier.feedback.score_column import ScoreColumn
from croupier.feedback.score_store import ScoreStore
from croupier.feedback.score_summary import ScoreSummary, score_summary
from croupier.feedback.score_weighted import ScoreWeighted
from croupier.feedback.step_times import CostFit, StepTimes
from croupier.graphs.block_pairs import BlockPairs
from croupier.graphs.block_schedule import Block, BlockSchedule
from croupier.graphs.double_buffer import double_buffered
from croupier.graphs.graph import Graph
from croupier.graphs.link_neighbours import LinkNeighbours, Neighbourhoods
from croupier.graphs.partition import Partition
from croupier.graphs.random_walks import RandomWalks
from croupier.graphs.walk_pairs import WalkPairs
from croupier.kernels.mixing import draws
from croupier.negatives.appending import append_negatives
from croupier.negatives.balanced_clusters import Clusters, balanced_clusters
from croupier.negatives.candidates import Before, Candidates, SameGroup
from croupier.negatives.conflict_free import ConflictFree
from croupier.negatives.content_ids import content_ids
from croupier.negatives.corrupted_triples import CorruptedTriples
from croupier.negatives.embedding_bank import EmbeddingBank
from croupier.negatives.exact_search import ExactSearch
from croupier.negatives.faiss_search import FlatIndex, IVFIndex
from croupier.negatives.in_batch_negatives import InBatchNegatives
from croupier.negatives.known_positives import KnownPositives
from croupier.negatives.label_noise import inverse_propensity, negative_posterior
from croupier.negatives.listed_negatives import ListedNegatives
from croupier.negatives.margin_balanced import MarginBalanced
from croupier.negatives.mined import Mined
from croupier.negatives.mined_negatives import MinedNegatives
from croupier.negatives.mining import Queries, mine
from croupier.negatives.mining_rules import Hardest, MiningRules, RandomOfWindow, RankWindow, ScoreLimits
from croupier.negatives.negative_aware import NegativeAware
from croupier.negatives.negative_sampler import NegativeSampler
from croupier.negatives.pairs import Pairs
from croupier.negatives.picking import Pick
from croupier.negatives.random_negatives import NoNegative, RandomNegatives
from croupier.negatives.search import Search
from croupier.negatives.topic_batches import TopicBatches
from croupier.order.chronological import Chronological
from croupier.order.class_balanced import ClassBalanced
from croupier.order.concat import Concat
from croupier.order.curriculum import Curriculum, Pacing
from croupier.order.evaluation import Evaluation, in_table_order
from croupier.order.exclude import Exclude
from croupier.order.grain_shuffle import GrainShuffle
from croupier.order.interleave import Interleave
from croupier.order.live_weighted import LiveWeighted
from croupier.order.megatron_blend import MegatronBlend
from croupier.order.mixture import Mixture
from croupier.order.per_class import PerClass
from croupier.order.random_subset import RandomSubset
from croupier.order.repeat import Repeat
from croupier.order.sequential import Sequential
from croupier.order.shard_shuffle import ShardShuffle
from croupier.order.share_schedules import Anneal, Cooldown, Stages
from croupier.order.shares import EffectiveNumber, Proportional, Temperature, Uniform, UniMax
from croupier.order.shuffle import Shuffle
from croupier.order.subset import Subset
from croupier.order.systematic_weighted import SystematicWeighted
from croupier.order.trajectory_weighted import TrajectoryWeighted
from croupier.order.weighted import Weighted
from croupier.order.weighted_subset import WeightedSubset
from croupier.report.contrast_rows import AuditScope, Contrast, rows_of_deals
from croupier.report.difference import Difference, diff
from croupier.report.figures import Preview
from croupier.report.hardness import Embedded
from croupier.report.negative_figures import NegativesAudit
from croupier.report.negatives_audit import audit_negatives
from croupier.report.preview import preview
from croupier.report.randomness_dial import Dial, randomness_dial
from croupier.report.taken_schedule import ScheduleComparison, TakenStep, compare_schedule
from croupier.run.deal import Deal
from croupier.run.dealer import Dealer
from croupier.run.kept_scores import kept_scores
from croupier.run.state import moved_folders
from croupier.schedules.batch_size_ramp import BatchSizeRamp
from croupier.schedules.training_clock import TrainingClock
from croupier.schedules.training_plan import TrainingPlan
from croupier.select.selection import Selection
from croupier.split.balanced import Balanced
from croupier.split.balanced_packed import BalancedPacked
from croupier.split.lockstep import Lockstep

__all__ = [
    "Anneal",
    "ArtefactFolder",
    "AsPublished",
    "AuditScope",
    "AugmentedTest",
    "BadPairs",
    "Balanced",
    "BalancedPacked",
    "BatchSizeController",
    "BatchSizePolicy",
    "BatchSizeRamp",
    "Batches",
    "Before",
    "Block",
    "BlockPairs",
    "BlockSchedule",
    "Candidates",
    "Chain",
    "Chronological",
    "ClassBalanced",
    "Clusters",
    "Concat",
    "ConflictFree",
    "Context",
    "Contrast",
    "ControlledMean",
    "Cooldown",
    "CorruptedTriples",
    "Cost",
    "CostFit",
    "Count",
    "CoupledSize",
    "Curriculum",
    "Cursor",
    "Deal",
    "Dealer",
    "Dial",
    "Difference",
    "EffectiveNumber",
    "Ema",
    "Embedded",
    "EmbeddingBank",
    "EpochEnd",
    "Evaluation",
    "ExactSearch",
    "Exclude",
    "FewIds",
    "FixedShapes",
    "FixedSize",
    "FlatIndex",
    "Forgotten",
    "GainTest",
    "GradientNoise",
    "GradientNorms",
    "GrainShuffle",
    "Graph",
    "GroupBy",
    "Grouping",
    "HardBatches",
    "Hardest",
    "HeldSize",
    "IVFIndex",
    "ImportanceSampled",
    "InBatchNegatives",
    "InnerProductTest",
    "InnerProducts",
    "Interleave",
    "KeepScores",
    "Kept",
    "KeptBadPairs",
    "Key",
    "KnownPositives",
    "Last",
    "LeastEfficiency",
    "Ledger",
    "LengthBuckets",
    "LinkNeighbours",
    "ListedNegatives",
    "LiveWeighted",
    "Lockstep",
    "LossWeighted",
    "MarginBalanced",
    "Mean",
    "MegatronBlend",
    "Mined",
    "MinedNegatives",
    "MiningRules",
    "Mixture",
    "NegativeAware",
    "NegativeSampler",
    "NegativesAudit",
    "Neighbourhoods",
    "NoNegative",
    "NoiseEstimate",
    "NoiseScale",
    "NormTest",
    "Observation",
    "OrthogonalityTest",
    "Pacing",
    "Pack",
    "Pairs",
    "Partition",
    "PerClass",
    "Pick",
    "Preview",
    "Proportional",
    "Queries",
    "RampedSize",
    "RandomNegatives",
    "RandomOfWindow",
    "RandomSubset",
    "RandomWalks",
    "RankWindow",
    "RateOutliers",
    "Repeat",
    "ResizePace",
    "SameGroup",
    "ScheduleComparison",
    "ScoreColumn",
    "ScoreLimits",
    "ScoreStore",
    "ScoreSummary",
    "ScoreWeighted",
    "Search",
    "Selection",
    "Sequential",
    "Shapes",
    "ShardShuffle",
    "Shuffle",
    "SortedWindows",
    "Stages",
    "StepTimes",
    "Subset",
    "SystematicWeighted",
    "Table",
    "Tail",
    "TakenStep",
    "Temperature",
    "Temporal",
    "TokenBudget",
    "TooLong",
    "TopicBatches",
    "TrainingClock",
    "TrainingPlan",
    "TrajectoryWeighted",
    "UniMax",
    "Uniform",
    "Variance",
    "WalkPairs",
    "WantedSize",
    "Weighted",
    "WeightedSubset",
    "Whole",
    "adadagrad",
    "append_negatives",
    "audit_negatives",
    "balanced_clusters",
    "chain",
    "compare_schedule",
    "content_ids",
    "controlled_mean",
    "diff",
    "double_buffered",
    "draws",
    "importance_gain",
    "in_table_order",
    "inverse_propensity",
    "kept_scores",
    "load_state",
    "mine",
    "moved_folders",
    "negative_posterior",
    "preview",
    "randomness_dial",
    "rows_of_deals",
    "save_state",
    "score_summary",
    "what_if",
]

__version__ = "0.1.0"
