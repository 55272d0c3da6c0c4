"""Gradients whose mean and covariance are known: the truth that estimators are held against."""

from __future__ import annotations

import numpy as np

from croupier import GradientNorms, InnerProducts


def spectrum(noise_scale, dimension):
    """Unequal variances of the coordinates, whose sum is the trace for a mean gradient of norm 1."""
    variances = np.arange(1.0, dimension + 1)
    return variances * noise_scale / variances.sum()


def steps(count, *, groups, size, noise_scale, dimension=20, seed=0, sizes=None):
    """Norms of steps: ``groups`` groups of ``size`` samples, or of ``sizes``; the mean gradient has norm 1."""
    rng = np.random.default_rng(seed)
    each = np.full(groups, size) if sizes is None else np.asarray(sizes)
    deviations = np.sqrt(spectrum(noise_scale, dimension)[None, :] / each[:, None])
    shares = each / each.sum()
    for begin in range(0, count, 1000):
        gradients = dimension**-0.5 + rng.normal(size=(min(1000, count - begin), *deviations.shape)) * deviations
        groups_squared = (gradients**2).sum(2) @ shares
        whole = (np.einsum("g,sgd->sd", shares, gradients) ** 2).sum(1)
        for norms in zip(groups_squared.tolist(), whole.tolist(), strict=True):
            yield GradientNorms(*norms, each.sum() / each.size, each.sum())


def sampled(samples, *, noise_scale, dimension=20, rng):
    """A batch of single samples' gradients, shape (samples, dimension)."""
    mean = np.full(dimension, dimension**-0.5)
    return mean + rng.normal(size=(samples, dimension)) * np.sqrt(spectrum(noise_scale, dimension))


def norms_of_samples(gradients):
    """By the definitions, in a few lines: what per_sample_norms computes without keeping the gradients."""
    n, g = len(gradients), gradients.mean(0)
    halves = [gradients[half::2] for half in range(2)]
    covariances = [np.cov(part @ halves[0].mean(0), part @ halves[1].mean(0))[0, 1] for part in halves]
    weights = [len(part) - 1 for part in halves]
    inner = InnerProducts(float((gradients @ g).var(ddof=1)), float(np.average(covariances, weights=weights)))
    return GradientNorms(float((gradients**2).sum(1).mean()), float(g @ g), 1, n, inner)
