"""How sure a mean over cells is, when both source tasks and targets are a sample.

Another experiment would have other source tasks and other targets. All cells share the source
tasks, and the architectures of a target share its images, so cells are not independent: a target
is resampled with all its architectures. The architectures are fixed; three are no sample.
"""

import numpy as np
from scipy import stats

from basemodel.statistics.bootstrap import LEVEL, ROUNDING, mean_of_defined, within_bounds


def mean_interval(
    values: np.ndarray,
    targets: np.ndarray,
    resampled: np.ndarray | None = None,
    bounds: tuple[float, float] = (-1, 1),
    level: float = LEVEL,
) -> tuple[float, float, float]:
    """The mean of values over cells, and the ends of its interval, 95 % unless `level` says other.

    values: float [cells]; targets: the target of each cell, [cells]; resampled: the values in each
    resample of source tasks, float [cells, resamples] (bootstrap.resampled_rho), or None to count
    targets as the only sample. bounds: the possible means, within which the interval stays
    (bootstrap.within_bounds); −1 and 1 make it Fisher's z. Cells whose value is NaN are left out.
    With one target, it is the interval for that target alone: only source tasks are resampled; with
    two, the interval is so wide that it says little. The ends are NaN where nothing varies, or
    nothing is known of how it does.

    The variance has two parts. Resampling targets, without end, gives the first: the spread of the
    targets' means m_t, Σ_t W_t² (m_t − m)² · T / (T−1), where W_t is target t's share of the cells
    (T / (T−1) is Bessel's correction, which such resamples lack). That spread already contains each
    target's own noise from the source tasks; what it lacks is the noise that all targets share. So
    the second part is the mean covariance of two targets' means over the resamples of source tasks.
    (Resampling both at once, the pigeonhole bootstrap of Owen, Annals of Applied Statistics 1,
    2007, counts each target's own noise twice.) The quantile is Student's t with T−1 degrees of
    freedom; for one target, the normal one.

    It covers the mean over all targets, and all source tasks of the same kinds, that there might
    have been: benchmarks/intervals_experiment.py. Percentiles of joint resamples covered less.
    """
    used = ~np.isnan(values)
    if not used.any():
        return np.nan, np.nan, np.nan
    mean = float(values[used].mean())
    names, group = np.unique(np.asarray(targets)[used], return_inverse=True)
    share = np.bincount(group) / used.sum()
    of_target = np.bincount(group, values[used]) / np.bincount(group)

    between = shared = 0.0
    if len(names) > 1:
        between = len(names) / (len(names) - 1) * float((share**2 * (of_target - mean) ** 2).sum())
    if resampled is not None:
        shared = _shared(resampled[used], group, share)
    elif len(names) == 1:
        return mean, np.nan, np.nan
    variance = between + shared
    if not variance > ROUNDING**2:  # also if it is NaN
        return mean, np.nan, np.nan
    freedom = len(names) - 1 if len(names) > 1 else np.inf
    half = stats.t.ppf((1 + level) / 2, freedom) * np.sqrt(variance)
    low, high = within_bounds(mean, half, bounds)
    return mean, float(low), float(high)


def _shared(resampled: np.ndarray, group: np.ndarray, share: np.ndarray) -> float:
    """The mean covariance of two targets' means over resamples; with one target, its variance.

    resampled: [cells, resamples]; group: the number of each cell's target, [cells]; share:
    [targets]. Resamples in which a target has no value are left out. At least 0.
    """
    means = np.stack([mean_of_defined(resampled[group == t], axis=0) for t in range(len(share))])
    means = means[:, ~np.isnan(means).any(axis=0)]
    if means.shape[1] < 2:
        return np.nan
    covariance = np.cov(means).reshape(len(share), len(share))
    if len(share) == 1:
        return float(covariance[0, 0])
    weights = np.outer(share, share)
    np.fill_diagonal(weights, 0)
    return max(0.0, float((weights * covariance).sum() / weights.sum()))
