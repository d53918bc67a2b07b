"""NCTI: how far the embeddings are from neural collapse on the target classes."""

import math

import numpy as np

from basemodel.metrics import _pool
from basemodel.metrics._embeddings import (
    centred,
    check,
    class_means,
    classes_by_size,
    log_softmax,
    principal_components,
)

LABEL = "NCTI"
NAME = "neural collapse transferability index"
LARGER_IS_BETTER = True
INPUTS = ("embeddings", "labels")
COMPARES_ARCHITECTURES = False

DIMENSIONS = 64
SMALLEST = 1e-10  # shrinkage below this counts as none
TOLERANCE = 1e-4  # of standard deviations: smaller ones count as 0


def compute(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The terms "geometry", "nearest_centre" and "collapse"; over_pool makes a value of them.

    Wang et al., "How Far Pre-trained Models Are from Neural Collapse on the Target Dataset Informs
    their Transferability", ICCV 2023. In the first d = min(64, rank) principal components, linear
    discriminant analysis gives coordinates L [N, K−1] and probabilities P [N, K]. With |·|_* the
    nuclear norm,
    geometry: |L|_*, larger when the classes span more directions (simplex-encoded labels);
    nearest_centre: (1/N) Σ_i P(y_i|x_i), larger when the nearest class centre is right;
    collapse: log Σ_c |P_c|_*, P_c the rows of class c, smaller when the classes collapse.
    As in the authors' code, the covariance within classes is shrunk towards its mean variance by
    λ = exp(−variance along the first 32 components), and not at all if that is below 1e-10: so the
    scale of the embeddings matters if they are small. (The library that their code uses shrinks the
    total covariance as well, which turns L a little if λ is large. That is not done here.)

    embeddings: float [N, D]; labels: int64 [N]. With N < D there are at most N−1 components; if the
    covariance within classes is singular (N−K < d) and not shrunk, directions without variance are
    left out. A class of one image counts like others. Constant embeddings, one class, or one image
    a class: NaN. Raises ValueError for NaN, infinity, or labels that do not fit.

    Does not compare architectures: the value is relative to the other models, and the shrinkage
    depends on scale.
    """
    x, y, classes = check(LABEL, embeddings, labels)
    undefined = dict.fromkeys(("geometry", "nearest_centre", "collapse"), math.nan)
    x = centred(x)
    if classes in (1, len(x)) or not x.any():
        return undefined
    x, variance = principal_components(x, DIMENSIONS)
    n = len(x)
    counts = np.bincount(y)
    strength = float(np.exp(-variance[:32].sum() * n / (n - 1)))
    whitened = _whitened(x, y, classes, strength if strength > SMALLEST else 0.0)
    if not whitened.shape[1]:
        return undefined
    means = class_means(whitened, y, classes)
    posteriors = np.exp(
        log_softmax(whitened @ means.T - (means**2).sum(axis=1) / 2 + np.log(counts / n))
    )
    _, spans, axes = np.linalg.svd(means * np.sqrt(counts)[:, None], full_matrices=False)
    axes = axes[: min(classes - 1, int((spans > TOLERANCE * spans[0]).sum()))]
    return {
        "geometry": _nuclear(whitened @ axes.T),
        "nearest_centre": float(posteriors[np.arange(n), y].mean()),
        "collapse": math.log(sum(_nuclear(posteriors[images]) for images in classes_by_size(y))),
    }


def over_pool(terms: dict[str, np.ndarray]) -> np.ndarray:
    """geometry + nearest_centre − collapse, each scaled to 0 … 1 over the models; [models]."""
    return (
        _pool.scaled(terms["geometry"])
        + _pool.scaled(terms["nearest_centre"])
        - _pool.scaled(terms["collapse"])
    )


def _whitened(x: np.ndarray, y: np.ndarray, classes: int, strength: float) -> np.ndarray:
    """Centred x in coordinates in which the covariance within classes is the identity matrix.

    The covariance has the divisor N. Without shrinkage, directions without variance are left out.
    """
    off = x - class_means(x, y, classes)[y]
    if strength:
        within = off.T @ off / len(x)
        mean_variance = np.trace(within) / len(within)
        shrunk = (1 - strength) * within + strength * mean_variance * np.eye(len(within))
        if not mean_variance > 0:
            return x[:, :0]
        return np.linalg.solve(np.linalg.cholesky(shrunk), x.T).T
    deviation = off.std(axis=0)
    deviation[deviation == 0] = 1
    _, spread, axes = np.linalg.svd(off / deviation / math.sqrt(len(x)), full_matrices=False)
    kept = spread > TOLERANCE
    return (x / deviation) @ (axes[kept].T / spread[kept])


def _nuclear(matrices: np.ndarray) -> float:
    """The sum of the singular values, of one matrix or several [..., n, K]."""
    return float(np.linalg.svd(matrices, compute_uv=False).sum())
