"""Deal the timesteps of a diffusion model: every kind of noise level in every batch.

The ids are timesteps 0 .. T - 1. Denoising at one noise level is a task of its own, and tasks at distant levels work
against each other. So the timesteps are cut into k contiguous intervals of like tasks, and the intervals are dealt in
equal shares, where uniform draws leave some interval thin in many a batch.

Source: Go et al., "Addressing negative transfer in diffusion models" (NeurIPS 2023), the part on interval clustering:
among all first timesteps 1 = l_1 < l_2 < ... < l_k, take those with the least sum of the costs of the intervals, by
dynamic programming; costs by timestep, by signal-to-noise ratio, or by how the gradients of two timesteps agree.
Our reading: the cost of an interval is the sum of its timesteps' distances from its middle timestep; squared for the
first two, of log(SNR), and minus the affinity for the third. The paper hands the intervals to methods that balance
gradients or losses of tasks (PCGrad, NashMTL, uncertainty weighting); equal shares in every batch are ours, and what
such methods need: a loss of each interval at each step.
"""

import numpy as np
import numpy.typing as npt

import croupier as cr

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


def squared_distances(key: Float64) -> Float64:
    """Of any two timesteps by a number that each has (the timestep itself, or log(SNR)), shape (T, T)."""
    return np.square(key[:, None] - key[None, :])


def interval_costs(distances: Float64) -> Float64:
    """The cost of interval first..last for any two timesteps, infinite where last comes before first, shape (T, T)."""
    running = np.pad(np.cumsum(distances, axis=1), ((0, 0), (1, 0)))
    first, last = np.indices(distances.shape)
    middle = (first + last) // 2
    return np.where(first <= last, running[middle, last + 1] - running[middle, first], np.inf)


def interval_clusters(costs: Float64, clusters: int) -> Int64:
    """The number of each timestep's interval in the cheapest partition into so many, exactly, in O(k T^2)."""
    timesteps = costs.shape[0]
    if not 1 <= clusters <= timesteps:
        raise ValueError(f"clusters must be 1 to {timesteps}, the timesteps, got {clusters}")
    best, begins = costs[0], []
    for _ in range(1, clusters):
        # Row: where the last interval begins; what lies before it is partitioned already.
        candidates = np.append(np.inf, best[:-1])[:, None] + costs
        begins.append(candidates.argmin(axis=0))
        best = candidates.min(axis=0)
    starts = [timesteps]
    for begin in reversed(begins):
        starts.append(int(begin[starts[-1] - 1]))
    return np.searchsorted(np.sort(starts[1:]), np.arange(timesteps), side="right").astype(np.int64)


def timestep_table(clusters: Int64) -> cr.Table:
    """One row a timestep."""
    return cr.Table(cluster=clusters)


if __name__ == "__main__":
    timesteps, clusters, batch_size = 1000, 5, 40
    signal = np.cos((np.arange(timesteps) + 0.5) / timesteps * np.pi / 2) ** 2
    log_snr = np.log(signal / (1 - signal))
    affinity = np.exp(-np.abs(log_snr[:, None] - log_snr[None, :]))  # stands for gradients that were measured
    costs = {"timestep": squared_distances(np.arange(timesteps, dtype=np.float64))}
    costs |= {"log SNR": squared_distances(log_snr), "gradients": -affinity}
    for name, distances in costs.items():
        table = timestep_table(interval_clusters(interval_costs(distances), clusters))
        print(f"by {name}: intervals of {table.counts('cluster').tolist()} timesteps")
        for order in (cr.Shuffle(), cr.ClassBalanced("cluster")):
            dealer = cr.Dealer(cr.chain(order, cr.FixedSize(batch_size)), table, seed=0)
            held = [np.bincount(table.column("cluster")[list(deal)], minlength=clusters) for deal in dealer]
            print(f"    {order.name:15} fewest of an interval in a batch of {batch_size}: {np.min(held)}", end=", ")
            print(f"most: {np.max(held)}")
