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
STEPS = (10, 1000)  # at most, before and after weights are scaled again; 100 to 300 are usual
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
    by L-BFGS to six digits. A class of one image counts like others. Constant embeddings: NaN, for
    the bound would be among the best. One class: NaN. Raises ValueError for NaN, infinity, or
    labels that do not fit; NotApplicable, for more than MOST_PRODUCTS.

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

    Coordinates differ in variance, and weights in curvature: they are scaled by its square root,
    at the start and again after some steps, which saves two thirds of the steps.
    """
    from scipy import optimize  # takes longer to import than all metrics

    (n, rank), classes = x.shape, targets.shape[1]
    x = np.column_stack([x, np.ones(n)])  # for the biases, which have no penalty
    ridge = np.append(np.full(rank, 1 / (PENALTY * n)), 0)[:, None]
    theta, p, squares = np.zeros((rank + 1, classes)), np.full_like(targets, 1 / classes), x**2
    for steps in STEPS:
        scale = 1 / np.sqrt(squares.T @ (p * (1 - p)) / n + np.maximum(ridge, TINY))

        def loss(flat: np.ndarray, scale: np.ndarray = scale) -> tuple[float, np.ndarray]:
            theta = flat.reshape(scale.shape) * scale
            logs = log_softmax(x @ theta)
            slope = x.T @ ((np.exp(logs) - targets) / n) + ridge * theta
            value = -np.vdot(logs, targets) / n + (ridge * theta**2).sum() / 2
            return float(value), (slope * scale).ravel()

        options = {"maxiter": steps, "ftol": 1e-9, "gtol": 1e-7}
        start = (theta / scale).ravel()
        found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
        theta = found.x.reshape(scale.shape) * scale
        p = np.exp(log_softmax(x @ theta))
    return float(found.fun), p
