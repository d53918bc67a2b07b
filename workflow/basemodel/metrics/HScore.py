"""H-score with Ledoit–Wolf shrinkage: how much of the embeddings' variance the classes explain."""

import math

import numpy as np

from basemodel.metrics._embeddings import centred, check, inner_products

LABEL = "H-score"
NAME = "H-score with shrinkage"
LARGER_IS_BETTER = True
INPUTS = ("embeddings", "labels")
COMPARES_ARCHITECTURES = False


def compute(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """tr(Σ_α⁻¹ (1−α) cov(E[f|y])), without a unit, from 0 to about K−1. Also returns "shrinkage".

    Bao et al., "An Information-Theoretic Approach to Transferability in Task Transfer Learning",
    ICIP 2019; the shrinkage is that of Ibrahim et al., "Newer Is Not Always Better", ECML PKDD
    2022: Σ_α = (1−α) S + α (tr S/D) I with α by Ledoit and Wolf (2004). S has the divisor N, and
    cov(E[f|y]) the divisor N−1.

    embeddings: float [N, D]; labels: int64 [N], K classes. Without shrinkage the score is K−1 for
    any embeddings if N < D. A class of one image is its own mean. Constant embeddings: 0. One
    class, or one image a class: NaN. Raises ValueError for NaN, infinity, or labels that do not
    fit.

    Does not compare architectures: in sample, it rises with the number of features, of noise too,
    and with copies of features, in spite of the shrinkage.
    """
    x, y, classes = check(LABEL, embeddings, labels)
    n, features = x.shape
    if classes in (1, n):
        return {"value": math.nan, "shrinkage": math.nan}
    x = centred(x)
    inner = inner_products(x)
    mean_variance = float(np.trace(inner)) / (n * features)
    alpha = shrinkage(inner, np.einsum("nd,nd->n", x, x), features)
    if mean_variance == 0 or alpha == 1:
        return {"value": 0.0, "shrinkage": alpha}
    if alpha == 0:  # D = 1: one variance, nothing to shrink it to
        alpha = np.finfo(float).eps
    # With X Σ_α⁻¹ Xᵀ = N/(1−α) · (I − c (cI + X Xᵀ)⁻¹), the trace is that over class averages
    c = alpha * mean_variance * n / (1 - alpha)
    averages = np.zeros((n, classes))
    averages[np.arange(n), y] = 1 / np.sqrt(np.bincount(y)[y])
    inner[np.diag_indices_from(inner)] += c
    if n <= features:
        solved = np.linalg.solve(inner, averages)
        explained = classes - c * float(np.vdot(averages, solved))
    else:  # the same with c (cI + X Xᵀ)⁻¹ = I − X (cI + Xᵀ X)⁻¹ Xᵀ
        means = x.T @ averages
        explained = float(np.vdot(means, np.linalg.solve(inner, means)))
    return {"value": n / (n - 1) * explained, "shrinkage": alpha}


def shrinkage(inner: np.ndarray, squares: np.ndarray, features: int) -> float:
    """Ledoit and Wolf's α (2004) of centred images; 0 if D = 1.

    inner: their inner_products; squares: the squared norm of each, [N].
    """
    n = len(squares)
    trace = float(np.trace(inner)) / n  # of the covariance S
    square = float(np.vdot(inner, inner)) / n**2  # |S|²
    spread = square - trace**2 / features  # |S − (tr S/D) I|²
    noise = (float((squares**2).sum()) / n - square) / n
    if features == 1 or noise <= 0:
        return 0.0
    return min(noise / spread, 1.0) if spread > 0 else 1.0
