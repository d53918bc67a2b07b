"""ETran: whether the images look familiar to the network, and whether classes separate linearly."""

import math

import numpy as np

from basemodel.metrics import _pool
from basemodel.metrics._embeddings import IN_CACHE, centred, check, row_blocks
from basemodel.metrics._fisher import log_posteriors, log_posteriors_of_many

LABEL = "ETran"
NAME = "energy-based transferability"
LARGER_IS_BETTER = True
INPUTS = ("embeddings", "labels")
COMPARES_ARCHITECTURES = False


def compute(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The terms "energy" and "classification"; over_pool makes a value of them.

    Gholami et al., "ETran: Energy-Based Transferability Estimation", ICCV 2023.
    energy: (1/N) Σ_i log Σ_d exp(f_d(x_i)), minus the free energy, larger for familiar images;
    classification: (1/N) Σ_i p(y_i|x_i) by linear discriminant analysis, regularised as in
    _fisher.log_posteriors. The paper's third term is for regression only.
    **Choice**: f are the embeddings, the features that the paper's overview draws both scores from.
    Energies of logits need the last layer, which is replaced in fine-tuning.

    embeddings: float [N, D]; labels: int64 [N]. N < D: see _fisher on regularisation. The energy
    depends on the scale and number of the features. A class of one image is classified rightly.
    Constant embeddings: the classes' shares, Σ (n_c/N)². One class, or no spread within classes:
    the classification is NaN. Raises ValueError for NaN, infinity, or labels that do not fit.

    Does not compare architectures: the energy grows with the number and scale of features, and the
    value is relative to the other models.
    """
    f, y, classes = check(LABEL, embeddings, labels)
    n, features = f.shape
    energy = 0.0
    for rows in row_blocks(n, features, IN_CACHE):
        highest = f[rows].max(axis=1)
        raised = f[rows] - highest[:, None]
        np.exp(raised, out=raised)
        energy += float((highest + np.log(raised.sum(axis=1))).sum())
    x = centred(f)
    if classes in (1, n):
        right = math.nan
    elif not x.any():
        right = float(((np.bincount(y) / n) ** 2).sum())
    else:
        if n <= features:
            posteriors = log_posteriors(x @ x.T, y, classes, features)
        else:
            posteriors = log_posteriors_of_many(x, y, classes)
        right = float(np.exp(posteriors[np.arange(n), y]).mean())
    return {"energy": energy / n, "classification": right}


def over_pool(terms: dict[str, np.ndarray]) -> np.ndarray:
    """Each term scaled to 0 … 1 over the models, and summed, float64 [models].

    **Choice**: the terms have different units, and unscaled the energy alone would decide.
    """
    return _pool.scaled(terms["energy"]) + _pool.scaled(terms["classification"])
