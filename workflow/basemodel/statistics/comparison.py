"""Every metric in every pool, means over pools, and differences between metrics, with intervals."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from basemodel.statistics.bootstrap import (
    as_it_is,
    draw_counts,
    drawn_ranks,
    interval,
    mean_of_defined,
    rho_of_draws,
    within_draws,
)
from basemodel.statistics.means import mean_interval
from basemodel.statistics.pools import Pools
from basemodel.statistics.spearman import spearman

# Of each metric, [pools, 1 + draws]: the estimate comes first, then the draws
Draws = Mapping[str, np.ndarray]
ENDS = ("low", "high")


def rho_draws(pools: Pools, draws: int, seed: object) -> tuple[Draws, Draws]:
    """ρ of each metric with the accuracy, over all models of a pool and within kinds.

    Both: metric → float64 [pools, 1 + draws], the estimate first. The draws are the same for all
    pools and metrics (bootstrap.draw_counts with this seed).
    """
    subsets = len(pools.subsets)
    counts = np.concatenate([as_it_is(subsets), draw_counts(subsets, draws, seed)])
    counts = pools.counts(counts)
    accuracy = drawn_ranks(pools.accuracy, counts)
    rho, within = {}, {}
    for metric, values in pools.metrics.items():
        rho[metric] = rho_of_draws(drawn_ranks(values, counts), accuracy, counts)
        within[metric] = within_draws(values, pools.accuracy, pools.policies, counts)
    return rho, within


def rho_table(pools: Pools, rho: Draws, within: Draws) -> pd.DataFrame:
    """One row per (pool, metric).

    Columns: architecture ("all" for a pool of all architectures), target, metric; rho, with the
    ends of its 95 % interval, low and high; rho_within, the mean ρ within kinds of source task,
    within_low, within_high; stability, ρ between the metric on the even and on the odd probe
    images; rho_even and rho_odd, their ρ with the accuracy; n, the number of models.
    """
    rows = []
    ends = {metric: interval(values[:, 1:]) for metric, values in rho.items()}
    ends_within = {metric: interval(values[:, 1:]) for metric, values in within.items()}
    halves = {metric: _halves(pools, metric) for metric in pools.metrics}
    for p, (architecture, target) in enumerate(pools.names):
        for metric in pools.metrics:
            row = {"architecture": architecture, "target": target, "metric": metric}
            row |= {"rho": rho[metric][p, 0]}
            row |= dict(zip(ENDS, ends[metric][:, p], strict=True))
            row |= {"rho_within": within[metric][p, 0]}
            row |= dict(zip(("within_low", "within_high"), ends_within[metric][:, p], strict=True))
            row |= {name: values[p] for name, values in halves[metric].items()}
            rows.append(row | {"n": pools.accuracy.shape[1]})
    return pd.DataFrame(rows)


def mean_table(pools: Pools, rho: Draws, within: Draws) -> pd.DataFrame:
    """One row per metric: scope, metric; means over pools, with intervals (means.mean_interval).

    Further columns: mean_rho, low, high; mean_within, within_low, within_high; stability, the mean;
    cells, the number of pools whose ρ is defined: others are left out.
    """
    rows = []
    for metric in pools.metrics:
        row = {"scope": pools.scope, "metric": metric}
        for name, (low, high), found in (
            ("mean_rho", ENDS, rho[metric]),
            ("mean_within", ("within_low", "within_high"), within[metric]),
        ):
            three = mean_interval(found[:, 0], pools.targets, found[:, 1:], correlations=True)
            row |= dict(zip((name, low, high), three, strict=True))
        row["stability"] = float(mean_of_defined(_halves(pools, metric)["stability"]))
        rows.append(row | {"cells": int(np.isfinite(rho[metric][:, 0]).sum())})
    return pd.DataFrame(rows)


def difference_table(pools: Pools, rho: Draws) -> pd.DataFrame:
    """One row per two metrics: by how much the mean ρ of the first exceeds that of the second.

    Columns: scope; first, second; difference, with the ends of its 95 % interval, low and high.
    The first is the one with the higher mean (if equal, the one that comes first); both means are
    over the pools where both are defined. The draws are paired.
    """
    columns = ["scope", "first", "second", "difference", *ENDS]
    rows = []
    for first, second in combinations(rho, 2):
        found = mean_difference(rho[first], rho[second], pools.targets)
        if found[0] < 0:
            first, second = second, first
            found = (-found[0], -found[2], -found[1])
        rows.append((pools.scope, first, second, *found))
    return pd.DataFrame(rows, columns=columns)


def mean_difference(
    first: np.ndarray, second: np.ndarray, targets: np.ndarray
) -> tuple[float, float, float]:
    """The mean of first − second over pools, with its interval; both [pools, 1 + draws]."""
    difference = first - second
    return mean_interval(difference[:, 0], targets, difference[:, 1:], bounds=(-2, 2))


def _halves(pools: Pools, metric: str) -> dict[str, np.ndarray]:
    even, odd = pools.halves[metric]
    return {
        "stability": spearman(even, odd),
        "rho_even": spearman(even, pools.accuracy),
        "rho_odd": spearman(odd, pools.accuracy),
    }
