"""Figure 1: accuracy and metrics during normal training, epoch by epoch."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from basemodel.models.catalog import architecture_title
from basemodel.report.figures import style
from basemodel.tables import require_fractions

ACCURACY = {"color": "black", "linewidth": 2.2, "marker": "o", "markersize": 4.5}
LINES = ["-", "--", "-.", ":"]
ALL_TICKS = 30  # up to this number of epochs, each has a tick
CONSTANT = 1e-12  # a spread below this share of the values is rounding


@style.printed
def draw(
    accuracies: pd.DataFrame,
    metrics: pd.DataFrame,
    architectures: Sequence[str],
    names: Sequence[str],
) -> Figure:
    """One panel per architecture: accuracy on the left axis, standardised metrics on the right.

    accuracies: columns architecture, epoch, test_accuracy (0 to 1, drawn in percent); metrics:
    architecture, epoch, metric, value; names: the metrics to draw. Epochs count from 1. Metrics
    are not negated: a smaller-is-better metric is drawn as it is, as published. Where a metric is
    undefined (NaN, infinity), its line has a gap.
    Raises ValueError, naming architecture and metric, if epochs are missing or duplicated or an
    accuracy is not a fraction.
    """
    require_fractions(accuracies, "test_accuracy", ["architecture", "epoch"], "normal training")
    figure, panels, *_ = style.panels(len(architectures), columns=1, extra=0.9, row=2)
    lines: list = []
    rights = []
    for panel, architecture in zip(panels, architectures, strict=True):
        title = architecture_title(architecture)
        accuracy = _by_epoch(accuracies, "test_accuracy", title, architecture=architecture)
        epochs = np.arange(1, len(accuracy) + 1)
        right = panel.twinx()
        lines = panel.plot(
            epochs, 100 * accuracy, **ACCURACY, label="accuracy (left axis)", clip_on=False
        )
        for i, metric in enumerate(names):
            which = {"architecture": architecture, "metric": metric}
            values = _by_epoch(metrics, "value", f"{title}, {metric}", **which)
            if len(values) != len(epochs):
                raise ValueError(
                    f"{title}, {metric}: {len(values)} epochs, but {len(epochs)} of accuracy"
                )
            lines += _draw_metric(right, epochs, standardise(values), metric, i)
        rights.append(right)
        _axes(panel, right, title, len(epochs))
    reach = max([1.5, *(np.abs(right.dataLim.intervaly).max() for right in rights)])
    for right in rights:  # one scale, with zero in the middle, for all panels
        right.set_ylim(-1.1 * reach, 1.1 * reach)
    panels[-1].set_xlabel("epoch")
    figure.legend(handles=lines, loc="outside upper center", ncols=3, frameon=False)
    return figure


def standardise(values: np.ndarray) -> np.ndarray:
    """Mean 0 and variance 1 (over n, not n−1) of the finite values; constant values become 0.

    float64 [epochs] in and out; NaN and infinity become NaN.
    """
    finite = np.isfinite(values)
    result = np.full(len(values), np.nan)
    if finite.any():
        used = values[finite]
        spread = used.std()
        constant = spread <= CONSTANT * np.abs(used).max()
        result[finite] = 0 if constant else (used - used.mean()) / spread
    return result


def _by_epoch(table: pd.DataFrame, column: str, what: str, **which: str) -> np.ndarray:
    """A column in the order of epochs 1, 2, …, float64."""
    for key, value in which.items():
        table = table[table[key] == value]
    table = table.sort_values("epoch")
    if list(table["epoch"]) != list(range(1, len(table) + 1)) or table.empty:
        found = ", ".join(map(str, table["epoch"])) or "none"
        raise ValueError(f"{what}: each epoch from 1 on is needed once; there are: {found}")
    return table[column].to_numpy(np.float64)


def _draw_metric(right: Axes, epochs: np.ndarray, values: np.ndarray, metric: str, i: int) -> list:
    return right.plot(
        epochs,
        values,
        color=style.colour(i),
        marker=style.marker(i + 1),  # the circle is the accuracy's
        linestyle=LINES[i % len(LINES)],
        linewidth=1.1,
        markersize=3.6,
        label=style.label(metric, oriented=False),
        clip_on=False,
    )


def _axes(panel: Axes, right: Axes, title: str, epochs: int) -> None:
    panel.set_title(title, loc="left")
    panel.set_ylabel("accuracy on held-out\nsource images (%)")
    right.set_ylabel("metric, standardised\n(standard deviations)")
    panel.margins(y=0.1)
    step = 1 if epochs <= ALL_TICKS else 5 * -(-epochs // (5 * ALL_TICKS))
    panel.set_xticks([1, *range(max(step, 2), epochs + 1, step)])
    panel.set_xlim(1 - 0.02 * epochs, epochs + 0.02 * epochs)
    right.axhline(0, color="0.75", linewidth=0.6, zorder=0.5)
    # The accuracy goes above the metrics, which are drawn on the later axes
    panel.set_zorder(right.get_zorder() + 1)
    panel.patch.set_visible(False)
