"""The search for the best pair of metrics: C_ij(α) = (1−α)·S_i + α·S_j (docs/paper.md, Pairs)."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from basemodel.statistics.spearman import centred_ranks, rho_of_ranks, spearman

TIE = 1e-12  # means nearer than this are equal: what lies between them is rounding


def alpha_grid(step: float) -> np.ndarray:
    """α from 0 to 1, float64 [1/step + 1], without drift: 0.001 gives exactly k/1000.

    Raises ValueError unless 1 is a multiple of the step.
    """
    parts = round(1 / step) if 0 < step <= 1 else 0
    if parts == 0 or abs(parts * step - 1) > 1e-9:
        raise ValueError(f"the step of alpha must divide 1, and {step} does not")
    return np.arange(parts + 1) / parts


def scale(values: np.ndarray) -> np.ndarray:
    """Scale metrics [metrics, cells, models] to −1…1, each by its extremes over all its values.

    Over all architectures and targets together, as in the paper. The extremes are those of the
    finite values; infinity then takes the end it lies at (S3 of an S2 of 0). A metric that has
    one value only becomes 0; NaN stays NaN. (The paper scales and then negates; the extremes
    mirror, so that scaling metrics that are turned already gives the same.)
    """
    finite = np.where(np.isinf(values), np.nan, values)
    # An undefined metric is NaN all over; fmin and fmax skip NaN without the warning of nanmin
    low = np.fmin.reduce(finite, axis=(1, 2), keepdims=True)
    high = np.fmax.reduce(finite, axis=(1, 2), keepdims=True)
    span = np.where(high > low, high - low, 1)
    scaled = 2 * ((np.clip(values, low, high) - low) / span) - 1
    return np.where((high == low) & ~np.isnan(values), 0.0, scaled)


def curves(scaled: np.ndarray, accuracy: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """ρ of every pair at every α in every cell, float64 [pairs, alphas, cells].

    scaled: float64 [metrics, cells, models], larger is better; accuracy: float64 [cells, models].
    Pairs go as itertools.combinations has them: (0, 1), (0, 2), … A pair at a time, so that the
    memory is that of alphas × cells × models (12 MB an array at the paper's size).
    """
    accuracy_ranks = centred_ranks(accuracy)
    pairs = list(combinations(scaled, 2))
    rho = np.empty((len(pairs), len(alphas), len(accuracy)))
    alpha = alphas[:, None, None]
    for k, (first, second) in enumerate(pairs):
        rho[k] = rho_of_ranks(centred_ranks((1 - alpha) * first + alpha * second), accuracy_ranks)
    return rho


def search(
    scaled: np.ndarray,
    accuracy: np.ndarray,
    alphas: np.ndarray,
    metrics: Sequence[str],
    cells: Sequence[tuple[str, str]],
) -> tuple[pd.DataFrame, np.ndarray]:
    """The best α of each pair, and curves(…): (table, float64 [pairs, alphas, cells]).

    The table has a row for each pair, at the α of highest mean ρ (the smallest such α), then one
    for each single metric (second empty, alpha 0). Columns: first, second, alpha; mean_rho and
    variance_rho over cells, the variance that of the population (ddof = 0: these cells are all
    there are); max_rho and min_rho with the architecture and target of the first cell that has
    it; cells, how many were used: a cell whose ρ is undefined is left out. All are NaN or empty
    where no cell is left.
    """
    rho = curves(scaled, accuracy, alphas)
    rows = []
    for (first, second), curve in zip(combinations(metrics, 2), rho, strict=True):
        best = _argmax(mean_over_cells(curve))
        rows.append(_row(first, second, alphas[best], curve[best], cells))
    for metric, single in zip(metrics, spearman(scaled, accuracy), strict=True):
        rows.append(_row(metric, "", 0.0, single, cells))
    return pd.DataFrame(rows), rho


def best_row(table: pd.DataFrame) -> pd.Series | None:
    """The row of the best pair, the first of equals; None if there is no pair with a mean ρ."""
    pairs = table[table["second"] != ""]
    if pairs["mean_rho"].notna().sum() == 0:
        return None
    return pairs.iloc[_argmax(pairs["mean_rho"].to_numpy())]


def mean_over_cells(rho: np.ndarray) -> np.ndarray:
    """Mean over the last axis of the cells whose ρ is defined; NaN where none is."""
    defined = ~np.isnan(rho)
    with np.errstate(invalid="ignore"):  # 0/0, no cell, is NaN
        return np.where(defined, rho, 0).sum(axis=-1) / defined.sum(axis=-1)


def _argmax(means: np.ndarray) -> int:
    """The first index within TIE of the maximum; 0 if all are NaN."""
    if np.isnan(means).all():
        return 0
    return int(np.flatnonzero(means >= np.nanmax(means) - TIE)[0])


def _row(
    first: str, second: str, alpha: float, rho: np.ndarray, cells: Sequence[tuple[str, str]]
) -> dict:
    row = {"first": first, "second": second, "alpha": alpha}
    used = [(value, *cell) for value, cell in zip(rho, cells, strict=True) if not np.isnan(value)]
    values = np.array([value for value, *_ in used])
    row["mean_rho"] = values.mean() if used else np.nan
    row["variance_rho"] = values.var() if used else np.nan
    for name, pick in (("max", max), ("min", min)):
        extreme = pick(used, key=lambda entry: entry[0]) if used else (np.nan, "", "")
        row |= dict(
            zip((f"{name}_rho", f"{name}_architecture", f"{name}_target"), extreme, strict=True)
        )
    return row | {"cells": len(used)}
