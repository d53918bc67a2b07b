"""Regularised linear discriminant analysis of embeddings, which SFDA does twice.

With at most as many images as features, from the Gram matrix of the images [N, N]; with more, from
the covariance of the features [D, D].
"""

import math

import numpy as np

from basemodel.metrics._embeddings import class_means, log_softmax

STRENGTH = 4  # a in λ = exp(−a·σ): the value in the paper's Algorithm 1


def log_posteriors(gram: np.ndarray, y: np.ndarray, classes: int, features: int) -> np.ndarray:
    """log p(c|x_i) of each image and class, float64 [N, K].

    p(c|x) = softmax_c δ_c(x), δ_c(x) = xᵀ U Uᵀ μ_c − ½ μ_cᵀ U Uᵀ μ_c + log(n_c/N), where U spans
    the Fisher space of at most K−1 dimensions, the generalised eigenvectors of S_B u = v S̃_W u with
    Uᵀ S̃_W U = 1 (Shao et al., ECCV 2022, Equations 2 to 6). The class means do not differ along the
    other eigenvectors, so U Uᵀ may be replaced by the inverse of S̃_W, and no eigenvectors are
    needed.

    S̃_W = (1−λ) S_W + λ (tr S_W/D) I, with S_W the covariance within classes (divisor N) and
    λ = exp(−a·σ), a = 4. **Choice**: the paper's Equation 3 takes for σ the largest eigenvalue of
    S_W, and regularises by λI. Both are in the unit of the features, squared: for large features λ
    underflows, and with N < D every image is then classified perfectly. Here σ is that eigenvalue
    as a fraction of tr S_W, so that λ is between exp(−4) and 1 and the scale does not matter.

    gram: inner products of centred features, float64 [N, N]; features: D. NaN if all images of
    every class are equal (tr S_W = 0).
    """
    n = len(gram)
    to_means = class_means(gram, y, classes)  # ⟨μ_c, x_j⟩, [K, N]
    between = class_means(to_means.T, y, classes)  # ⟨μ_c, μ_d⟩, [K, K]
    crossed = to_means.T - between[y]  # ⟨x_i − μ_{y_i}, μ_c⟩, [N, K]
    onto_within = gram - to_means.T[:, y]  # ⟨x_i, x_j − μ_{y_j}⟩
    within = onto_within - crossed[:, y].T  # ⟨x_i − μ_{y_i}, x_j − μ_{y_j}⟩
    ridge, weight = _regularisation(within, float(np.trace(gram)), n, features)
    # Woodbury: S̃_W⁻¹ = (1/ridge) (I − X_wᵀ (ridge/weight · I + X_w X_wᵀ)⁻¹ X_w)
    within *= weight
    within[np.diag_indices(n)] += ridge
    solved = np.linalg.solve(within, weight * crossed)
    return _log_posteriors((to_means.T - onto_within @ solved) / ridge, y, classes)


def log_posteriors_of_many(x: np.ndarray, y: np.ndarray, classes: int) -> np.ndarray:
    """The same from centred features themselves, float64 [N, D]: for more images than features."""
    n, features = x.shape
    means = class_means(x, y, classes)
    off = x - means[y]
    within = off.T @ off
    ridge, weight = _regularisation(within, float(np.vdot(x, x)), n, features)
    within *= weight
    within[np.diag_indices(features)] += ridge
    return _log_posteriors(x @ np.linalg.solve(within, means.T), y, classes)


def _regularisation(within: np.ndarray, total: float, n: int, d: int) -> tuple[float, float]:
    """λ (tr S_W/D) and (1−λ)/N, from the inner products within classes; NaN without any spread."""
    trace = float(np.trace(within))
    if trace <= n * np.finfo(float).eps * total:
        return math.nan, math.nan
    share = min(max(float(np.linalg.eigvalsh(within)[-1]) / trace, 0.0), 1.0)
    strength = math.exp(-STRENGTH * share)
    return strength * trace / n / d, (1 - strength) / n


def _log_posteriors(inner: np.ndarray, y: np.ndarray, classes: int) -> np.ndarray:
    """From xᵢᵀ S̃_W⁻¹ μ_c, [N, K]."""
    norms = np.diagonal(class_means(inner, y, classes))
    return log_softmax(inner - norms / 2 + np.log(np.bincount(y) / len(y)))
