"""TransRate: what the labels save in coding the embeddings."""

import math

import numpy as np

from basemodel.metrics._embeddings import centred, check, classes_by_size, inner_products

LABEL = "TransRate"
NAME = "TransRate"
LARGER_IS_BETTER = True
INPUTS = ("embeddings", "labels")
COMPARES_ARCHITECTURES = False

DISTORTION = 1e-4  # ε² in the formula; the authors' value


def compute(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """R(Z) − Σ_c (n_c/N) R(Z_c), in nats, where R(Z) = ½ log det(I + Zᵀ Z / (n ε²)) for n rows.

    Huang et al., "Frustratingly Easy Transferability Estimation", ICML 2022. ε² = 1e-4.

    embeddings: float [N, D]; labels: int64 [N]. Z is centred over all images; Z_c is not centred
    again. The classes are weighted by their images, as in the paper's formula; its listing, and
    other code, weights them equally. Z is not scaled, as in the paper: the coding rate depends on
    scale. (In the authors' experiments on layers of different sizes, images are scaled to norm 1
    and the value is divided by the rank.) For N < D the determinants are those of N × N matrices,
    which are the same. A class of one image is coded like others. Constant embeddings: 0. One
    class: NaN. Raises ValueError for NaN, infinity, or labels that do not fit.

    Does not compare architectures: it grows with the scale and the number of features, of noise as
    well.
    """
    z, y, classes = check(LABEL, embeddings, labels)
    if classes == 1:
        return {"value": math.nan}
    z = centred(z)
    if not z.any():
        return {"value": 0.0}
    value = _rate(z)
    for images in classes_by_size(y):
        value -= images.shape[1] / len(z) * _rate(z[images])
    return {"value": value}


def _rate(z: np.ndarray) -> float:
    """½ log det(I + ZᵀZ/(n ε²)) by Cholesky, the sum over one class or several [..., n, D]."""
    inner = inner_products(z)
    inner /= z.shape[-2] * DISTORTION
    inner += np.eye(inner.shape[-1])
    return float(np.log(np.diagonal(np.linalg.cholesky(inner), axis1=-2, axis2=-1)).sum())
