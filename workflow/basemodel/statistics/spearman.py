"""Spearman's ρ with average ranks for ties, and its p value (docs/paper.md, Evaluation)."""

import numpy as np
from scipy import stats

HIGH = 0.7  # |ρ| from here on counts as high


def spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's ρ along the last axis, ties with average ranks; float64, other axes broadcast.

    NaN where x or y is constant or contains NaN. Infinite values rank first or last.
    """
    return rho_of_ranks(centred_ranks(x), centred_ranks(y))


def centred_ranks(x: np.ndarray) -> np.ndarray:
    """Average ranks along the last axis minus their mean: multiples of 1/2, exact in float64."""
    return stats.rankdata(x, axis=-1) - (np.shape(x)[-1] + 1) / 2


def rho_of_ranks(r: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Pearson's correlation of centred ranks along the last axis; NaN for constant ranks."""
    scale = np.sqrt((r * r).sum(axis=-1) * (s * s).sum(axis=-1))
    with np.errstate(invalid="ignore"):  # for a constant, 0/0 is NaN
        return (r * s).sum(axis=-1) / scale


def p_value(rho: float, n: int) -> float:
    """Two-sided p of ρ over n models, by Student's t with n−2 degrees (as scipy's spearmanr).

    NaN where ρ is undefined or n < 3.
    """
    if n < 3 or np.isnan(rho):
        return np.nan
    if abs(rho) == 1:
        return 0.0
    t = abs(rho) * np.sqrt((n - 2) / ((1 + rho) * (1 - rho)))
    return float(2 * stats.t.sf(t, n - 2))
