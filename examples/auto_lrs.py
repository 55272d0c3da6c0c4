"""Search the learning rate while training: before each stage try some for a while, take the most promising, go on.

Source: Jin, Zhou, Zhao, Zhu, Guo, Canini, Krishnamurthy, "AutoLRS: automatic learning-rate schedule by Bayesian
optimization on the fly" (ICLR 2021, 2105.10762). A stage is tau steps. Bayesian optimization proposes ten rates; each
is tried for tau / 10 steps from the same weights, an exponential fitted to its losses tells the loss after tau steps,
and weights are restored; so a search costs as much as the training it is for. Tau doubles from 1,000 to 8,000.

Ours: probes run on the same batches, those that are trained on afterwards, so that rates are compared and not luck; or
each on fresh ones. Plain least squares takes the place of their rounds of spline smoothing and outliers, expected
improvement that of a confidence bound, and there is no validation loss for later stages. Not for warm-up, they say.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import croupier as cr
from croupier.torch import BatchSampler, Loader, Rewindable


@dataclass(frozen=True, slots=True)
class Training:
    """What is trained, on what; ``loss`` takes the model and a batch."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    stream: Rewindable
    loss: Callable[[nn.Module, Any], Tensor]

    def train(self, rate: float, steps: int) -> list[float]:
        """The loss of each step."""
        losses = []
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        for batch in islice(self.stream, steps):
            self.optimizer.zero_grad()
            loss = self.loss(self.model, batch)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return losses

    def saved(self) -> tuple[Any, ...]:
        """Weights, what the optimizer keeps, and the generator behind dropout; a copy."""
        return deepcopy((self.model.state_dict(), self.optimizer.state_dict(), torch.get_rng_state()))

    def restore(self, saved: tuple[Any, ...]) -> None:
        """As it was, however often: an optimizer takes over the tensors it loads."""
        weights, moments, generator = deepcopy(saved)
        self.model.load_state_dict(weights)
        self.optimizer.load_state_dict(moments)
        torch.set_rng_state(generator)


def forecast(losses: list[float], steps: int) -> float:
    """The loss after so many steps: of a exp(-t / s) + c, c >= 0, nearest in squares.

    For each s on a grid, from 1 step to twice those seen, a and c follow. What has not fallen by the second half is not
    hoped to: its mean counts, up to twice the first loss for what diverges.
    """
    seen, time = np.array(losses), np.arange(len(losses))
    late = float(seen[len(seen) // 2 :].mean())
    if not late < losses[0]:
        return min(late, 2 * losses[0]) if np.isfinite(late) else 2 * losses[0]
    best = (np.inf, late)
    for scale in np.geomspace(1, 2 * len(losses), 40):
        decay = np.exp(-time / scale)
        fit = np.linalg.lstsq(np.stack([decay, np.ones_like(decay)], axis=1), seen)[0]
        if fit[1] < 0:
            fit = np.array([decay @ seen / (decay @ decay), 0.0])
        error = float(((fit[0] * decay + fit[1] - seen) ** 2).sum())
        best = min(best, (error, float(fit[0] * np.exp(-steps / scale) + fit[1])))
    return best[1]


def proposal(tried: list[float], losses: list[float]) -> float:
    """Where in (0, 1) to try next: three places, then where a Gaussian process expects to improve most."""
    if len(tried) < 3:
        return (1 / 2, 1 / 6, 5 / 6)[len(tried)]
    process = GaussianProcessRegressor(Matern(0.2, nu=2.5), alpha=1e-4, optimizer=None, normalize_y=True)
    places = np.linspace(0, 1, 201)
    mean, deviation = process.fit(np.array(tried)[:, None], losses).predict(places[:, None], return_std=True)
    deviation = np.maximum(deviation, 1e-12)
    gain: npt.NDArray[np.float64] = (min(losses) - mean) / deviation
    return float(places[np.argmax(deviation * (gain * norm.cdf(gain) + norm.pdf(gain)))])


@dataclass(frozen=True, slots=True)
class Search:
    """Rates from low to high, so many probes of a tenth of a stage each."""

    low: float
    high: float
    probes: int = 10
    fresh_batches: bool = False

    def __call__(self, training: Training, tau: int) -> tuple[float, list[tuple[float, float]]]:
        """The best rate for the next tau steps, and each that was tried with its forecast; nothing else has changed."""
        saved, mark = training.saved(), training.stream.mark()
        places: list[float] = []
        forecasts: list[float] = []
        for _ in range(self.probes):
            places.append(proposal(places, forecasts))
            forecasts.append(forecast(training.train(self.rate(places[-1]), max(4, tau // 10)), tau))
            training.restore(saved)
            if not self.fresh_batches:
                training.stream.rewind(mark)
        training.stream.rewind(mark)
        training.stream.release(mark)
        tried = [(self.rate(place), loss) for place, loss in zip(places, forecasts, strict=True)]
        return min(tried, key=lambda one: one[1])[0], tried

    def rate(self, place: float) -> float:
        """At a place in (0, 1), on a scale of logarithms."""
        return self.low * (self.high / self.low) ** place


def auto_lrs(training: Training, search: Search, stages: int, tau: int = 1000) -> Iterator[tuple[int, float, float]]:
    """Train stage by stage; of each its length, its rate, and the mean loss of its last tenth."""
    for stage in range(stages):
        steps = tau * 2 ** min(stage, 3)
        rate, _ = search(training, steps)
        losses = training.train(rate, steps)
        yield steps, rate, float(np.mean(losses[-max(1, steps // 10) :]))


def digits(optimizer: Callable[..., torch.optim.Optimizer], seed: int = 0) -> Training:
    """Handwritten digits, a small network, batches of 32."""
    images, labels = (torch.from_numpy(part) for part in load_digits(return_X_y=True))
    data = torch.utils.data.TensorDataset(images.float() / 16, labels)
    sampler = BatchSampler(cr.chain(cr.Shuffle(), cr.FixedSize(32)), cr.Table(size=len(data)), seed=seed)
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 10))
    stream = Rewindable(Loader(data, sampler, generator=torch.Generator()))  # else epochs draw from that of dropout
    return Training(
        model, optimizer(model.parameters()), stream, lambda model, batch: cross_entropy(model(batch[0]), batch[1])
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    for steps, rate, loss in auto_lrs(digits(torch.optim.SGD), Search(1e-3, 10.0), stages=3, tau=300):
        print(f"{steps} steps at {rate:.3f}: loss {loss:.3f}")
    for rate in (0.03, 0.1, 0.3, 1.0, 3.0):
        print(f"all 2100 steps at {rate}: loss {np.mean(digits(torch.optim.SGD).train(rate, 2100)[-120:]):.3f}")
