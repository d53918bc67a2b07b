"""TransRate: what the labels save in coding the embeddings."""

import math

import numpy as np

from basemodel.metrics._embeddings import centred, check

LABEL = "TransRate"
NAME = "TransRate"
LARGER_IS_BETTER = True
INPUTS = ("embeddings", "labels")
COMPARES_ARCHITECTURES = True

DISTORTION = 1e-4  # ε² in the formula; the authors' value


def compute(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """R(Z) − Σ_c (n_c/N) R(Z_c), in nats, where R(Z) = ½ log det(I + Zᵀ Z / (n ε²)) for n rows.

    Huang et al., "Frustratingly Easy Transferability Estimation", ICML 2022. ε² = 1e-4.

    embeddings: float [N, D]; labels: int64 [N]. Z is centred over all images; Z_c is not centred
    again. **Choice**: the coding rate depends on scale, so Z is divided by the root of its mean
    squared norm, and the scale of the embeddings does not matter. The classes are weighted by their
    images, as in the paper; some code weights them equally. For N < D the determinants are those
    of N × N matrices, which are the same. A class of one image is coded like others. Constant
    embeddings: 0. One class: NaN. Raises ValueError for NaN, infinity, or labels that do not fit.

    Compares architectures: all embeddings have the same mean squared norm.
    """
    z, y, classes = check(LABEL, embeddings, labels)
    if classes == 1:
        return {"value": math.nan}
    z = centred(z)
    squares = float(np.vdot(z, z))
    if squares == 0:
        return {"value": 0.0}
    gram = (z @ z.T) * (len(z) / squares)
    counts = np.bincount(y)
    # Each class's part of the Gram matrix, padded with zeros: these add log 1 to the determinant
    order, start = np.argsort(y, kind="stable"), np.cumsum(counts) - counts
    place = np.arange(counts.max())
    real = place < counts[:, None]
    images = order[np.where(real, start[:, None] + place, 0)]
    parts = gram[images[:, :, None], images[:, None, :]] * (real[:, :, None] & real[:, None, :])
    within = _rate(parts / counts[:, None, None])
    return {"value": float(_rate(gram / len(z)) - counts @ within / len(z))}


def _rate(grams: np.ndarray) -> np.ndarray:
    """½ log det(I + G/ε²) of one or several Gram matrices [..., n, n], by Cholesky."""
    root = np.linalg.cholesky(np.eye(grams.shape[-1]) + grams / DISTORTION)
    return np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum(axis=-1)
