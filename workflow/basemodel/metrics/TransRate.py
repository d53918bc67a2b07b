"""TransRate: what the labels save in coding the embeddings."""

import math

import numpy as np

from basemodel.metrics._embeddings import centred, check, classes_by_size, inner_products

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
    unit = squares / len(z)
    value = _rate(inner_products(z), len(z), unit)
    for images in classes_by_size(y):
        for of_class in images:
            value -= len(of_class) / len(z) * _rate(inner_products(z[of_class]), len(of_class), unit)
    return {"value": value}


def _rate(inner: np.ndarray, n: int, unit: float) -> float:
    """½ log det(I + G/(n ε²)) by Cholesky; G: inner products of n images, divided by `unit`."""
    root = np.linalg.cholesky(np.eye(len(inner)) + inner / (n * unit * DISTORTION))
    return float(np.log(np.diagonal(root)).sum())
