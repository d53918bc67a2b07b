"""What it costs to trust a metric: the accuracy lost by taking what it ranks first.

ρ is over all models, but a user takes one, or fine-tunes the few that rank highest. Ties in a
metric are broken at random, and the columns are the exact expectations; nothing is resampled. NaN
ranks last, also by ties.
"""

from math import comb

import numpy as np
import pandas as pd
from scipy import stats

from basemodel.statistics.means import mean_interval
from basemodel.statistics.pools import Pools

TOP = (1, 3, 5)
BOUNDS = {"regret": (0, 100), "hit": (0, 1), "relative": (0, 1), "tau": (-1, 1)}  # of intervals
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


def mean_regret_table(table: pd.DataFrame) -> pd.DataFrame:
    """Means of regret_table's columns over pools: one row per scope and metric.

    Each column is followed by the ends of its 95 % interval, _low and _high (means.mean_interval;
    only targets are resampled, because the best of a resample of models is no estimate of the
    best), cut at what is possible: no regret is negative.
    """
    columns = [name for name in table if name not in ("scope", "architecture", "target", "metric")]
    rows = []
    for (scope, metric), part in table.groupby(["scope", "metric"], sort=False):
        row = {"scope": scope, "metric": metric}
        for column in columns:
            values = part[column].to_numpy(np.float64)
            bounds = BOUNDS[column.partition("_")[0]]
            found = mean_interval(values, part["target"].to_numpy(), bounds=bounds)
            row |= dict(zip((column, f"{column}_low", f"{column}_high"), found, strict=True))
        rows.append(row)
    return pd.DataFrame(rows)
