"""PARC: whether images of one class have similar embeddings, and images of two do not."""

import math

import numpy as np

from basemodel.metrics import NotApplicable
from basemodel.metrics._embeddings import centred, check, row_blocks

LABEL = "PARC"
NAME = "pairwise annotation representation comparison"
LARGER_IS_BETTER = True
INPUTS = ("embeddings", "labels")
COMPARES_ARCHITECTURES = True

MOST_IMAGES = 22_000  # 242 million pairs, 1.9 GB


def compute(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Spearman's ρ, over pairs of images, of 1−cor(embeddings) and 1−cor(one-hot labels); −1 to 1.

    Bolya, Mittapalli and Hoffman, "Scalable Diverse Model Selection for Accessible Transfer
    Learning", NeurIPS 2021. cor is Pearson's, over features or over classes. As in the authors'
    code, each feature is first standardised over the images, or a few large ones would decide; they
    multiply ρ by 100.

    embeddings: float [N, D]; labels: int64 [N]. One-hot labels are either equal (distance 0) or
    differ (one distance for all pairs), so ρ only depends on the ranks of pairs within classes.
    Distances that are equal up to rounding share their rank. N < D changes nothing. An image whose
    embedding is constant over the features has correlation 0 with the others. A class of one image
    has no pairs within. One class, one image a class, or constant embeddings: NaN. Raises
    ValueError for NaN, infinity, or labels that do not fit; NotApplicable, for more images than
    MOST_IMAGES.

    Compares architectures: it only uses ranks of correlations, which have no unit.
    """
    unit, y, _ = check(LABEL, embeddings, labels)
    if len(unit) > MOST_IMAGES:
        raise NotApplicable(f"{LABEL}: not applicable to more than {MOST_IMAGES:,} images")
    unit = centred(unit)
    deviations = np.sqrt(np.einsum("id,id->d", unit, unit) / len(unit))
    unit /= np.where(deviations > 0, deviations, 1)
    constant = unit.max(axis=1) == unit.min(axis=1)
    unit -= unit.mean(axis=1, keepdims=True)
    unit[constant] = 0
    norms = np.sqrt(np.einsum("id,id->i", unit, unit))
    unit /= np.where(norms > 0, norms, 1)[:, None]
    distances, within = _distances(unit, y)
    pairs, near = len(distances), sum(map(len, within))
    far = pairs - near
    if far in (0, pairs):
        return {"value": math.nan}
    distances.sort()
    # Twice the sum of the average ranks of pairs within classes
    ranks = sum(
        int((np.searchsorted(distances, w) + np.searchsorted(distances, w, "right") + 1).sum())
        for w in within
    )
    # Σ (rank − mean)², with ties: (n³ − n)/12 − Σ (t³ − t)/12
    spread = (pairs**3 - pairs - _ties(distances)) / 12
    if spread <= 0:
        return {"value": math.nan}
    covariance = near * (pairs + 1) / 2 - ranks / 2
    return {"value": covariance / math.sqrt(spread * far * near / pairs)}


def _distances(unit: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Of all pairs of images, float64 [N(N−1)/2], and in blocks, of pairs of one class."""
    n = len(unit)
    distances, within, filled = np.empty(n * (n - 1) // 2), [], 0
    for rows in row_blocks(n, n):
        block = unit[rows] @ unit[rows.start :].T
        np.round(1 - block, 12, out=block)
        later = np.arange(n - rows.start) > np.arange(len(block))[:, None]
        found = block[later]
        distances[filled : filled + len(found)] = found
        filled += len(found)
        within.append(block[later & (y[rows, None] == y[rows.start :])])
    return distances, within


def _ties(ordered: np.ndarray) -> float:
    """Σ (t³ − t) over groups of t equal numbers."""
    total, begun = 0.0, 0
    for rows in row_blocks(len(ordered), 1):
        # Where a group ends before one of these numbers; the last group, with the last number
        last = rows.stop == len(ordered)
        part = ordered[rows.start : rows.stop + 1]
        ends = rows.start + 1 + np.flatnonzero(part[1:] != part[:-1])
        ends = np.append(ends, rows.stop) if last else ends
        if len(ends):
            sizes = np.diff(ends, prepend=begun).astype(float)
            total += float((sizes**3 - sizes).sum())
            begun = ends[-1]
    return total
