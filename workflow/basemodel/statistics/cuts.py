"""Where to cut a network: accuracy, metrics and cost of every cut, and what each choice loses.

Layers are those of truncation.py; a table has one row for each of them, from 0 without gaps.

As in the paper, metrics are used unchanged at each cut, although the size [C, H, W] of featuremaps
changes from layer to layer and not every metric can be compared across sizes:

* S3 and S5 can: S3 is a ratio of two sums over the same elements, S5 a fraction of them;
* S6 can in part: it is a ratio of two counts, but what is within 1 of the maximum depends on the
  scale of the values, which differs from layer to layer;
* S1, S2 and the feature norm cannot: they grow with C·H·W (the norm with its square root) and with
  the scale, and fall at every pooling;
* S4 cannot: it is a sum over the C(C−1)/2 pairs of channels. (Its mean over pairs does not depend
  on C, but does on H·W: with few positions, channels correlate by chance.)

With depth C·H·W falls and C rises, and so, mostly, does the accuracy: a high |ρ| of S1, S2, S4 or
the norm may reflect no more than that.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from basemodel.metrics import sign
from basemodel.statistics.spearman import spearman
from basemodel.tables import require_fractions

CELL = ["architecture", "target"]
POINTS = 1  # percentage points of accuracy that a cut may lose and still count as good as the best
BEST, EARLIEST, FULL = "best", "earliest within one point", "full network"
ROUNDING = 1e-9  # of a point: 0.93 − 0.92 is above 0.01 in float64


def best(accuracy: np.ndarray) -> int:
    """The layer of the highest accuracy, the earliest if tied; accuracy: float [layers]."""
    return int(np.argmax(accuracy))


def within(accuracy: np.ndarray) -> np.ndarray:
    """Which layers are within one point of the best, bool [layers]; accuracy: 0 to 1, [layers]."""
    return 100 * (np.max(accuracy) - accuracy) <= POINTS + ROUNDING


def earliest(accuracy: np.ndarray) -> int:
    """The earliest layer within one point of the best; accuracy: 0 to 1, float [layers]."""
    return int(np.argmax(within(accuracy)))


def picked(metric: str, values: np.ndarray) -> int | None:
    """The layer where a metric is best, the earliest if tied; values: float [layers].

    NaN is never best; infinity may be. None if all are NaN.
    """
    oriented = sign(metric) * values
    return None if np.isnan(oriented).all() else int(np.nanargmax(oriented))


def choices(accuracies: pd.DataFrame, metrics: pd.DataFrame, costs: pd.DataFrame) -> pd.DataFrame:
    """What each way of choosing a cut yields: one row per (architecture, target, chooser).

    accuracies: architecture, target, layer, accuracy (0 to 1); metrics: architecture, target,
    layer, metric, value; costs: architecture, target, layer, parameters, multiply_adds.
    The choosers are `best`, `earliest within one point` (of the best) and `full network` (the last
    layer), then each metric, which takes the layer where it is best. The first three know the
    accuracies; a metric does not.

    Columns: architecture, target, chooser; layer and its accuracy; points_lost, in percentage
    points against the best layer; parameters_saved and multiply_adds_saved, as fractions 0 to 1 of
    those of the network cut after its last layer (without its own fully connected layers).
    Layer and the columns after it are missing where a metric is undefined at every layer.
    Cells and metrics are in order of first appearance in the tables.
    Raises ValueError, naming the row, if one is missing or duplicated or an accuracy is not a
    fraction.
    """
    columns = ["parameters", "multiply_adds"]
    spent = _by_cell(costs, columns, "costs")
    rows = []
    for cell, accuracy, values in _paired(accuracies, metrics):
        cost = _of(spent, cell, len(accuracy), "costs")
        chosen = {BEST: best(accuracy), EARLIEST: earliest(accuracy), FULL: len(accuracy) - 1}
        chosen |= {metric: picked(metric, value) for metric, value in values.items()}
        for chooser, layer in chosen.items():
            row = dict(zip([*CELL, "chooser"], [*cell, chooser], strict=True)) | {"layer": layer}
            if layer is not None:
                row["accuracy"] = accuracy[layer]
                row["points_lost"] = 100 * (accuracy.max() - accuracy[layer])
                for column, of_layers in zip(columns, cost.T, strict=True):
                    row[f"{column}_saved"] = 1 - of_layers[layer] / of_layers[-1]
            rows.append(row)
    saved = [f"{column}_saved" for column in columns]
    table = pd.DataFrame(
        rows, columns=[*CELL, "chooser", "layer", "accuracy", "points_lost", *saved]
    )
    return table.astype({"layer": "Int64"})  # integers, even with missing values


def rho_over_layers(accuracies: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    """Spearman's ρ between metric and accuracy over the layers: one row per (cell, metric).

    The tables are those of `choices`. Columns: architecture, target, metric; rho, of the metric
    oriented so that larger is better, NaN where it is undefined or constant; n, the number of
    layers. There is no p value, because successive layers are not independent samples.
    """
    rows = [
        (*cell, metric, float(spearman(sign(metric) * value, accuracy)), len(accuracy))
        for cell, accuracy, values in _paired(accuracies, metrics)
        for metric, value in values.items()
    ]
    return pd.DataFrame(rows, columns=[*CELL, "metric", "rho", "n"])


def by_layer(accuracies: pd.DataFrame) -> dict[tuple[str, str], np.ndarray]:
    """The accuracies of each (architecture, target), float64 [layers]; errors as in `choices`."""
    require_fractions(accuracies, "accuracy", [*CELL, "layer"], "accuracies")
    cells = _by_cell(accuracies, ["accuracy"], "accuracies")
    return {cell: table[:, 0] for cell, table in cells.items()}


def _paired(
    accuracies: pd.DataFrame, metrics: pd.DataFrame
) -> Iterator[tuple[tuple[str, str], np.ndarray, dict[str, np.ndarray]]]:
    """Cell, accuracies [layers] and every metric's values [layers]."""
    tables = {
        metric: _by_cell(table, ["value"], f"metric {metric}")
        for metric, table in metrics.groupby("metric", sort=False)
    }
    for cell, accuracy in by_layer(accuracies).items():
        values = {
            metric: _of(table, cell, len(accuracy), f"metric {metric}")[:, 0]
            for metric, table in tables.items()
        }
        yield cell, accuracy, values


def _by_cell(table: pd.DataFrame, columns: list[str], what: str) -> dict[tuple, np.ndarray]:
    """The columns of a table by layer, float64 [layers, columns], of each cell."""
    found = {}
    for cell, rows in table.groupby(CELL, sort=False):
        rows = rows.sort_values("layer")
        for expected, layer in enumerate(rows["layer"]):
            if layer != expected:
                fault = "two rows" if layer == expected - 1 else "no row"
                number = min(layer, expected)
                raise ValueError(f"{what}: {fault} for {', '.join(cell)}, layer {number}")
        found[cell] = rows[columns].to_numpy(np.float64)
    return found


def _of(tables: dict, cell: tuple[str, str], layers: int, what: str) -> np.ndarray:
    if cell not in tables:
        raise ValueError(f"{what}: no row for {', '.join(cell)}")
    if len(tables[cell]) != layers:
        raise ValueError(
            f"{what}: {', '.join(cell)} has {len(tables[cell])} layers, its accuracies {layers}"
        )
    return tables[cell]
