"""Norms and inner products of single samples' gradients, of which a few are held at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch.func import functional_call, grad, jvp, vmap

from croupier.errors import BadArgument, check_function, checked_flag, checked_int, checked_kind
from croupier.feedback.gradient_norms import GradientNorms, InnerProducts

__all__ = ["per_sample_norms"]

Tensors = dict[str, torch.Tensor]
Loss = Callable[..., torch.Tensor]


def per_sample_norms(
    model: torch.nn.Module,
    loss: Loss,
    batch: tuple[torch.Tensor, ...],
    *,
    chunk_samples: int = 16,
    with_inner: bool = False,
) -> GradientNorms:
    """What the gradients of a batch's single samples say: for a test now and then, of one batch without groups.

    Parameters
    ----------
    model : Module
        Every parameter that requires a gradient counts. Neither the weights nor their gradients change.
    loss : callable of (model, *batch)
        The mean loss of a batch: ``lambda model, x, y: cross_entropy(model(x), y)``. It is called with a stand-in for
        the model and batches of one.
    batch : tuple of tensors with a row for each of n samples
    chunk_samples : int
        Samples' gradients that are held at a time; more is faster, and takes so many times the parameters.
    with_inner : bool
        Also the inner products that :class:`croupier.InnerProductTest` and others read; takes four times a forward
        pass, and 4 samples at least.

    The norms cost a forward and a backward pass for each sample, in chunks. The inner products of all samples'
    gradients with a vector v are the derivatives of their losses along v: a forward pass in forward mode (jvp),
    without a gradient.

    **Without bias.** Along the batch's own mean g, samples vary by g' Sigma g, which on average is G' Sigma G plus
    tr(Sigma**2) / n: where noise dominates, mostly the latter. So the batch is cut into halves A and B, and <g_i, g_A>
    and <g_i, g_B> are taken of each sample: their covariance within a half has the mean G' Sigma G, as g_A, g_B and the
    covariance of a half's samples about their mean are independent (for Gaussian gradients; for skewed ones it is off
    by a term that falls with 1 / n). The published test reads their mean, <g_i, g>.

    Guarantees: memory for ``chunk_samples`` + 4 times the parameters, whatever n.

    Raises
    ------
    BadArgument
        Fewer than 2 samples, or 4 with inner products.
    RuntimeError
        torch's, for layers that cannot be looked at one sample at a time: batch norm that is training, dropout (call
        ``model.eval()`` before), LSTM; and for layers without forward mode, as fused attention: take the inner products
        under ``torch.nn.attention.sdpa_kernel(SDPBackend.MATH)``.

    Source: the tests are those of Bollapragada, Byrd and Nocedal (2018); that they need norms and inner products alone,
    and the halves, is derived here. AdAdaGrad's published code keeps every sample's gradient.

    Examples
    --------
    >>> model = torch.nn.Linear(1, 1, bias=False)
    >>> batch = (torch.tensor([[1.0], [2.0], [3.0], [6.0]]),)
    >>> norms = per_sample_norms(model, lambda model, x: model(x).mean(), batch, with_inner=True)
    >>> norms.groups, norms.whole, round(norms.noise_trace, 6), round(norms.inner.variance, 6)
    (12.5, 9.0, 4.666667, 42.0)
    """
    checked_kind("model", model, torch.nn.Module, fix="pass the model that is trained")
    fix = "write lambda model, x: ..."
    check_function("loss", loss, "be a function of the model and a row", fix=fix)
    checked_kind("batch", batch, tuple, fix="pass a tuple like (inputs, targets)")
    for tensor in batch:
        checked_kind("batch", tensor, torch.Tensor, fix="pass a tuple of tensors")
    with_inner = checked_flag("with_inner", with_inner, fix="pass True or False")
    chunk_samples = checked_int(
        "chunk_samples", chunk_samples, at_least=1, fix="pass how many samples' gradients fit into memory"
    )
    samples = len(batch[0]) if batch else 0
    least = 4 if with_inner else 2
    if samples < least or any(len(part) != samples for part in batch):
        raise BadArgument(
            "batch", f"be tensors with a row for each of {least} samples or more", [len(part) for part in batch],
            "pass a tuple like (inputs, targets)",
        )  # fmt: skip
    trained = {name: part.detach() for name, part in model.named_parameters() if part.requires_grad}
    fixed = {name: part.detach() for name, part in model.named_parameters() if not part.requires_grad}
    fixed |= {name: part.detach() for name, part in model.named_buffers()}

    def loss_of_one(parameters: Tensors, row: tuple[torch.Tensor, ...]) -> torch.Tensor:
        def stand_in(*arguments: Any, **named: Any) -> Any:
            return cast(Any, functional_call)(model, (parameters, fixed), arguments, named)

        found = loss(stand_in, *(part.unsqueeze(0) for part in row))
        if not isinstance(found, torch.Tensor) or found.ndim:
            what = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
            raise BadArgument("loss", "return a tensor that is one number", what, fix)
        return found

    squares, halves = _norms_and_halves(loss_of_one, trained, batch, chunk_samples)
    mean = {name: halves[0][name] + halves[1][name] for name in trained}
    inner = None
    if with_inner:
        with warnings.catch_warnings():
            # The first jvp of a process makes torch load rules by a function that it has deprecated itself.
            warnings.filterwarnings("ignore", "`torch.jit.script", DeprecationWarning)
            inner = _inner_products(loss_of_one, trained, batch, halves, chunk_samples)
    return GradientNorms(float(squares) / samples, _square(mean) / samples**2, 1.0, float(samples), inner)


def _norms_and_halves(
    loss_of_one: Loss, trained: Tensors, batch: tuple[torch.Tensor, ...], chunk_samples: int
) -> tuple[torch.Tensor, tuple[Tensors, Tensors]]:
    """The sum of all squared norms; the sum of the gradients of even rows and that of odd ones."""
    gradients_of = vmap(grad(loss_of_one), in_dims=(None, 0))
    squares = torch.zeros((), dtype=torch.float64)
    wide = {name: torch.promote_types(part.dtype, torch.float32) for name, part in trained.items()}
    halves = tuple({name: torch.zeros_like(part, dtype=wide[name]) for name, part in trained.items()} for _ in range(2))
    for begin, rows in _chunks(batch, chunk_samples):
        gradients = cast("Tensors", gradients_of(trained, rows))
        for name, part in gradients.items():
            squares += part.flatten(1).double().square().sum().cpu()
            for half in range(2):
                halves[half][name] += part[(begin + half) % 2 :: 2].sum(0, dtype=wide[name])
    return squares, (halves[0], halves[1])


def _inner_products(
    loss_of_one: Loss,
    trained: Tensors,
    batch: tuple[torch.Tensor, ...],
    halves: tuple[Tensors, Tensors],
    chunk_samples: int,
) -> InnerProducts:
    losses_of = vmap(loss_of_one, in_dims=(None, 0))
    samples = len(batch[0])
    products = torch.empty(2, samples, dtype=torch.float64)
    for begin, rows in _chunks(batch, chunk_samples):

        def losses_here(parameters: Tensors, rows: tuple[torch.Tensor, ...] = rows) -> torch.Tensor:
            return losses_of(parameters, rows)

        for half, along in enumerate(halves):
            direction = {name: part.to(trained[name].dtype) for name, part in along.items()}
            derivative = cast(torch.Tensor, cast(Any, jvp)(losses_here, (trained,), (direction,))[1])
            products[half, begin : begin + len(rows[0])] = derivative.double().cpu().flatten()
    variance = float((products.sum(0) / samples).var())
    # The sum over a half divided by its rows is its mean.
    rows_of = ((samples + 1) // 2, samples // 2)
    crossed, weight = 0.0, 0
    for half in range(2):
        within = products[:, half::2] - products[:, half::2].mean(1, keepdim=True)
        crossed += float((within[0] * within[1]).sum()) / (rows_of[0] * rows_of[1])
        weight += rows_of[half] - 1
    return InnerProducts(variance, crossed / weight)


def _chunks(batch: tuple[torch.Tensor, ...], size: int) -> Iterator[tuple[int, tuple[torch.Tensor, ...]]]:
    for begin in range(0, len(batch[0]), size):
        yield begin, tuple(part[begin : begin + size] for part in batch)


def _square(gradients: Tensors) -> float:
    return float(sum(part.double().square().sum().cpu() for part in gradients.values()))
