"""The mean over a whole data set from draws of unequal probability, sharpened by what is known of every row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from croupier.core.plain_array import plain_array
from croupier.errors import BadArgument

__all__ = ["ControlledMean", "controlled_mean"]

Float64 = npt.NDArray[np.float64]


class ControlledMean(NamedTuple):
    """An estimate, its standard error, and the coefficient of each control, shape (k,)."""

    mean: float
    error: float
    coefficients: Float64


def controlled_mean(
    values: npt.ArrayLike, weights: npt.ArrayLike, controls: npt.ArrayLike, coefficients: npt.ArrayLike | None = None
) -> ControlledMean:
    """Estimate the mean of a value over all rows from draws with importance weights and control variates.

    Parameters
    ----------
    values : array of shape (n,)
        What was measured of each draw: a loss, a hit.
    weights : array of shape (n,)
        1 / (rows x probability) as it was when each was drawn: column ``importance_weight``.
    controls : array of shape (n,) or (n, k)
        Facts of each draw whose mean over all rows is known, less that mean: column ``control``, lengths, one-hot
        classes. For draws of several versions, each as it was for its own.
    coefficients : array of shape (k,), optional
        Taken from elsewhere: earlier draws, say. By default they are fitted to these draws.

    Returns the mean and coefficients that minimise ``sum(weights * (values - mean - controls @ coefficients)**2)``, and
    a standard error from the residuals. With ``coefficients`` given, the mean of ``weights * (values - controls @
    coefficients)``.

    Guarantees: with ``coefficients`` given it is unbiased, whatever they are. Fitted, its bias falls as 1/n, and a
    value that is a constant plus a combination of the controls comes out exactly: the estimate is a weighted sum of
    the values, with weights that do not depend on them. Draws of all versions of the probabilities may be pooled.

    Raises
    ------
    BadArgument
        Shapes that do not fit, numbers that are not finite, weights that are not above 0, or too few draws.

    Source: Leluc, Portier, Segers and Zhuman, "A quadrature rule combining control variates and adaptive importance
    sampling" (NeurIPS 2022), in the form of its published code: weighted least squares with an
    intercept. The paper itself could not be read here; the standard error is that of a ratio of sums, our own.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(size=1000)
    >>> difficulty = np.arange(1000) / 1000
    >>> plan = cr.chain(cr.ImportanceSampled(), cr.FixedSize(100), segment_ids=100)
    >>> deals = list(cr.Dealer(plan, table, seed=0))
    >>> ids = np.concatenate([deal.ids for deal in deals])
    >>> weights = np.concatenate([deal.columns["importance_weight"] for deal in deals])
    >>> losses = 2.0 + difficulty[ids] + 0.1 * (ids % 2)
    >>> plain, sharp = (losses * weights).mean(), controlled_mean(losses, weights, difficulty[ids] - difficulty.mean())
    >>> true = (2.0 + difficulty + 0.1 * (np.arange(1000) % 2)).mean()
    >>> bool(abs(sharp.mean - true) < abs(plain - true)), round(sharp.error, 4), sharp.coefficients.round(1).tolist()
    (True, 0.0016, [1.0])
    """
    measured, weighed = _floats("values", values), _floats("weights", weights)
    known = _floats("controls", controls)
    known = known[:, None] if known.ndim == 1 else known
    draws = measured.size
    if measured.ndim != 1 or weighed.shape != (draws,):
        raise BadArgument("weights", f"have shape {measured.shape}, as the values", weighed.shape, "pass one a draw")
    if known.ndim != 2 or len(known) != draws:
        raise BadArgument("controls", f"have shape ({draws},) or ({draws}, k)", known.shape, "pass a row a draw")
    if not (weighed > 0).all():
        raise BadArgument("weights", "be above 0", float(weighed.min(initial=0.0)), "pass 1 / (rows x probability)")
    if coefficients is not None:
        given = _floats("coefficients", coefficients)
        if given.shape != known.shape[1:]:
            raise BadArgument("coefficients", f"have shape {known.shape[1:]}", given.shape, "pass one a control")
        _check_draws(draws, 2)
        terms = weighed * (measured - known @ given)
        return ControlledMean(float(terms.mean()), float(terms.std(ddof=1) / np.sqrt(draws)), given)
    _check_draws(draws, known.shape[1] + 2)
    design = np.concatenate([np.ones((draws, 1)), known], axis=1)
    # Each column to one size, so that what counts as a rank does not depend on a control's unit.
    scale = np.maximum(np.abs(design).max(axis=0), np.finfo(float).tiny)
    root = np.sqrt(weighed)
    fitted = np.empty(design.shape[1])
    fitted[:] = np.linalg.lstsq(design / scale * root[:, None], measured * root, rcond=None)[0]
    fitted /= scale
    residuals = weighed * (measured - design @ fitted)
    freedom = draws - design.shape[1]
    error = float(np.sqrt((residuals**2).sum() * draws / freedom) / weighed.sum())
    return ControlledMean(float(fitted[0]), error, fitted[1:])


def _floats(name: str, given: npt.ArrayLike) -> Float64:
    array = plain_array(name, given)
    if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        raise BadArgument(name, "be finite numbers", array.dtype.name, "pass what the deals and the loop gave")
    return array.astype(np.float64)


def _check_draws(draws: int, least: int) -> None:
    if draws < least:
        raise BadArgument("values", f"be of at least {least} draws", draws, "wait for more")
