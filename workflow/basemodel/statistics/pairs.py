"""The search for the best pair of metrics: C_ij(α) = (1−α)·S_i + α·S_j (docs/paper.md, Pairs)."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from basemodel.statistics.bootstrap import mean_of_defined
from basemodel.statistics.spearman import centred_ranks, rho_of_ranks, spearman

TIE = 1e-12  # means closer than this count as equal: they differ by rounding


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

    The values are those of all architectures and targets together, as in the paper. The extremes
    are those of the finite values; infinity (S3 where S2 is 0) becomes the nearer end. A constant
    metric becomes 0; NaN stays NaN. (The paper scales, then negates; negating first, as here,
    gives the same, because negation swaps the extremes.)
    """
    finite = np.where(np.isinf(values), np.nan, values)
    # An undefined metric is all NaN; fmin and fmax skip NaN without nanmin's warning
    low = np.fmin.reduce(finite, axis=(1, 2), keepdims=True)
    high = np.fmax.reduce(finite, axis=(1, 2), keepdims=True)
    span = np.where(high > low, high - low, 1)
    scaled = 2 * ((np.clip(values, low, high) - low) / span) - 1
    return np.where((high == low) & ~np.isnan(values), 0.0, scaled)


def curves(scaled: np.ndarray, accuracy: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """ρ of every pair at every α in every cell, float64 [pairs, alphas, cells].

    scaled: float64 [metrics, cells, models], larger is better; accuracy: float64 [cells, models].
    Pairs are in the order of itertools.combinations: (0, 1), (0, 2), … They are computed one at a
    time, so that an array has alphas × cells × models elements (12 MB at the paper's size).
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
    variance_rho over cells, a population variance (ddof = 0, because these cells are all there
    are); max_rho and min_rho with the architecture and target of the first cell that attains them;
    cells, the number used: cells whose ρ is undefined are left out. Where no cell is left, these
    columns are NaN or empty.
    """
    rho = curves(scaled, accuracy, alphas)
    rows = []
    for (first, second), curve in zip(combinations(metrics, 2), rho, strict=True):
        best = first_best(mean_of_defined(curve))
        rows.append(_row(first, second, alphas[best], curve[best], cells))
    for metric, single in zip(metrics, spearman(scaled, accuracy), strict=True):
        rows.append(_row(metric, "", 0.0, single, cells))
    return pd.DataFrame(rows), rho


def best_row(table: pd.DataFrame) -> pd.Series | None:
    """The row of the best pair, the first if tied; None if no pair has a mean ρ."""
    pairs = table[table["second"] != ""]
    if pairs["mean_rho"].notna().sum() == 0:
        return None
    return pairs.iloc[first_best(pairs["mean_rho"].to_numpy())]


def first_best(means: np.ndarray) -> int:
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
