"""ETran: whether the images look familiar to the network, and whether classes separate linearly."""

import math

import numpy as np

from basemodel.metrics import _pool
from basemodel.metrics._embeddings import (
    IN_CACHE,
    centred,
    check,
    class_means,
    log_softmax,
    row_blocks,
)

LABEL = "ETran"
NAME = "energy-based transferability"
LARGER_IS_BETTER = True
INPUTS = ("embeddings", "labels")
COMPARES_ARCHITECTURES = False

LOWEST = 200  # of so many images, the energy term takes the one of least energy score
ENERGY, CLASSIFICATION = 0.15, 0.85  # weights of the terms


def compute(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The terms "energy" and "classification"; over_pool makes a value of them.

    Gholami et al., "ETran: Energy-Based Transferability Estimation", ICCV 2023.
    energy: the mean of log Σ_d exp(f_d(x_i)), minus the free energy and larger for familiar images,
    over the 0.5 % of images where it is least, but at least one;
    classification: (1/N) Σ_i p(y_i|x_i), p(c|x) = softmax_c(xᵀ μ_c − ½ μ_cᵀ μ_c + log(n_c/N)) with
    class means μ_c. The paper's third term is for regression only.

    Where the paper is open, this is what its authors released: f are the embeddings, not logits,
    and the share of images. Their discriminant is that of the nearest mean: the paper projects x
    and μ onto Fisher's directions U, but their U is orthogonal, and so U Uᵀ = I. (Unlike the
    discriminant of the paper, it does not call every image right when N < D.)

    embeddings: float [N, D]; labels: int64 [N]. N < D changes nothing. Both terms depend on the
    scale of the embeddings, the energy on the number of features as well. A class of one image
    counts like others. Constant embeddings: the classes' shares, Σ (n_c/N)². One class: the
    classification is NaN. Raises ValueError for NaN, infinity, or labels that do not fit.

    Does not compare architectures: both terms grow with the scale of features, and the value is
    relative to the other models.
    """
    f, y, classes = check(LABEL, embeddings, labels)
    n, features = f.shape
    energies = np.empty(n)
    for rows in row_blocks(n, features, IN_CACHE):
        highest = f[rows].max(axis=1)
        raised = f[rows] - highest[:, None]
        np.exp(raised, out=raised)
        energies[rows] = highest + np.log(raised.sum(axis=1))
    lowest = np.sort(energies)[: max(1, n // LOWEST)]
    right = math.nan
    if classes > 1:
        x = centred(f)  # which changes no difference between classes
        means = class_means(x, y, classes)
        scores = x @ means.T - (means**2).sum(axis=1) / 2 + np.log(np.bincount(y) / n)
        right = float(np.exp(log_softmax(scores)[np.arange(n), y]).mean())
    return {"energy": float(lowest.mean()), "classification": right}


def over_pool(terms: dict[str, np.ndarray]) -> np.ndarray:
    """0.15 · energy + 0.85 · classification, each scaled to 0 … 1 over the models; [models].

    The weights and the scaling are the authors'.
    """
    return ENERGY * _pool.scaled(terms["energy"]) + CLASSIFICATION * _pool.scaled(
        terms["classification"]
    )
