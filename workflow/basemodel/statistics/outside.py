"""Which metric to believe, for a table of others' scores and accuracies: incomplete, any metrics.

The statistics are the experiment's. Other models and other targets might have been taken: models
are resampled, those of one family together. A metric is compared on the models of a target that
have both an accuracy and a score; if the table names architectures, on those of one as well.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd

from basemodel.statistics.bootstrap import (
    MIN_MODELS,
    interval,
    mean_of_defined,
    resample_families,
    resampled_rho,
)
from basemodel.statistics.ceiling import HIGHEST
from basemodel.statistics.comparison import difference_table
from basemodel.statistics.means import mean_interval
from basemodel.statistics.outside_table import Outside, read
from basemodel.statistics.regret import RANDOM, mean_regret, order_key, regret, weighted_tau
from basemodel.statistics.scopes import ALL, ONE, SEVERAL

RESAMPLES = 1000
SAY_LITTLE = range(MIN_MODELS, 6)  # numbers of models: a rho can be high or low by chance
FEW = 8  # families: with fewer, intervals may be too narrow
TAUS = "tau_w_accuracy", "tau_w_symmetric"
SIDES = " (larger is better)", " (smaller is better)"


@dataclass(frozen=True)
class Pools:
    """Models that are ranked against each other: those of a target, or of it and an architecture.

    names: (architecture or "all", target) of each pool. Arrays are [pools, models], NaN in accuracy
    for models that are not in the pool; runs: of each seed; oriented: of each metric, so that
    larger is better.
    """

    scope: str
    names: list[tuple[str, str]]
    accuracy: np.ndarray
    runs: np.ndarray  # [seeds, pools, models]
    oriented: dict[str, np.ndarray]

    @property
    def targets(self) -> np.ndarray:
        return np.array([target for _, target in self.names])


def compare(
    table: str | Path | pd.DataFrame,
    larger_is_better: bool | Mapping[str, bool] | None = None,
    resamples: int = RESAMPLES,
    seed: object = 0,
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Compare the metrics of a table: the tables of the comparison, and notes on the table.

    table, larger_is_better: of outside_table.read. A metric that neither says which way is good is
    compared both ways, as "NAME (larger is better)" and "NAME (smaller is better)".
    resamples: of models, behind every interval; seed: of the resamples.

    The tables are those of an experiment (scripts/comparison.py), without its kinds of source
    tasks, by name: scores (target, model, family, accuracy, metrics as they are); rho and regret
    (architecture, target, metric, …, n, the number of models); mean_rho, mean_regret (scope,
    metric, …, over targets); differences (scope, first, second, …; low_all and high_all hold for
    all pairs at once); and ceiling, without rows if there is one fine-tuning of each model. A pool
    and metric with fewer than 3 models that have both is NaN in rho, and not in regret. The scope
    "one architecture" is there if the table names several, and 3 models of one.
    Raises outside_table.TableError, one line, for what cannot be compared.
    """
    found = read(table, larger_is_better)
    names, family = np.unique(found.families, return_inverse=True)
    counts = resample_families(found.families, resamples, seed)
    everything = _everything(found)
    there = _there(everything)
    notes = [*found.notes, *_both_ways(found), *_few(found, len(names))]
    notes += _left_out(found, there) + _constant(found, everything.oriented, there)
    scopes, told = [everything], []
    if len(set(found.architectures)) > 1:
        within, told = _of_architectures(found, everything)
        if enough(~np.isnan(within.accuracy)).any():
            scopes = [within, everything]
    parts = [_tables(pools, family, counts) for pools in scopes]
    tables = {
        name: pd.concat([part[name] for part in parts], ignore_index=True) for name in parts[0]
    }
    return {"scores": _scores(found), **tables}, notes + told


def _everything(found: Outside) -> Pools:
    names = [(ALL, target) for target in found.targets]
    return Pools(SEVERAL, names, found.accuracy, found.runs, _oriented(found))


