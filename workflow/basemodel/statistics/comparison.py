"""Every metric in every pool, means over pools, and differences between metrics, with intervals."""

from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from basemodel.statistics.bootstrap import LEVEL, mean_of_defined, resampled_rho_within
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


def difference_table(
    scope: str,
    targets: np.ndarray,
    differences: Iterable[tuple[str, str, np.ndarray]],
    simultaneous: bool = False,
) -> pd.DataFrame:
    """One row per two metrics: by how much the mean ρ of the first exceeds that of the second.

    targets: of each pool, [pools]; differences: of `paired`, or another (first, second, difference
    of ρ, [pools, 1 + resamples]); pools where it is NaN are left out.
    Columns: scope; first, second; difference, with the ends of its 95 % interval, low and high; if
    `simultaneous`, low_all and high_all, of intervals that all hold together in 95 % (Bonferroni).
    The first is the one with the higher mean (if equal, the one that comes first).
    """
    columns = ["scope", "first", "second", "difference", *RHO[1:]]
    differences = list(differences)
    levels = [LEVEL]
    if simultaneous:
        columns += ["low_all", "high_all"]
        levels.append(1 - (1 - LEVEL) / max(len(differences), 1))
    rows = []
    for first, second, difference in differences:
        found = []
        for level in levels:
            mean, low, high = mean_interval(
                difference[:, 0], targets, difference[:, 1:], bounds=(-2, 2), level=level
            )
            found += [(-high, -low) if mean < 0 else (low, high)]
        if mean < 0:
            first, second = second, first
        ends = [end for pair in found for end in pair]
        rows.append((scope, first, second, abs(mean), *ends))
    return pd.DataFrame(rows, columns=columns)


def paired(rho: Resampled) -> Iterator[tuple[str, str, np.ndarray]]:
    """The differences between every two metrics in the same resamples, for difference_table."""
    for first, second in combinations(rho, 2):
        yield first, second, rho[first] - rho[second]
