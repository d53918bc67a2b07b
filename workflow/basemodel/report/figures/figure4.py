"""Figure 4: accuracy of a network cut after each of its convolutional layers, by target.

Each target has a panel, in which position stands for the layer, so that colours need not tell 17
bars apart. Instead they show what a reader looks for: which cuts are as good as the best.
"""

from collections.abc import Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.transforms import offset_copy

from basemodel.models.catalog import architecture_title
from basemodel.report.figures import style
from basemodel.statistics import cuts

COLUMNS = 4
GOOD, POOR = "#0072B2", "#C8D6DF"
POINT = f"{cuts.POINTS} point"
EARLIEST = {"marker": "v", "color": "#E69F00"}
BEST = {"marker": "*", "color": "white"}
MARK = {"markersize": 6.5, "markeredgecolor": "black", "markeredgewidth": 0.7, "linestyle": ""}
LIFT = 5  # points from the top of a bar to the middle of its mark
TOP = 115  # percent: room for a mark above a bar of 100


@style.printed
def draw(accuracies: pd.DataFrame, architecture: str, targets: Sequence[tuple[str, str]]) -> Figure:
    """One panel per target (name, title), one bar per layer.

    accuracies: columns architecture, target, layer (from 0), accuracy (0 to 1). Dark bars are
    within one point of the target's best; the earliest of them and the best are marked, and the
    panel's heading names both. Raises ValueError as cuts.by_layer does, or if a target has no
    rows.
    """
    found = cuts.by_layer(accuracies[accuracies["architecture"] == architecture])
    columns = min(COLUMNS, len(targets))
    figure, panels, left, lowest = style.panels(
        len(targets), columns, extra=0.9, row=1.75, sharey=True
    )
    letters = int((style.WIDTH - 0.6) / columns / (style.LETTER * 1.25))
    for panel, (target, title) in zip(panels, targets, strict=True):
        if (architecture, target) not in found:
            raise ValueError(f"accuracies: no row for {architecture}, {target}")
        _draw_target(panel, found[architecture, target], fill(title, max(letters, 1)))
    for panel in lowest:
        panel.set_xlabel("cut after layer")
    for panel in left:
        panel.set_ylabel("accuracy (%)")
        panel.set_ylim(0, TOP)
        panel.set_yticks(range(0, 101, 20))
    _legend(figure, architecture_title(architecture))
    return figure


def _draw_target(panel: Axes, accuracy: np.ndarray, title: str) -> None:
    layers, percent = np.arange(len(accuracy)), 100 * accuracy
    best, earliest = cuts.best(accuracy), cuts.earliest(accuracy)
    colours = [GOOD if is_good else POOR for is_good in cuts.within(accuracy)]
    panel.bar(layers, percent, 0.8, color=colours, edgecolor="black", linewidth=0.4)
    level = percent[best] - cuts.POINTS
    panel.axhline(level, color="black", linewidth=0.7, linestyle="--", zorder=0.5)
    _mark(panel, earliest, percent[earliest], EARLIEST, LIFT)
    _mark(panel, best, percent[best], BEST, -LIFT)  # inside the bar: neither hides the other
    note = f"▼ {earliest}: {percent[earliest]:.1f} %   ☆ {best}: {percent[best]:.1f} %"
    if best == earliest:
        note = f"▼☆ {best}: {percent[best]:.1f} %"
    panel.set_title(title, loc="left", pad=15)
    at = {"xycoords": "axes fraction", "textcoords": "offset points"}
    panel.annotate(note, (0, 1), (0, 4), fontsize=7, **at)
    panel.set_xlim(-0.8, len(layers) - 0.2)
    panel.set_xticks(layers[:: 1 + len(layers) // 9])


def _mark(panel: Axes, layer: int, height: float, look: dict, lift: float) -> None:
    """Mark a bar `lift` points above its top (below if negative), whatever the scale."""
    offset = offset_copy(panel.transData, panel.figure, y=lift, units="points")
    panel.plot(layer, height, **look, **MARK, transform=offset, clip_on=False, zorder=5)


def _legend(figure: Figure, title: str) -> None:
    bar = {"edgecolor": "black", "linewidth": 0.4}
    handles = [
        Patch(facecolor=GOOD, **bar, label=f"within {POINT} of the best"),
        style.key(**EARLIEST, **MARK, label="the earliest of these"),
        style.key(color="black", linewidth=0.7, linestyle="--", label=f"best − {POINT}"),
        Patch(facecolor=POOR, **bar, label="worse"),
        style.key(**BEST, **MARK, label="best"),
    ]
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=len(handles),
        frameon=False,
        title=f"{title}, layers counted from 0",
        title_fontsize=9,
    )
