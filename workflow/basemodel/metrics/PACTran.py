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
PRECISION = 1e-6  # of the loss, that Newton's last step may gain
RESIDUAL = 0.2  # of the slope, scaled by curvature, that his steps may leave
NEWTON = 1000  # products with all images, at most; 100 to 250 are usual
LBFGS = 1000  # steps after these, at most
TINY = 1e-12  # curvature, where probabilities are 0 and 1
MOST_PRODUCTS = 10_000_000_000  # images × coordinates × classes, in each step: a minute or two


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
    to six digits, or to two where tails are long or classes only just separable. A class of one
    image counts like others. Constant embeddings: NaN, for the bound would be among the best. One
    class: NaN. Raises ValueError for NaN, infinity, or labels that do not fit; NotApplicable, for
    more than MOST_PRODUCTS.

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
    """Mean cross-entropy plus penalty of weights [K, D + 1], the last of each class its bias."""

    def __init__(self, x: np.ndarray, targets: np.ndarray) -> None:
        """x: float64 [N, D]; targets: float64 [N, K]."""
        self.n = len(x)
        self.x = np.column_stack([x, np.ones(self.n)])
        self.squares, self.targets = self.x**2, targets
        self.ridge = np.full(self.x.shape[1], 1 / (PENALTY * self.n))
        self.ridge[-1] = 0  # the biases have no penalty

    def at(self, weights: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Its value, its slope [K, D + 1], and the probabilities [K, N]."""
        logs = log_softmax((weights @ self.x.T).T)
        value = -np.vdot(logs, self.targets) / self.n + (self.ridge * weights**2).sum() / 2
        p = np.exp(logs)
        slope = (p - self.targets).T @ self.x / self.n + self.ridge * weights
        return float(value), slope, p.T

    def curvature(self, p: np.ndarray) -> np.ndarray:
        """The second derivative by each weight, [K, D + 1]."""
        return (p * (1 - p)) @ self.squares / self.n + np.maximum(self.ridge, TINY)

    def bend(self, p: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """How the slope changes in a direction, [K, D + 1]."""
        moved = p * (direction @ self.x.T)
        moved -= p * moved.sum(axis=0)
        return moved @ self.x / self.n + self.ridge * direction


def _fit(x: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    """The least penalised loss, and the probabilities at it, float64 [N, K].

    Newton's method; its steps are found by conjugate gradients, since the matrix of all second
    derivatives is too large. Where it needs many products, as for classes that are only just
    separable by huge weights, L-BFGS goes on from there.
    """
    loss, products = _Loss(x, targets), 0
    weights = np.zeros((targets.shape[1], x.shape[1] + 1))
    value, slope, p = loss.at(weights)
    while products < NEWTON:
        step, used = _newton_step(loss, slope, p, NEWTON - products)
        gain = -np.vdot(slope, step) / 2  # if the loss were a parabola
        size, found = 1.0, loss.at(weights + step)
        while not found[0] <= value - size * gain / 5000 and size > TINY:
            size /= 2
            found = loss.at(weights + size * step)
        if not found[0] <= value:
            break
        weights, products = weights + size * step, products + used + 1
        value, slope, p = found
        if gain <= PRECISION * value + TINY:
            return value, p.T
    return _further(loss, weights, p)


def _newton_step(
    loss: _Loss, slope: np.ndarray, p: np.ndarray, most: int
) -> tuple[np.ndarray, int]:
    """Weights' step to where the slope is 0, but for RESIDUAL; and the products that it took.

    Each weight is scaled by its curvature.
    """
    scale, step, left = loss.curvature(p), np.zeros_like(slope), -slope
    direction = left / scale
    length = np.vdot(left, direction)
    enough, used = length * RESIDUAL**2, 0
    while used < most:
        used += 1
        bend = loss.bend(p, direction)
        along = np.vdot(direction, bend)
        if not along > 0:  # rounding
            break
        step += length / along * direction
        left -= length / along * bend
        scaled = left / scale
        length, before = np.vdot(left, scaled), length
        if length <= enough:
            break
        direction = scaled + length / before * direction
    return step, used


def _further(loss: _Loss, weights: np.ndarray, p: np.ndarray) -> tuple[float, np.ndarray]:
    """As `_fit`, from these weights on, with probabilities `p`, by L-BFGS."""
    from scipy import optimize  # takes longer to import than all metrics

    scale = np.sqrt(loss.curvature(p))

    def scaled(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope, _ = loss.at(flat.reshape(scale.shape) / scale)
        return value, (slope / scale).ravel()

    options = {"maxiter": LBFGS, "ftol": 1e-9, "gtol": 1e-7}
    start = (weights * scale).ravel()
    found = optimize.minimize(scaled, start, jac=True, method="L-BFGS-B", options=options)
    return float(found.fun), loss.at(found.x.reshape(scale.shape) / scale)[2].T