def _of_architectures(found: Outside, everything: Pools) -> tuple[Pools, list[str]]:
    """A pool for each target and architecture of enough models; a note on the others."""
    several, number = np.unique(found.architectures, return_counts=True)
    large, small = several[number >= MIN_MODELS], several[number < MIN_MODELS]
    alone = f"Ranked with other architectures only, as they have under {MIN_MODELS} models: "
    notes = [f"{alone}{listed([*small])}."] if len(small) else []
    if few := [f"{name} ({n})" for name, n in zip(several, number, strict=True) if n in SAY_LITTLE]:
        notes.append(f"Architectures of few models, whose rho says little: {listed(few)}.")
    inside = np.repeat(found.architectures == large[:, None], len(found.targets), axis=0)

    def parts(array: np.ndarray) -> np.ndarray:
        """[..., targets, models] → [..., architectures · targets, models]"""
        return np.concatenate([array] * len(large), axis=-2) if len(large) else array[..., :0, :]

    pools = Pools(
        ONE,
        list(product(map(str, large), found.targets)),
        np.where(inside, parts(everything.accuracy), np.nan),
        np.where(inside, parts(everything.runs), np.nan),
        {metric: parts(values) for metric, values in everything.oriented.items()},
    )
    return pools, notes


def _tables(pools: Pools, family: np.ndarray, counts: np.ndarray) -> dict[str, pd.DataFrame]:
    """The tables of one scope. family: the number of each model's; counts: [resamples, models]."""
    there = _there(pools)
    rho = {
        metric: rho_of(values, pools.accuracy, there[metric], counts)
        for metric, values in pools.oriented.items()
    }
    known = ~np.isnan(pools.accuracy)
    regrets, mean_regrets = [], []
    for metric, values in {**pools.oriented, RANDOM: np.zeros_like(pools.accuracy)}.items():
        mask = there[metric] if metric != RANDOM else enough(known)
        used = mask.any(axis=1)
        if not used.any():
            continue
        accuracy = np.where(mask, pools.accuracy, np.nan)[used]
        names = [name for name, of_pool in zip(pools.names, used, strict=True) if of_pool]
        rows = [
            {"architecture": architecture, "target": target, "metric": metric}
            | regret(of_pool[m], of_metric[m])
            | {"n": m.sum()}
            for (architecture, target), of_pool, of_metric, m in zip(
                names, accuracy, values[used], mask[used], strict=True
            )
        ]
        regrets += rows
        part = pd.DataFrame(rows).drop(columns="n")
        targets = pools.targets[used]
        taus = left_out_taus(accuracy, values[used], family) if metric != RANDOM else None
        means = mean_regret(part, targets, accuracy, values[used], counts[1:], taus)
        mean_regrets.append({"scope": pools.scope, "metric": metric} | means)
    paired = _paired(pools, there, rho, counts)
    return {
        "rho": _rho_table(pools, rho),
        "mean_rho": _mean_rho(pools, rho),
        "differences": difference_table(pools.scope, pools.targets, paired, True),
        "regret": pd.DataFrame(regrets),
        "mean_regret": pd.DataFrame(mean_regrets),
        "ceiling": _ceilings(pools, counts),
    }


def _there(pools: Pools) -> dict[str, np.ndarray]:
    """Which models of which pool have both, of each metric: none where there are too few."""
    known = ~np.isnan(pools.accuracy)
    return {metric: enough(known & ~np.isnan(values)) for metric, values in pools.oriented.items()}


def enough(there: np.ndarray) -> np.ndarray:
    """Which models of which target count, bool [targets, models]: none where there are under 3."""
    return there & (there.sum(axis=1, keepdims=True) >= MIN_MODELS)


