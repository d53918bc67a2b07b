"""How much of a chosen pair's ρ is there in cells that it was not chosen on.

The best pair and α are those with the highest mean ρ over the cells on which they are then
reported. Here they are chosen on all cells but those of one target, or of one architecture, and
judged on the cells left out; likewise the best single metric. Optimism is the difference. The
metrics' scales are those of all cells, left out or not: they need no accuracies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from basemodel.statistics.bootstrap import mean_of_defined, resampled_rho
from basemodel.statistics.means import mean_interval
from basemodel.statistics.pairs import first_best

LEFT_OUT = {"target": 1, "architecture": 0}  # where it is in a cell's name
FOLD_COLUMNS = [
    *("left_out", "name", "first", "second", "alpha", "chosen_rho", "held_out_rho"),
    *("half", "half_chosen_rho", "half_held_out_rho"),
    *("metric", "metric_chosen_rho", "metric_held_out_rho", "cells"),
]
WHAT = ("pair", "best half", "gain", "single metric")


@dataclass(frozen=True)
class Choice:
    """What was chosen on some cells: a pair with its α, its better half, and a single metric."""

    pair: int  # in the order of itertools.combinations
    alpha: int  # in alphas
    half: int  # in metrics
    single: int


def choose(curves: np.ndarray, singles: np.ndarray, chosen_on: np.ndarray) -> Choice | None:
    """The choice with the highest means of ρ over some cells; None if no pair has a mean.

    curves: float [pairs, alphas, cells] from pairs.curves; singles: ρ of the metrics, [metrics,
    cells]; chosen_on: bool [cells]. Of equal pairs the first, of equal α the smallest, as in
    pairs.search. Undefined cells are left out of means.
    """
    means = mean_of_defined(curves[..., chosen_on])
    if means.size == 0 or np.isnan(means).all():
        return None
    pair = first_best(np.fmax.reduce(means, axis=1))
    alpha = first_best(means[pair])
    halves = np.array(list(combinations(range(len(singles)), 2))[pair])
    of_single = mean_of_defined(singles[:, chosen_on])
    half = halves[first_best(of_single[halves])]
    return Choice(pair, alpha, int(half), first_best(of_single))


def evaluate(
    scaled: np.ndarray,
    accuracy: np.ndarray,
    alphas: np.ndarray,
    curves: np.ndarray,
    metrics: Sequence[str],
    cells: Sequence[tuple[str, str]],
    counts: np.ndarray,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The choices of every fold, and the optimism of choosing.

    scaled: metrics as the pairs were made of them (pairs.scale), [metrics, cells, models];
    accuracy: [cells, models]; alphas: [alphas]; curves: [pairs, alphas, cells] from pairs.curves;
    cells: (architecture, target) of each; counts: of bootstrap.resample, [1 + resamples, models].

    Folds, one row for each target and each architecture that is left out (none if there is only
    one): left_out ("target" or "architecture"), name; first, second, alpha, the pair chosen on the
    other cells; chosen_rho, its mean ρ there; held_out_rho, its mean ρ on the cells left out; half,
    half_chosen_rho, half_held_out_rho, the same for the better half of the pair; metric,
    metric_chosen_rho, metric_held_out_rho, for the best single metric; cells, those left out.

    Optimism, one row for each way of leaving out and each of pair, best half (of the pair), gain
    (pair minus best half) and single metric: left_out, what; in_sample, the mean over cells of the
    choice made on all of them; held_out, the mean over all cells, each with the choice of the fold
    that leaves it out; optimism, in_sample minus held_out. Each with a 95 % interval, _low and
    _high (means.mean_interval): choices stay as they are in the resamples, which are paired.
    """
    singles = resampled_rho(scaled, accuracy[None], counts)
    targets = np.array([target for _, target in cells])
    halves = list(combinations(range(len(metrics)), 2))

    def of_choice(choice: Choice | None, where: np.ndarray) -> np.ndarray:
        """ρ in the cells `where`, of WHAT: [WHAT, cells, 1 + resamples]."""
        if choice is None:
            return np.full((len(WHAT), where.sum(), len(counts)), np.nan)
        i, j = halves[choice.pair]
        alpha = alphas[choice.alpha]
        both = (1 - alpha) * scaled[i][where] + alpha * scaled[j][where]
        pair = resampled_rho(both, accuracy[where], counts)
        half, single = singles[choice.half][where], singles[choice.single][where]
        return np.stack([pair, half, pair - half, single])

    everywhere = np.ones(len(cells), bool)
    in_sample = of_choice(choose(curves, singles[..., 0], everywhere), everywhere)
    folds, rows = [], []
    for left_out, position in LEFT_OUT.items():
        of_cell = np.array([cell[position] for cell in cells])
        held_out = np.full_like(in_sample, np.nan)
        for name in dict.fromkeys(of_cell):
            out = of_cell == name
            if out.all():
                continue  # nothing is left to choose on
            choice = choose(curves, singles[..., 0], ~out)
            held_out[:, out] = of_choice(choice, out)
            means = [mean_of_defined(of_choice(choice, where)[..., 0]) for where in (~out, out)]
            row = {"left_out": left_out, "name": name} | _names(choice, metrics, halves, alphas)
            for number, what in ((0, ""), (1, "half_"), (3, "metric_")):
                row[f"{what}chosen_rho"] = means[0][number]
                row[f"{what}held_out_rho"] = means[1][number]
            folds.append(row | {"cells": int(out.sum())})
        rows += _optimism(left_out, in_sample, held_out, targets)
    return pd.DataFrame(folds, columns=FOLD_COLUMNS), pd.DataFrame(rows)


def _names(
    choice: Choice | None,
    metrics: Sequence[str],
    halves: list[tuple[int, int]],
    alphas: np.ndarray,
) -> dict[str, object]:
    if choice is None:
        return {"first": "", "second": "", "alpha": np.nan, "half": "", "metric": ""}
    i, j = halves[choice.pair]
    return {
        "first": metrics[i],
        "second": metrics[j],
        "alpha": alphas[choice.alpha],
        "half": metrics[choice.half],
        "metric": metrics[choice.single],
    }


def _optimism(
    left_out: str, in_sample: np.ndarray, held_out: np.ndarray, targets: np.ndarray
) -> list[dict]:
    """Rows of the second table; in_sample, held_out: ρ [WHAT, cells, 1 + resamples]."""
    rows = []
    for what, inside, outside in zip(WHAT, in_sample, held_out, strict=True):
        row = {"left_out": left_out, "what": what}
        for name, values in (
            ("in_sample", inside),
            ("held_out", outside),
            ("optimism", inside - outside),
        ):
            bounds = (-2, 2) if what == "gain" or name == "optimism" else (-1, 1)
            found = mean_interval(values[:, 0], targets, values[:, 1:], bounds)
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), found, strict=True))
        rows.append(row)
    return rows
