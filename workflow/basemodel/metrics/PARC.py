"""PARC: whether images of one class have similar embeddings, and images of two do not."""

import math

import numpy as np

from basemodel.metrics._embeddings import check

LABEL = "PARC"
NAME = "pairwise annotation representation comparison"
LARGER_IS_BETTER = True
INPUTS = ("embeddings", "labels")
COMPARES_ARCHITECTURES = True


def compute(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Spearman's ρ, over pairs of images, of 1−cor(embeddings) and 1−cor(one-hot labels); −1 to 1.

    Bolya, Mittapalli and Hoffman, "Scalable Diverse Model Selection for Accessible Transfer
    Learning", NeurIPS 2021. cor is Pearson's, over features or over classes.

    embeddings: float [N, D]; labels: int64 [N]. One-hot labels are either equal (distance 0) or
    differ (one distance for all pairs), so ρ only depends on the ranks of pairs within classes.
    Distances that are equal up to rounding share their rank. N < D changes nothing. An image whose
    embedding is constant over the features has correlation 0 with the others. A class of one image
    has no pairs within. One class, one image a class, or constant embeddings: NaN. Raises
    ValueError for NaN, infinity, or labels that do not fit.

    Compares architectures: it only uses ranks of correlations, which have no unit.
    """
    x, y, _ = check(LABEL, embeddings, labels)
    unit = x - x.mean(axis=1, keepdims=True)
    unit[x.max(axis=1) == x.min(axis=1)] = 0
    norms = np.sqrt(np.einsum("id,id->i", unit, unit))
    unit /= np.where(norms > 0, norms, 1)[:, None]
    first, second = np.triu_indices(len(x), 1)
    distances = np.round(1 - (unit @ unit.T)[first, second], 12)
    apart = y[first] != y[second]
    pairs, far = len(apart), int(apart.sum())
    if far in (0, pairs):
        return {"value": math.nan}
    ordered = np.sort(distances)
    within = distances[~apart]
    left, right = np.searchsorted(ordered, within), np.searchsorted(ordered, within, "right")
    lower = float((left + right + 1).sum()) / 2  # the sum of average ranks of pairs within classes
    edges = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1], [True]]))
    ties = np.diff(edges).astype(float)
    # Σ (rank − mean)², with ties: (n³ − n)/12 − Σ (t³ − t)/12
    spread = (pairs**3 - pairs - float((ties**3 - ties).sum())) / 12
    if spread <= 0:
        return {"value": math.nan}
    near = pairs - far
    covariance = near * (pairs + 1) / 2 - lower
    return {"value": covariance / math.sqrt(spread * far * near / pairs)}