def rho_of(
    values: np.ndarray, accuracy: np.ndarray, there: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """ρ on each target, of the models that are there, in each resample: [targets, resamples].

    values, accuracy, there: [targets, models]; counts: [resamples, models].
    """
    rho = np.full((len(there), len(counts)), np.nan)
    for target, mask in enumerate(there):
        if mask.any():
            of_target = values[target, mask], accuracy[target, mask]
            rho[target] = resampled_rho(*of_target, counts[:, mask])
    return rho


def left_out_taus(
    accuracy: np.ndarray, values: np.ndarray, family: np.ndarray
) -> dict[str, np.ndarray]:
    """τ_w without each family in turn, [targets, families], spread as resamples of families are.

    accuracy, values: [targets, models], NaN in accuracy where there is no model; family: the number
    of each model's, [models]. Duplicates in a bootstrap's resample would take ranks, and so weight,
    from other models. The jackknife has none: leaving out one of n families, the deviations from
    the mean are multiplied by (n − 1)/√n, so that their variance is that of τ_w (Efron and Stein,
    Annals of Statistics 9, 1981).
    """
    numbers = np.unique(family)
    taus = np.full((len(TAUS), len(accuracy), len(numbers)), np.nan)
    for target, (of_target, of_metric) in enumerate(zip(accuracy, values, strict=True)):
        for number in numbers:
            left = (family != number) & ~np.isnan(of_target)
            taus[:, target, number] = weighted_tau(of_target[left], order_key(of_metric[left]))
    mean = mean_of_defined(taus)[..., None]
    spread = (len(numbers) - 1) / np.sqrt(len(numbers))
    return dict(zip(TAUS, mean + spread * (taus - mean), strict=True))


def _oriented(found: Outside) -> dict[str, np.ndarray]:
    """Each metric so that larger is better, or both ways."""
    oriented = {}
    for metric, values in found.metrics.items():
        larger = found.larger_is_better.get(metric)
        if larger is None:
            oriented |= {
                metric + side: sign * values for side, sign in zip(SIDES, (1, -1), strict=True)
            }
        else:
            oriented[metric] = values if larger else -values
    return oriented


def _paired(
    pools: Pools,
    there: Mapping[str, np.ndarray],
    rho: Mapping[str, np.ndarray],
    counts: np.ndarray,
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Differences between ρ of every two metrics, on the models that have both.

    The two ways of one metric are no pair.
    """
    for first, second in combinations(pools.oriented, 2):
        if _plain(first) == _plain(second):
            continue
        pair = rho[first], rho[second]
        if (there[first] != there[second]).any():
            both = enough(there[first] & there[second])
            pair = (
                rho_of(pools.oriented[m], pools.accuracy, both, counts) for m in (first, second)
            )
        one, other = pair
        yield first, second, one - other


def _scores(found: Outside) -> pd.DataFrame:
    index = [(target, model) for target in found.targets for model in found.models]
    table = pd.DataFrame(index, columns=["target", "model"])
    table["family"] = np.tile(found.families, len(found.targets))
    values = {metric: values.ravel() for metric, values in found.metrics.items()}
    return table.assign(accuracy=found.accuracy.ravel(), **values)


def _rho_table(pools: Pools, rho: Mapping[str, np.ndarray]) -> pd.DataFrame:
    known, tables = ~np.isnan(pools.accuracy), []
    for metric, of_metric in rho.items():
        low, high = interval(of_metric)
        table = pd.DataFrame(pools.names, columns=["architecture", "target"])
        columns = {"metric": metric, "rho": of_metric[:, 0], "low": low, "high": high}
        number = (known & ~np.isnan(pools.oriented[metric])).sum(axis=1)
        tables.append(table.assign(**columns, n=number))
    return pd.concat(tables).sort_index(kind="stable", ignore_index=True)


def _mean_rho(pools: Pools, rho: Mapping[str, np.ndarray]) -> pd.DataFrame:
    rows = []
    for metric, of_metric in rho.items():
        mean, low, high = mean_interval(of_metric[:, 0], pools.targets, of_metric[:, 1:])
        defined = int(np.isfinite(of_metric[:, 0]).sum())
        rows.append((pools.scope, metric, mean, low, high, defined))
    return pd.DataFrame(rows, columns=["scope", "metric", "mean_rho", "low", "high", "cells"])


def _ceilings(pools: Pools, counts: np.ndarray) -> pd.DataFrame:
    """The noise ceiling of each pool with several fine-tunings of its models.

    r, the mean ρ between two seeds, is the reliability of one fine-tuning; that of the mean of s is
    s·r / (1 + (s − 1)·r) (Spearman and Brown), and the ceiling its root, as in ceiling.py. All were
    tested on the same images: what is due to the choice of images counts as worth, and the true
    ceiling is lower.
    """
    columns = ["architecture", "target", "seeds", "n", "between_seeds", "ceiling", "low", "high"]
    rows = []
    for name, runs in zip(pools.names, np.moveaxis(pools.runs, 1, 0), strict=True):
        whole = ~np.isnan(runs).any(axis=0)  # the models with every seed
        seeds = len(runs)
        if seeds < 2 or whole.sum() < MIN_MODELS:
            continue
        runs = runs[:, whole]
        pairs = combinations(range(seeds), 2)
        between = [resampled_rho(runs[a], runs[b], counts[:, whole]) for a, b in pairs]
        r = np.maximum(mean_of_defined(np.stack(between), axis=0), 0)
        reliability = seeds * r / (1 + (seeds - 1) * r)
        ends = interval(np.concatenate([np.minimum(reliability[:1], HIGHEST), reliability[1:]]))
        three = np.sqrt(np.clip([reliability[0], *ends], 0, 1))
        rows.append((*name, seeds, int(whole.sum()), r[0], *three))
    return pd.DataFrame(rows, columns=columns)


def _both_ways(found: Outside) -> list[str]:
    open_ = [metric for metric in found.metrics if found.larger_is_better.get(metric) is None]
    if not open_:
        return []
    return [
        f"Nothing says whether larger is better for {listed(open_)}: both ways are shown, and the "
        "better of the two is a choice made with the accuracies in hand. Say it in a column "
        "larger_is_better, or with --config larger_is_better=true (false; or, for each, "
        "'larger_is_better={METRIC: true}')."
    ]


def _few(found: Outside, families: int) -> list[str]:
    notes = []
    if families < len(found.models):
        notes.append(
            f"{len(found.models)} models of {families} families: those of a family are resampled "
            "together."
        )
    if families == 1:
        notes.append("All models are of one family: nothing says how others would do.")
    if len(found.targets) == 1:
        notes.append(
            "One target: intervals are for other models on this target; nothing says how metrics "
            "do on others, and a mean regret has no interval."
        )
    if 1 < families < FEW:
        notes.append(f"Only {families} models or families: intervals may be too narrow.")
    return notes


def _left_out(found: Outside, there: Mapping[str, np.ndarray]) -> list[str]:
    pairs = [
        f"{_plain(metric)} on {target}"
        for metric, mask in there.items()
        for target, models in zip(found.targets, mask, strict=True)
        if not models.any()
    ]
    pairs = list(dict.fromkeys(pairs))
    return [f"Left out, under {MIN_MODELS} models with both: {listed(pairs)}."] if pairs else []


def _constant(
    found: Outside, oriented: Mapping[str, np.ndarray], there: Mapping[str, np.ndarray]
) -> list[str]:
    notes = []
    alike = [
        target
        for target, accuracy in zip(found.targets, found.accuracy, strict=True)
        if np.isfinite(accuracy).sum() >= MIN_MODELS and np.nanmin(accuracy) == np.nanmax(accuracy)
    ]
    if alike:
        notes.append(f"All accuracies are equal on {listed(alike)}: there is nothing to rank.")
    pairs = [
        f"{_plain(metric)} on {target}"
        for metric, mask in there.items()
        for target, values, m in zip(found.targets, oriented[metric], mask, strict=True)
        if m.any() and np.ptp(values[m]) == 0
    ]
    if pairs:
        pairs = list(dict.fromkeys(pairs))
        notes.append(f"No ρ, as all scores are equal: {listed(pairs)}.")
    return notes


def _plain(metric: str) -> str:
    """The metric's name in the table."""
    for side in SIDES:
        metric = metric.removesuffix(side)
    return metric


def listed(names: list[str], most: int = 6) -> str:
    """`a, b and c`; of many, the first and how many more."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
