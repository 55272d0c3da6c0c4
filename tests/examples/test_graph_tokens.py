from __future__ import annotations

import runpy

import numpy as np
import pytest

import croupier as cr
import graph_tokens as example

STEPS = 240


def ring_of_cliques(cliques=4, size=5):
    """Cliques whose last node knows the first of the next: a plain walk rarely leaves one."""
    clique = np.arange(cliques * size) // size
    edges = (clique[:, None] == clique[None, :]) & ~np.eye(clique.size, dtype=bool)
    last, first = np.arange(size - 1, clique.size, size), np.roll(np.arange(0, clique.size, size), -1)
    edges[last, first] = edges[first, last] = True
    return edges


def uneven_target(nodes):
    weights = 1.0 + np.arange(nodes) % 3
    return weights / weights.sum()


EDGES = ring_of_cliques()
TARGET = uneven_target(20)
TABLE = cr.Table(target=TARGET)


def plan_of(alpha, steps=STEPS, tokens=3):
    return cr.chain(
        example.SelfRepellentWalk(example.metropolis(EDGES, TARGET), alpha, steps, tokens), cr.FixedSize(tokens)
    )


def walks_of(alpha, steps=STEPS, tokens=3, seed=0):
    """Shape (steps, tokens)."""
    return np.array([deal.ids for deal in cr.Dealer(plan_of(alpha, steps, tokens), TABLE, seed=seed)])


def test_the_base_chain_is_reversible_for_the_target():
    chain = example.metropolis(EDGES, TARGET)
    assert chain.sum(axis=1) == pytest.approx(1.0)
    assert (chain >= 0).all()
    assert (chain[~EDGES & ~np.eye(20, dtype=bool)] == 0).all()
    flow = TARGET[:, None] * chain
    assert flow == pytest.approx(flow.T)
    degrees = EDGES.sum(axis=1)
    assert example.metropolis(EDGES, degrees / degrees.sum()) == pytest.approx(EDGES / degrees[:, None])


@pytest.mark.parametrize("alpha", [0.0, 2.0, 20.0])
def test_tokens_step_to_neighbours(alpha):
    """Or stay, where the base chain may."""
    chain, walks = example.metropolis(EDGES, TARGET), walks_of(alpha)
    assert (chain[walks[:-1], walks[1:]] > 0).all()
    assert walks.shape == (STEPS, 3)


def kernel_of(walk, alpha):
    """The oracle, from the formulas: for each step but the first, where it may go and x / mu of each node there."""
    chain, x, rows, ratios = example.metropolis(EDGES, TARGET), TARGET.copy(), [], []
    for n, node in enumerate(walk[:-1]):
        x = x + (np.eye(20)[node] - x) / (n + 2)
        row = np.array([chain[node, j] * (x[j] / TARGET[j]) ** -alpha for j in range(20)])
        rows.append(row / row.sum())
        ratios.append(x / TARGET)
    return np.array(rows), np.array(ratios)


def deviations(walks, alpha):
    """How far what was visited is from what the kernel expects: each node, and the mean of log(x / mu)."""
    of_walks = [kernel_of(walk, alpha) for walk in walks.T]
    chances, ratios = (np.concatenate(parts) for parts in zip(*of_walks, strict=True))
    visits, score = np.eye(20)[walks[1:].T.ravel()], np.log(ratios)
    mean = (chances * score).sum(axis=1)
    spread = (chances * score**2).sum(axis=1) - mean**2
    nodes = (visits - chances).sum(axis=0) / np.sqrt((chances * (1 - chances)).sum(axis=0))
    return np.append(nodes, ((visits * score).sum() - mean.sum()) / np.sqrt(spread.sum()))


@pytest.mark.parametrize("alpha", [0.0, 2.0])
def test_steps_are_drawn_from_the_kernel(alpha):
    """60 tokens of 40 steps: 21 figures within 5 deviations (sums of martingale differences); and where tokens begin.

    False alarms: 3e-5 a case. The mutant, the kernel of an alpha larger by 1, is caught.
    """
    walks = walks_of(alpha, steps=40, tokens=60)
    assert np.abs(deviations(walks, alpha)).max() < 5
    assert np.abs(deviations(walks, alpha + 1)).max() > 5
    begins = np.bincount(walks_of(alpha, steps=1, tokens=2000)[0], minlength=20)
    assert np.abs((begins - 2000 * TARGET) / np.sqrt(2000 * TARGET * (1 - TARGET))).max() < 5


def distance(walks):
    """Total variation between visits and the target, mean over tokens."""
    shares = np.array([np.bincount(walk, minlength=20) / walk.size for walk in walks.T])
    return np.abs(shares - TARGET).sum(axis=1).mean() / 2


def test_visits_are_nearer_to_the_target_than_those_of_the_plain_walk():
    """40 seeds, equal length: nearer in all of them, and on average by more than half.

    False alarms: were repulsion of no use, 40 wins of 40 would have a chance of 1e-12. Planted: attraction loses.
    """
    plain, repelled, attracted = (
        np.array([distance(walks_of(alpha, seed=seed)) for seed in range(40)]) for alpha in (0.0, 10.0, -0.5)
    )
    assert (repelled < plain).all()
    assert repelled.mean() < plain.mean() / 2
    assert (attracted > plain).sum() > 35


def test_epochs_and_tokens_are_walks_of_their_own():
    dealer = cr.Dealer(plan_of(5.0), TABLE, seed=0)
    epochs = [np.array([deal.ids for deal in dealer]) for _ in range(2)]
    walks = [tuple(walk) for epoch in epochs for walk in epoch.T]
    assert len(set(walks)) == 6
    later = cr.Dealer(plan_of(5.0), TABLE, seed=0)
    later.set_epoch(1)
    assert (np.array([deal.ids for deal in later]) == epochs[1]).all()


def test_each_rank_walks_its_tokens():
    """Four tokens on two ranks, two each: the steps of all, side by side, are those of one rank."""
    whole = walks_of(5.0, tokens=4)
    plan = cr.chain(plan_of(5.0, tokens=4).stages[0], cr.FixedSize(2))
    ranks = [np.array([d.ids for d in cr.Dealer(plan, TABLE, seed=0, rank=r, world_size=2)]) for r in (0, 1)]
    assert (np.hstack(ranks) == whole).all()


def test_resumes_and_splits_over_ranks(check_resume_and_ranks):
    check_resume_and_ranks(plan_of(5.0), TABLE)


def test_its_figures(capsys):
    """And that the real graph hangs together."""
    left = runpy.run_path(example.__file__, run_name="__main__")
    off = [float(line.split()[3]) for line in capsys.readouterr().out.splitlines()]
    assert off == sorted(off, reverse=True)
    assert off[-1] < off[0] / 3
    names, edges = left["names"], left["edges"]
    assert (edges == edges.T).all()
    assert not edges.diagonal().any()
    reached = names == "os"
    for _ in names:
        reached |= edges[reached].any(axis=0)
    assert reached.mean() > 0.9
