"""What it costs to trust a metric: the accuracy lost by taking what it ranks first.

ρ is over all models, but a user takes one, or fine-tunes the few that rank highest. Ties in a
metric are broken at random, and the columns are the exact expectations. NaN ranks last, also by
ties.
"""

from math import comb

import numpy as np
import pandas as pd
from scipy import stats

from basemodel.seeds import seed_of
from basemodel.statistics.bootstrap import LEVEL
from basemodel.statistics.means import mean_interval
from basemodel.statistics.pools import Pools

TOP = (1, 3, 5)
RANDOM = "random"  # the row of a choice that knows nothing
POINTS = 100  # percentage points


def regret(accuracy: np.ndarray, metric: np.ndarray) -> dict[str, float]:
    """What following a metric yields in one pool.

    accuracy: 0 to 1, float [models]; metric: float [models], larger is better. For k in 1, 3, 5
    (or all models, if there are fewer): regret_k, the best accuracy minus the best among the
    metric's top k, in percentage points; hit_k, the probability that one of the most accurate
    models is among them. relative: the accuracy of the top choice over the best, NaN if that is 0.
    tau_w: Kendall's τ with hyperbolic weights (Vigna, WWW 2015), which LogME's paper (You et al.,
    ICML 2021) reports; here it is the default of scipy.stats.weightedtau, the mean of τ_w with
    models ranked by accuracy and by metric. NaN if either is constant.
    """
    key = order_key(metric)
    best = float(accuracy.max())
    row = {}
    for k in TOP:
        row[f"regret_{k}"] = POINTS * (best - expected_best(accuracy, key, k))
    row["relative"] = expected_best(accuracy, key, 1) / best if best > 0 else np.nan
    varies = np.ptp(key) > 0 and np.ptp(accuracy) > 0
    row["tau_w"] = float(stats.weightedtau(accuracy, key).statistic) if varies else np.nan
    for k in TOP:
        row[f"hit_{k}"] = expected_best((accuracy == best).astype(np.float64), key, k)
    return row


def order_key(metric: np.ndarray) -> np.ndarray:
    """Ranks with ties, int [models]; NaN is below everything, all NaN tied."""
    _, key = np.unique(metric, return_inverse=True)  # NaN is the last value, once
    return np.where(np.isnan(metric), -1, key)


def expected_best(values: np.ndarray, key: np.ndarray, k: int) -> float:
    """The expected maximum of `values` among the k models with the highest key.

    Of m models that tie for r places, each r are equally likely: the j-th largest of them is the
    maximum of the chosen with probability C(m−j, r−1) / C(m, r).
    """
    k = min(k, len(key))
    last = np.sort(key)[-k]  # the key of the k-th model
    certain = values[key > last]
    tied = np.sort(values[key == last])[::-1]
    left = k - len(certain)
    ways = [comb(len(tied) - j, left - 1) for j in range(1, len(tied) + 1)]
    chance = np.array([way / comb(len(tied), left) for way in ways])
    floor = certain.max() if len(certain) else -np.inf
    return float(chance @ np.maximum(tied, floor))


def regret_table(pools: Pools) -> pd.DataFrame:
    """One row per (pool, metric), and one for a random choice (metric "random").

    Columns: scope, architecture ("all" for a pool of all architectures), target, metric, and those
    of `regret`. A metric that is constant or undefined in a pool is a random choice.
    """
    rows = []
    nothing = np.zeros_like(pools.accuracy)
    for p, (architecture, target) in enumerate(pools.names):
        for metric, values in {**pools.metrics, RANDOM: nothing}.items():
            names = {"scope": pools.scope, "architecture": architecture, "target": target}
            rows.append(names | {"metric": metric} | regret(pools.accuracy[p], values[p]))
    return pd.DataFrame(rows)


