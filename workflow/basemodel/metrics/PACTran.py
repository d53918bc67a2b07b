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
STEPS = 100  # at most; 10 to 20 are usual
PRECISION = 1e-6  # of the loss, that the last step may gain
RESIDUAL = 0.2  # of the slope, scaled by curvature, that a step may leave
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
    by Newton's method to six digits. A class of one image counts like others. Constant embeddings:
    NaN, for the bound would be among the best. One class: NaN. Raises ValueError for NaN, infinity,
    or labels that do not fit; NotApplicable, for more than MOST_PRODUCTS.

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


def _fit(x: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    """The least penalised loss, and the probabilities at it, float64 [N, K].

    Newton's method. Each step is found by conjugate gradients, in a few products, for the matrix of
    second derivatives, [KD, KD], is never made.
    """
    n = len(x)
    x = np.column_stack([x, np.ones(n)])  # for the biases, which have no penalty
    ridge = np.full(x.shape[1], 1 / (PENALTY * n))
    ridge[-1] = 0
    squares = x**2

    def at(theta: np.ndarray) -> tuple[float, np.ndarray]:
        logs = log_softmax((theta @ x.T).T)
        value = -np.vdot(logs, targets) / n + (ridge * theta**2).sum() / 2
        return float(value), np.exp(logs).T

    theta = np.zeros((targets.shape[1], x.shape[1]))
    value, p = at(theta)
    for _ in range(STEPS):
        slope = (p - targets.T) @ x / n + ridge * theta
        scale = (p * (1 - p)) @ squares / n + np.maximum(ridge, TINY)
        step = _newton_step(x, p, ridge, scale, slope)
        gain = -np.vdot(slope, step)  # twice what the step should gain
        size, (next_value, next_p) = 1.0, at(theta + step)
        while next_value > value - size * gain / 10_000:
            size /= 2
            next_value, next_p = at(theta + size * step)
        theta, value, p = theta + size * step, next_value, next_p
        if gain / 2 <= PRECISION * value:
            break
    return value, p.T


def _newton_step(
    x: np.ndarray, p: np.ndarray, ridge: np.ndarray, scale: np.ndarray, slope: np.ndarray
) -> np.ndarray:
    """The step at which the slope is 0, but for RESIDUAL, float64 [K, D + 1].

    `p`: probabilities, [K, N]; `scale`: the diagonal of the matrix of second derivatives.
    """
    step, left = np.zeros_like(slope), -slope
    scaled = left / scale
    direction, length = scaled, np.vdot(left, scaled)
    enough = length * RESIDUAL**2
    while length > enough:
        moved = p * (direction @ x.T)
        moved -= p * moved.sum(axis=0)
        bend = moved @ x / len(x) + ridge * direction
        along = length / np.vdot(direction, bend)
        step += along * direction
        left -= along * bend
        scaled = left / scale
        length, before = np.vdot(left, scaled), length
        direction = scaled + length / before * direction
    return step
