"""Clock -> value: learning rates by name, batch sizes, one clock, and plans that join them.

A schedule is a value that is called with a number of any clock: ``schedules.cosine(100_000, warmup=2_000)(steps)``.
"""

from croupier.schedules.adascale import AdaScale
from croupier.schedules.annealing import (
    constant,
    cosine,
    cosine_with_restarts,
    exponential,
    inverse_sqrt,
    linear,
    one_cycle,
    polynomial,
    rex,
    warmup_stable_decay,
)
from croupier.schedules.arithmetic import Schedule
from croupier.schedules.batch_size_ramp import BatchSizeRamp, Stretch
from croupier.schedules.combined import Cooldown, Scaled, Stretched, Warmed
from croupier.schedules.critical_batch_size import CriticalBatchLaw, CriticalBatchSize
from croupier.schedules.kept_in_samples import (
    KeptInSamples,
    Optimizer,
    half_life_samples,
    rescaled_beta,
    rescaled_momentum,
)
from croupier.schedules.loss_trajectory import LossTrajectory
from croupier.schedules.phases import Decay, HalfLife, Hold, InverseRoot, Phase, Phases, Warmup
from croupier.schedules.power import PowerLaw, power
from croupier.schedules.refined import Refinement, refine
from croupier.schedules.scaling_rules import LinearScaling, NoiseScaling, ScalingRule, SqrtScaling, SurgeScaling
from croupier.schedules.seesaw import Seesaw, Seesawed, SeesawRate
from croupier.schedules.shapes import (
    Cosine,
    Exponential,
    Linear,
    OneMinusSqrt,
    OneMinusSquare,
    Polynomial,
    Rex,
    Shape,
)
from croupier.schedules.tabulated import Tabulated
from croupier.schedules.training_clock import Clock, Moment, OnClock, TrainingClock
from croupier.schedules.training_plan import TrainingPlan

__all__ = [
    "AdaScale",
    "BatchSizeRamp",
    "Clock",
    "Cooldown",
    "Cosine",
    "CriticalBatchLaw",
    "CriticalBatchSize",
    "Decay",
    "Exponential",
    "HalfLife",
    "Hold",
    "InverseRoot",
    "KeptInSamples",
    "Linear",
    "LinearScaling",
    "LossTrajectory",
    "Moment",
    "NoiseScaling",
    "OnClock",
    "OneMinusSqrt",
    "OneMinusSquare",
    "Optimizer",
    "Phase",
    "Phases",
    "Polynomial",
    "PowerLaw",
    "Refinement",
    "Rex",
    "Scaled",
    "ScalingRule",
    "Schedule",
    "Seesaw",
    "SeesawRate",
    "Seesawed",
    "Shape",
    "SqrtScaling",
    "Stretch",
    "Stretched",
    "SurgeScaling",
    "Tabulated",
    "TrainingClock",
    "TrainingPlan",
    "Warmed",
    "Warmup",
    "constant",
    "cosine",
    "cosine_with_restarts",
    "exponential",
    "half_life_samples",
    "inverse_sqrt",
    "linear",
    "one_cycle",
    "polynomial",
    "power",
    "refine",
    "rescaled_beta",
    "rescaled_momentum",
    "rex",
    "warmup_stable_decay",
]