def mean_regret_table(table: pd.DataFrame, pools: Pools, counts: np.ndarray) -> pd.DataFrame:
    """Means of regret_table's columns over pools: one row per metric, with the scope.

    table: of the same pools; counts: of Pools.resample. Each column is followed by the ends of its
    95 % interval, _low and _high: for other targets, and other base models of the same kinds
    (means.mean_interval; tau_w: for other targets only). Coverage was tried by
    benchmarks/intervals_experiment.py. All ends are NaN with one target.

    The best of a resample of models is no estimate of the best. But how regrets of two targets vary
    together over resamples is that part of their noise which comes from the models that they share.

    If a metric took the best in all of T targets, it might still miss it in a share of up to
    1 − 0.025^(1/T) of others (Clopper and Pearson, Biometrika 26, 1934). No interval ends earlier
    than if each such miss cost the distance of the best model from the next accuracy below. Where
    targets have equal regrets by chance, nothing is known of how they vary, and the interval is all
    that is possible.
    """
    values = {**pools.metrics, RANDOM: np.zeros_like(pools.accuracy)}
    next_best = _next_best(pools.accuracy)
    best = pools.accuracy.max(axis=1)
    relative = float(np.mean((best - next_best) / np.where(best > 0, best, 1)))
    steps = {"regret": POINTS * float(np.mean(best - next_best)), "relative": relative, "hit": 1.0}
    rows = []
    for metric, part in table.groupby("metric", sort=False):
        resampled = _resampled(pools.accuracy, values[metric], counts[1:])
        row = {"scope": pools.scope, "metric": metric}
        for column in part.columns[part.columns.get_loc("metric") + 1 :]:
            of_pools = part[column].to_numpy(np.float64)
            kind = column.partition("_")[0]
            if kind == "tau":
                three = mean_interval(of_pools, pools.targets)
            elif kind == "regret":
                three = _mean_loss(of_pools, pools.targets, resampled[column], POINTS, steps[kind])
            else:  # 1 less a loss
                losses = 1 - of_pools, pools.targets, 1 - resampled[column]
                loss, low, high = _mean_loss(*losses, 1, steps[kind])
                three = 1 - loss, 1 - high, 1 - low
            row |= dict(zip((column, f"{column}_low", f"{column}_high"), three, strict=True))
        rows.append(row)
    return pd.DataFrame(rows)


def _mean_loss(
    losses: np.ndarray, targets: np.ndarray, resampled: np.ndarray, most: float, step: float
) -> tuple[float, float, float]:
    """The mean of losses, 0 to `most` [pools], and the ends of its interval; step: of a miss."""
    number = len(set(targets[~np.isnan(losses)]))
    mean, low, high = mean_interval(losses, targets, resampled if number > 1 else None, (0, most))
    if number < 2:
        return mean, low, high
    missed = 1 - ((1 - LEVEL) / 2) ** (1 / number)
    if mean <= 0:  # on a bound, mean_interval has no ends
        return mean, 0.0, step * missed
    if mean >= most:
        return mean, most * (1 - missed), most
    if np.isnan(low):  # equal by rounding
        return mean, 0.0, most
    return mean, low, max(high, step * missed)


def _resampled(
    accuracy: np.ndarray, metric: np.ndarray, counts: np.ndarray
) -> dict[str, np.ndarray]:
    """`regret` in resamples of models, [pools, resamples] of each name but tau_w.

    accuracy, metric: [pools, models]; counts: [resamples, models]; a model is there or not. Ties
    are broken at random once in each pool and resample.
    """
    rng = np.random.default_rng(seed_of("regret", "ties"))
    there = counts > 0
    names = ("relative", *(f"{what}_{k}" for what in ("regret", "hit") for k in TOP))
    found = {name: np.empty((len(accuracy), len(counts))) for name in names}
    for pool, (of_pool, values) in enumerate(zip(accuracy, metric, strict=True)):
        key = order_key(values) + rng.random(there.shape)  # ties differ by less than 1
        order = np.argsort(np.where(there, -key, np.inf), axis=1)[:, : max(TOP)]
        chosen = np.where(np.take_along_axis(there, order, axis=1), of_pool[order], -np.inf)
        best = np.where(there, of_pool, -np.inf).max(axis=1)
        for k in TOP:
            top = chosen[:, :k].max(axis=1)
            found[f"regret_{k}"][pool] = POINTS * (best - top)
            found[f"hit_{k}"][pool] = top == best
        with np.errstate(invalid="ignore"):  # 0/0 where nothing was learned
            found["relative"][pool] = chosen[:, 0] / best
    return found


def _next_best(accuracy: np.ndarray) -> np.ndarray:
    """The highest accuracy below the best, or the best if all are equal: [pools, models] → [pools].

    That is what the smallest mistake yields.
    """
    best = accuracy.max(axis=1, keepdims=True)
    below = np.where(accuracy < best, accuracy, -np.inf).max(axis=1)
    return np.where(np.isinf(below), best[:, 0], below)
