"""Resampling: how sure a ρ, an accuracy or a difference of two is; every interval's level is here.

Resamples of source tasks are kept as counts: how often each takes each task. One matrix of counts
serves all cells and metrics: differences between them are then paired. Seeds and numbers that are
equal give equal resamples in every job.
"""

import numpy as np
from scipy import special, stats

from basemodel.seeds import seed_of

LEVEL = 0.95
MIN_MODELS = 3  # fewer models of one policy have no ρ worth averaging
ROUNDING = 1e-12  # a smaller spread is none


def resample(policies: np.ndarray, resamples: int, seed: object) -> np.ndarray:
    """How often each resample takes each source task, float64 [1 + resamples, tasks].

    policies: the kind of each source task, [tasks]. The design fixes how many there are of a kind,
    so tasks are drawn within their kind, whose counts add to its number n. n − 1 are drawn, each
    counted n / (n − 1) times, which makes the variance of a mean unbiased (Rao and Wu,
    "Resampling inference with complex survey data", 1988); n of three tasks would give two thirds
    of it. The only task of its kind is in every resample. The first row is no resample: it takes
    each task once, which gives the estimate itself. `seed` is that of the experiment.
    """
    rng = np.random.default_rng(seed_of("bootstrap", seed))
    counts = np.ones((1 + resamples, len(policies)))
    for policy in dict.fromkeys(policies):
        tasks = np.flatnonzero(policies == policy)
        n, taken = len(tasks), max(1, len(tasks) - 1)
        counts[1:, tasks] = rng.multinomial(taken, np.full(n, 1 / n), resamples) * (n / taken)
    return counts


def resample_families(families: np.ndarray, resamples: int, seed: object) -> np.ndarray:
    """`resample` with the models of a family drawn together: float64 [1 + resamples, models].

    families: that of each model, by name or number, [models].
    """
    names, family = np.unique(families, return_inverse=True)
    return resample(np.zeros(len(names)), resamples, seed)[:, family]


def percentiles(resampled: np.ndarray, axis: int = -1) -> np.ndarray:
    """The ends of the 95 % interval, float64 [2, ...]: percentiles without NaN along an axis."""
    tail = (1 - LEVEL) / 2
    return np.nanquantile(resampled, [tail, 1 - tail], axis=axis)


def interval(resampled: np.ndarray) -> np.ndarray:
    """The 95 % interval of one ρ, low and high, float64 [2, ...]; resampled: [..., 1 + resamples].

    The first is the estimate. The interval is that of Fisher's z, with the standard error of the
    resamples. NaN where fewer than two resamples are defined, or all agree (two models, or a
    perfect ρ): such resamples say nothing of how sure it is.

    It covers the ρ over all base models that might have been trained, of the same kinds in the same
    proportions: benchmarks/intervals_experiment.py.
    """
    estimate, others = resampled[..., 0], resampled[..., 1:]
    error = np.full(estimate.shape, np.nan)
    known = (~np.isnan(others)).sum(axis=-1) > 1
    error[known] = np.nanstd(others[known], axis=-1, ddof=1)
    error[~(error > ROUNDING)] = np.nan
    return within_bounds(estimate, stats.norm.ppf((1 + LEVEL) / 2) * error)


def within_bounds(
    value: np.ndarray | float, half: np.ndarray | float, bounds: tuple[float, float] = (-1, 1)
) -> np.ndarray:
    """The ends of an interval that stays within bounds, float64 [2, ...].

    value ± half, taken on the logit scale of the bounds. It is Fisher's z for −1 and 1, and nearly
    the logarithm for a value near a bound, so that the longer side is the one away from it. NaN for
    a value on a bound.
    """
    low, width = bounds[0], bounds[1] - bounds[0]
    share = (np.asarray(value, np.float64) - low) / width
    with np.errstate(divide="ignore", invalid="ignore"):  # on a bound
        steps = half / width / (share * (1 - share))
        ends = special.expit(special.logit(share) + np.stack([-steps, steps]))
    return low + width * np.where((share > 0) & (share < 1), ends, np.nan)


def resampled_ranks(x: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Each model's rank in each resample, float64 [..., resamples, models]; NaN if x contains NaN.

    x: float [..., models]; counts: float [resamples, models]. A rank is the number of models in the
    resample that are below, minus the number above. A model that is in it c times is c tied models;
    this is twice the centred average rank among explicitly repeated models, exactly.
    Infinite values rank first or last.
    """
    one, other = x[..., :, None], x[..., None, :]
    order = np.less(one, other).astype(np.float64) - np.greater(one, other)
    ranks = counts @ order
    ranks[np.isnan(x).any(axis=-1)] = np.nan
    return ranks


def weighted_rho(r: np.ndarray, s: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Spearman's ρ in each resample, float64 [..., resamples], from two resampled_ranks.

    Pearson's correlation of the ranks, each model weighted by its count; NaN where a resample has
    one value only.
    """
    weighted = counts * r
    covariance = np.einsum("...n,...n->...", weighted, s)
    squares = np.einsum("...n,...n->...", weighted, r)
    scale = np.sqrt(squares * np.einsum("...n,...n->...", counts * s, s))
    with np.errstate(invalid="ignore"):  # for a constant, 0/0 is NaN
        return covariance / scale


def resampled_rho(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Spearman's ρ of x and y, float [..., models], in each resample: float64 [..., resamples]."""
    return weighted_rho(resampled_ranks(x, counts), resampled_ranks(y, counts), counts)


def resampled_rho_within(
    x: np.ndarray, y: np.ndarray, policies: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """The mean over policies of ρ among the models of one policy, float64 [..., resamples].

    policies: that of each model's source task, [models]. Policies with fewer than 3 models, and
    those whose ρ is undefined in a resample, are left out; NaN where none is left.
    """
    numbers = [np.flatnonzero(policies == policy) for policy in np.unique(policies)]
    rho = [
        resampled_rho(x[..., chosen], y[..., chosen], counts[:, chosen])
        for chosen in numbers
        if len(chosen) >= MIN_MODELS
    ]
    if not rho:
        return np.full((*x.shape[:-1], len(counts)), np.nan)
    return mean_of_defined(np.stack(rho), axis=0)


def mean_of_defined(values: np.ndarray, axis: int | tuple[int, ...] = -1) -> np.ndarray:
    """The mean along axes without NaN; NaN where all are."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):  # without any, 0/0 is NaN
        return np.where(defined, values, 0).sum(axis=axis) / defined.sum(axis=axis)
