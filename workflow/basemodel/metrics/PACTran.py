"""PACTran, with a Gaussian prior: a PAC-Bayesian bound for a linear classifier."""

import math

import numpy as np

from basemodel.metrics import NotApplicable
from basemodel.metrics._embeddings import centred, check, log_softmax, one_hot, principal_components

LABEL = "PACTran"
NAME = "PAC-Bayesian bound with a Gaussian prior"
LARGER_IS_BETTER = False
INPUTS = ("embeddings", "labels")
COMPARES_ARCHITECTURES = False

PENALTY = 1.0  # λ, of the penalty |W|²/(2λN)
SPREAD = 100.0  # σ² D, of the prior's variance σ²
PRECISION = 1e-7  # of the loss: less expected gain by a Newton step ends the search
RESIDUAL = 0.2  # that conjugate gradients may leave of the gradient, in the preconditioner's norm
HESSIAN_PRODUCTS = 1000  # at most; the default experiment's tasks take 100 to 250
LBFGS_STEPS = 1000  # at most, where that did not suffice
SMALLEST = 1e-12  # curvature, where probabilities are 0 and 1; step; gain
MOST_PRODUCTS = 10_000_000_000  # images × coordinates × classes: a minute, if easily told apart


def compute(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """A bound on the loss of a linear classifier, in nats; less is better. Also returns "linear".

    Ding et al., "PACTran: PAC-Bayesian Metrics for Estimating the Transferability of Pretrained
    Models to Classification Tasks", ECCV 2022; as in google-research/pactran_metrics (Apache 2.0).
    "linear" = min_{W,b} (1/N) Σ_i −log softmax(Wᵀ x_i + b)_{y_i} + |W|²/(2λN), of centred x;
    value = "linear" + (KD/(2λN)) σ² log(λN h), where h is the mean, over the KD weights and with
    the biases in the sum, of the second derivatives of N · cross-entropy + |W|²/(2λN).
    **Choice**: the authors take the best of six pairs of λ and σ², by the accuracy of half of the
    images over all models. That needs all models at once, so λ = 1 and σ² = 100/D here.

    embeddings: float [N, D]; labels: int64 [N], K classes. It depends on their scale. N < D: the
    best W is in the span of the images, so N coordinates suffice. The minimum is unique and found
    to five digits or more. Only for heavy-tailed embeddings, as exp(3z) of normal z, or classes
    that only huge weights separate, "linear" may be up to 0.2 too large. A class of one image
    counts like others. Constant embeddings: NaN, for the bound would be among the best. One class:
    NaN. Raises ValueError for NaN, infinity, or labels that do not fit; NotApplicable, for more
    than MOST_PRODUCTS.

    Does not compare architectures: the second term, usually the larger one, depends on the scale
    and the number of features.
    """
    x, y, classes = check(LABEL, embeddings, labels)
    n, features = x.shape
    if n * min(n, features) * classes > MOST_PRODUCTS:
        raise NotApplicable(f"{LABEL}: not applicable to {n:,} images in {classes:,} classes")
    x = centred(x)
    if classes == 1 or not x.any():
        return {"value": math.nan, "linear": math.nan}
    x, _ = principal_components(x)
    linear, probabilities = _fit(x, one_hot(y, classes))
    bend = (probabilities * (1 - probabilities)).sum(axis=1)
    weights, strength = classes * features, PENALTY * n
    curvature = float(((np.einsum("nr,nr->n", x, x) + 1) * bend).sum()) + weights / strength
    spread = SPREAD / features
    bound = weights / (2 * strength) * spread * math.log(strength * curvature / weights)
    return {"value": linear + bound, "linear": linear}


class _Loss:
    """Mean cross-entropy and penalty of weights [K, D + 1], the last of each class its bias."""

    def __init__(self, x: np.ndarray, targets: np.ndarray) -> None:
        """x: float64 [N, D]; targets: float64 [N, K]."""
        self.n = len(x)
        self.x = np.column_stack([x, np.ones(self.n)])
        self.squares, self.targets = self.x**2, targets
        self.ridge = np.full(self.x.shape[1], 1 / (PENALTY * self.n))
        self.ridge[-1] = 0  # the biases have no penalty

    def at(self, weights: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Its value, its gradient [K, D + 1], and the probabilities [K, N]."""
        logs = log_softmax((weights @ self.x.T).T)
        value = -np.vdot(logs, self.targets) / self.n + (self.ridge * weights**2).sum() / 2
        p = np.exp(logs)
        gradient = (p - self.targets).T @ self.x / self.n + self.ridge * weights
        return float(value), gradient, p.T

    def diagonal(self, p: np.ndarray) -> np.ndarray:
        """The Hessian's diagonal where the probabilities are p, [K, D + 1]."""
        return (p * (1 - p)) @ self.squares / self.n + np.maximum(self.ridge, SMALLEST)

    def hessian_product(self, p: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """The Hessian times a direction, [K, D + 1]."""
        moved = p * (direction @ self.x.T)
        moved -= p * moved.sum(axis=0)
        return moved @ self.x / self.n + self.ridge * direction


def _fit(x: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    """The least penalised loss, and the probabilities at it, float64 [N, K].

    By Newton's method with inexact steps, as the Hessian [KD, KD] is too large; or by L-BFGS, where
    that needs many products, as for classes that only huge weights separate.
    """
    loss, products = _Loss(x, targets), 0
    weights = np.zeros((targets.shape[1], x.shape[1] + 1))
    value, gradient, p = loss.at(weights)
    while products < HESSIAN_PRODUCTS:
        step, used = _newton_step(loss, gradient, p, HESSIAN_PRODUCTS - products)
        products += used
        gain = -np.vdot(gradient, step) / 2  # of the whole step, if the loss were quadratic
        if not gain > 0:
            break  # rounding
        size, found = 1.0, loss.at(weights + step)
        while not found[0] <= value - 2e-4 * size * gain and size > SMALLEST:  # Armijo's condition
            size, products = size / 2, products + 1
            found = loss.at(weights + size * step)
        if not found[0] <= value:
            break
        weights = weights + size * step
        value, gradient, p = found
        if gain <= PRECISION * value + SMALLEST and products < HESSIAN_PRODUCTS:
            return value, p.T
    return _by_lbfgs(loss)


def _newton_step(
    loss: _Loss, gradient: np.ndarray, p: np.ndarray, most: int
) -> tuple[np.ndarray, int]:
    """An inexact Newton step, and how many Hessian products it took, at most so many.

    Conjugate gradients, preconditioned by the Hessian's diagonal.
    """
    diagonal, step, residual = loss.diagonal(p), np.zeros_like(gradient), -gradient
    direction = residual / diagonal
    length = np.vdot(residual, direction)
    enough, used = length * RESIDUAL**2, 0
    while used < most:
        used += 1
        product = loss.hessian_product(p, direction)
        curvature = np.vdot(direction, product)
        if not curvature > 0:
            break  # rounding, or a gradient of 0
        step += length / curvature * direction
        residual -= length / curvature * product
        preconditioned = residual / diagonal
        length, before = np.vdot(residual, preconditioned), length
        if length <= enough:
            break
        direction = preconditioned + length / before * direction
    return step, used


def _by_lbfgs(loss: _Loss) -> tuple[float, np.ndarray]:
    """As `_fit`, from the start: where Newton's method ends, probabilities of 0 and 1 hide how far
    weights are from the minimum."""
    from scipy import optimize  # takes longer to import than all metrics

    classes = loss.targets.shape[1]
    scale = np.sqrt(loss.diagonal(np.full((classes, loss.n), 1 / classes)))

    def scaled(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient, _ = loss.at(flat.reshape(scale.shape) / scale)
        return value, (gradient / scale).ravel()

    options = {"maxiter": LBFGS_STEPS, "ftol": 1e-9, "gtol": 1e-7}
    start = np.zeros(scale.size)
    found = optimize.minimize(scaled, start, jac=True, method="L-BFGS-B", options=options)
    return float(found.fun), loss.at(found.x.reshape(scale.shape) / scale)[2].T
