"""Spearman's ρ between each metric and the fine-tuned accuracy, over base models (docs/paper.md).

Every metric is oriented so that larger is better before ρ, as in the published Figure 2.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from basemodel.statistics.bootstrap import interval, resampled_ranks, weighted_rho
from basemodel.statistics.pools import Pools
from basemodel.statistics.spearman import p_value, spearman

# Of each metric, [pools, 1 + resamples]: the estimate comes first, then the resamples
Resampled = Mapping[str, np.ndarray]


def rho_of(pools: Pools, counts: np.ndarray) -> Resampled:
    """ρ of each metric with the accuracy over all models of a pool; counts: of Pools.resample."""
    accuracy = resampled_ranks(pools.accuracy, counts)
    return {
        metric: weighted_rho(resampled_ranks(values, counts), accuracy, counts)
        for metric, values in pools.metrics.items()
    }


def correlation_table(pools: Pools, rho: Resampled) -> pd.DataFrame:
    """One row per (pool, metric), of cells and `rho_of` them.

    Columns: architecture, target, metric; rho; low and high, the ends of its 95 % interval over
    base models (bootstrap.interval); p_value, two-sided; n, the number of base models; and
    rho_<policy>, ρ among the base models of one policy alone. A ρ is NaN (an empty field in CSV)
    where metric or accuracy is constant or the metric is undefined.
    """
    n = pools.accuracy.shape[1]
    columns = {}
    for metric, values in pools.metrics.items():
        estimate = rho[metric][:, 0]
        columns[metric] = with_interval("rho", "low", "high", rho[metric])
        columns[metric] |= {"p_value": [p_value(one, n) for one in estimate], "n": n}
        for policy in sorted(set(pools.policies)):
            chosen = pools.policies == policy
            of_policy = spearman(values[:, chosen], pools.accuracy[:, chosen])
            columns[metric][f"rho_{policy}"] = of_policy
    return by_pool(pools.names, columns)


def with_interval(name: str, low: str, high: str, resampled: np.ndarray) -> dict[str, np.ndarray]:
    """Three columns: the estimate, and the ends of its interval; resampled: [pools, 1 + n]."""
    ends = interval(resampled)
    return dict(zip((name, low, high), (resampled[:, 0], *ends), strict=True))


def by_pool(
    names: Sequence[tuple[str, str]], columns: Mapping[str, Mapping[str, object]]
) -> pd.DataFrame:
    """Rows of architecture, target, metric and each metric's columns [pools]: pool after pool."""
    pools = pd.DataFrame(names, columns=["architecture", "target"])
    tables = [pools.assign(metric=metric, **of_metric) for metric, of_metric in columns.items()]
    return pd.concat(tables).sort_index(kind="stable", ignore_index=True)
