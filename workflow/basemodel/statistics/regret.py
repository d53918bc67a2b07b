"""What it costs to trust a metric: the accuracy lost by taking what it ranks first.

ρ is over all models, but a user takes one, or fine-tunes the few that rank highest. Ties in a
metric are broken at random, and the columns are the exact expectations. NaN ranks last, also by
ties.
"""

from collections.abc import Mapping
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
    tau_w_accuracy, tau_w_symmetric: of weighted_tau.
    """
    key = order_key(metric)
    best = float(accuracy.max())
    row = {}
    for k in TOP:
        row[f"regret_{k}"] = POINTS * (best - expected_best(accuracy, key, k))
    row["relative"] = expected_best(accuracy, key, 1) / best if best > 0 else np.nan
    row["tau_w_accuracy"], row["tau_w_symmetric"] = weighted_tau(accuracy, key)
    for k in TOP:
        row[f"hit_{k}"] = expected_best((accuracy == best).astype(np.float64), key, k)
    return row


def weighted_tau(accuracy: np.ndarray, key: np.ndarray) -> tuple[float, float]:
    """Kendall's τ with hyperbolic weights (Vigna, WWW 2015) in the literature's two conventions.

    accuracy, key: float or int [models], larger is better. Two models count 1/(r+1) + 1/(s+1) if
    they are ranked r and s, from 0. The first: ranked by accuracy alone, models of equal accuracy
    by `key`, which is weightedtau(accuracy, key, rank=None) in SciPy. The second: the mean of that
    and of τ_w with models ranked by `key`, which is SciPy's default (rank=True). Published tables
    have the one or the other (docs/benchmarks.md). NaN if either is constant.
    """
    if len(key) == 0 or np.ptp(key) == 0 or np.ptp(accuracy) == 0:
        return np.nan, np.nan
    by_accuracy = stats.weightedtau(accuracy, key, rank=None).statistic
    return float(by_accuracy), float(stats.weightedtau(accuracy, key).statistic)


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
    """Means of regret_table's columns over pools (mean_regret): scope, and a row per metric.

    table: of the same pools; counts: of Pools.resample.
    """
    values = {**pools.metrics, RANDOM: np.zeros_like(pools.accuracy)}
    rows = [
        {"scope": pools.scope, "metric": metric}
        | mean_regret(part, pools.targets, pools.accuracy, values[metric], counts[1:])
        for metric, part in table.groupby("metric", sort=False)
    ]
    return pd.DataFrame(rows)


def mean_regret(
    part: pd.DataFrame,
    targets: np.ndarray,
    accuracy: np.ndarray,
    metric: np.ndarray,
    counts: np.ndarray,
    resampled_tau: Mapping[str, np.ndarray] | None = None,
) -> dict[str, float]:
    """Means over pools of the columns of `regret` for one metric, with intervals.

    part: a row for each pool, the columns of `regret` after "metric"; targets: [pools]; accuracy,
    metric: [pools, models], NaN in accuracy where a pool lacks the model; counts: resamples of
    models, [resamples, models]; resampled_tau: τ_w in resamples of models, [pools, resamples] by
    column. Each column is followed by the ends of its 95 % interval, _low and _high: for other
    targets, and other base models of the same kinds (means.mean_interval; τ_w without resamples:
    for other targets only). Coverage was tried by benchmarks/intervals_experiment.py. With one
    target all ends are NaN but those of a resampled τ_w.

    The best of a resample of models is no estimate of the best. But how regrets of two targets vary
    together over resamples is that part of their noise which comes from the models that they share.

    If a metric took the best in all of T targets, it might still miss it in a share of up to
    1 − 0.025^(1/T) of others (Clopper and Pearson, Biometrika 26, 1934). No interval ends earlier
    than if each such miss cost the distance of the best model from the next accuracy below. Where
    targets have equal regrets by chance, nothing is known of how they vary, and the interval is all
    that is possible.
    """
    next_best = _next_best(accuracy)
    best = np.nanmax(accuracy, axis=1)
    relative = float(np.mean((best - next_best) / np.where(best > 0, best, 1)))
    steps = {"regret": POINTS * float(np.mean(best - next_best)), "relative": relative, "hit": 1.0}
    resampled = _resampled(accuracy, metric, counts) | dict(resampled_tau or {})
    row = {}
    for column in part.columns[part.columns.get_loc("metric") + 1 :]:
        of_pools = part[column].to_numpy(np.float64)
        kind = column.partition("_")[0]
        if kind == "tau":
            three = mean_interval(of_pools, targets, resampled.get(column))
        elif kind == "regret":
            three = _mean_loss(of_pools, targets, resampled[column], POINTS, steps[kind])
        else:  # 1 less a loss
            loss, low, high = _mean_loss(
                1 - of_pools, targets, 1 - resampled[column], 1, steps[kind]
            )
            three = 1 - loss, 1 - high, 1 - low
        row |= dict(zip((column, f"{column}_low", f"{column}_high"), three, strict=True))
    return row


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
    """`regret` in resamples of models, [pools, resamples] of each name but those of τ_w.

    accuracy, metric: [pools, models]; counts: [resamples, models]; a model is there or not, and not
    if its accuracy is NaN. Ties are broken at random once in each pool and resample. NaN where no
    model is there.
    """
    rng = np.random.default_rng(seed_of("regret", "ties"))
    drawn = counts > 0
    names = ("relative", *(f"{what}_{k}" for what in ("regret", "hit") for k in TOP))
    found = {name: np.empty((len(accuracy), len(counts))) for name in names}
    for pool, (of_pool, values) in enumerate(zip(accuracy, metric, strict=True)):
        there = drawn & ~np.isnan(of_pool)
        key = order_key(values) + rng.random(there.shape)  # ties differ by less than 1
        order = np.argsort(np.where(there, -key, np.inf), axis=1)[:, : max(TOP)]
        chosen = np.where(np.take_along_axis(there, order, axis=1), of_pool[order], -np.inf)
        best = np.where(there, of_pool, -np.inf).max(axis=1)
        best[~there.any(axis=1)] = np.nan
        for k in TOP:
            top = chosen[:, :k].max(axis=1)
            found[f"regret_{k}"][pool] = POINTS * (best - top)
            found[f"hit_{k}"][pool] = np.where(np.isnan(best), np.nan, top == best)
        with np.errstate(invalid="ignore"):  # 0/0 where nothing was learned
            found["relative"][pool] = chosen[:, 0] / best
    return found


def _next_best(accuracy: np.ndarray) -> np.ndarray:
    """The highest accuracy below the best, or the best if all are equal: [pools, models] → [pools].

    That is what the smallest mistake yields.
    """
    best = np.nanmax(accuracy, axis=1, keepdims=True)
    below = np.where(accuracy < best, accuracy, -np.inf).max(axis=1)
    return np.where(np.isinf(below), best[:, 0], below)
