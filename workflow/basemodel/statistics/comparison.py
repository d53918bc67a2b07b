"""Every metric in every pool, means over pools, and differences between metrics, with intervals."""

from itertools import combinations

import numpy as np
import pandas as pd

from basemodel.statistics.bootstrap import mean_of_defined, resampled_rho_within
from basemodel.statistics.correlation import Resampled, by_pool, with_interval
from basemodel.statistics.means import mean_interval
from basemodel.statistics.pools import Pools
from basemodel.statistics.spearman import spearman

RHO, WITHIN = ("rho", "low", "high"), ("rho_within", "within_low", "within_high")


def rho_within_of(pools: Pools, counts: np.ndarray) -> Resampled:
    """The mean over policies of each metric's ρ among the models of one policy of a pool.

    counts: those of correlation.rho_of, so that resamples are the same.
    """
    return {
        metric: resampled_rho_within(values, pools.accuracy, pools.policies, counts)
        for metric, values in pools.metrics.items()
    }


def rho_table(pools: Pools, rho: Resampled, within: Resampled) -> pd.DataFrame:
    """One row per (pool, metric).

    rho, within: of correlation.rho_of and rho_within_of.
    Columns: architecture ("all" for a pool of all architectures), target, metric; rho, with the
    ends of its 95 % interval, low and high; rho_within, the mean ρ within policies of source tasks,
    within_low, within_high; stability, ρ between the metric on the even and on the odd probe
    images; rho_even and rho_odd, their ρ with the accuracy; n, the number of models.
    """
    columns = {}
    for metric in pools.metrics:
        even, odd = pools.halves(metric)
        columns[metric] = with_interval(*RHO, rho[metric]) | with_interval(*WITHIN, within[metric])
        columns[metric] |= {
            "stability": spearman(even, odd),
            "rho_even": spearman(even, pools.accuracy),
            "rho_odd": spearman(odd, pools.accuracy),
            "n": pools.accuracy.shape[1],
        }
    return by_pool(pools.names, columns)


def mean_table(pools: Pools, rho: Resampled, within: Resampled) -> pd.DataFrame:
    """One row per metric: scope, metric; means over pools, with intervals (means.mean_interval).

    Further columns: mean_rho, low, high; mean_within, within_low, within_high; stability, the mean;
    cells, the number of pools whose ρ is defined: others are left out.
    """
    rows = []
    for metric in pools.metrics:
        row = {"scope": pools.scope, "metric": metric}
        for names, found in (
            (("mean_rho", *RHO[1:]), rho[metric]),
            (("mean_within", *WITHIN[1:]), within[metric]),
        ):
            three = mean_interval(found[:, 0], pools.targets, found[:, 1:])
            row |= dict(zip(names, three, strict=True))
        row["stability"] = float(mean_of_defined(spearman(*pools.halves(metric))))
        rows.append(row | {"cells": int(np.isfinite(rho[metric][:, 0]).sum())})
    return pd.DataFrame(rows)


def difference_table(pools: Pools, rho: Resampled) -> pd.DataFrame:
    """One row per two metrics: by how much the mean ρ of the first exceeds that of the second.

    Columns: scope; first, second; difference, with the ends of its 95 % interval, low and high.
    The first is the one with the higher mean (if equal, the one that comes first); both means are
    over the pools where both are defined. The resamples are paired.
    """
    columns = ["scope", "first", "second", "difference", *RHO[1:]]
    rows = []
    for first, second in combinations(rho, 2):
        difference = rho[first] - rho[second]  # [pools, 1 + resamples]
        found = mean_interval(difference[:, 0], pools.targets, difference[:, 1:], bounds=(-2, 2))
        if found[0] < 0:
            first, second = second, first
            found = (-found[0], -found[2], -found[1])
        rows.append((pools.scope, first, second, *found))
    return pd.DataFrame(rows, columns=columns)
