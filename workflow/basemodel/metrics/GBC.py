"""GBC, Gaussian Bhattacharyya coefficient: how much the classes overlap."""

import math

import numpy as np

from basemodel.metrics._embeddings import centred, check, class_means, principal_components

LABEL = "GBC"
NAME = "Gaussian Bhattacharyya coefficient"
LARGER_IS_BETTER = True
INPUTS = ("embeddings", "labels")
COMPARES_ARCHITECTURES = True

DIMENSIONS = 64


def compute(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """−Σ_{i≠j} exp(−B(i,j)) over ordered pairs of classes, without a unit, −K(K−1) to 0.

    Pándy et al., "Transferability Estimation Using Bhattacharyya Class Separability", CVPR 2022.
    Each class is a spherical normal distribution of mean μ_c and variance v_c in the first
    d = min(64, rank) principal components, and B the Bhattacharyya distance:
    B(i,j) = |μ_i−μ_j|² / (4(v_i+v_j)) + (d/2) log((v_i+v_j) / (2 √(v_i v_j))).
    (Published code counts the second term once, not d times.)

    embeddings: float [N, D]; labels: int64 [N]. With N < D there are at most N−1 components. The
    scale does not matter. A class of one image has variance 0 and overlaps no other class, except
    one that is the same single point. Constant embeddings: −K(K−1), the lowest value. One class:
    NaN. Raises ValueError for NaN, infinity, or labels that do not fit.

    Compares architectures: it has no unit, and the components are as many for wide networks.
    """
    x, y, classes = check(LABEL, embeddings, labels)
    if classes == 1:
        return {"value": math.nan}
    x = centred(x)
    if not x.any():
        return {"value": float(-classes * (classes - 1))}
    x, _ = principal_components(x, DIMENSIONS)
    means = class_means(x, y, classes)
    off = x - means[y]
    variance = np.bincount(y, (off**2).mean(axis=1)) / np.bincount(y)
    # What rounding leaves of a class whose images are all equal
    variance[variance < 1e-14 * (x**2).mean()] = 0
    apart = np.stack([((means - mean) ** 2).sum(axis=1) for mean in means])
    both = variance[:, None] + variance[None]
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = apart / (4 * both) + x.shape[1] / 2 * (
            np.log(both / 2) - np.log(np.outer(variance, variance)) / 2
        )
    points = both == 0  # 0/0: equal points overlap wholly, others not at all
    distance[points] = np.where(apart[points] > 1e-14 * (x**2).sum(axis=1).mean(), np.inf, 0)
    overlap = np.exp(-distance)
    return {"value": float(np.trace(overlap) - overlap.sum())}
