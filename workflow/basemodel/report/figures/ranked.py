"""What Figures 6 and 7 share: metrics one below the other, their families by look."""

from collections.abc import Collection, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from basemodel.metrics import LATER, PAPER, STATIC, load
from basemodel.report.figures import style

ROW = 0.185  # inches of height for one metric
FEWEST = 4  # rows that there is always room for
# Colour and marker of the families of metrics.
LOOKS = {
    PAPER: (style.COLOURS[0], "o"),
    LATER: (style.COLOURS[5], "s"),
    STATIC: (style.COLOURS[7], "D"),
}


def label(metric: str) -> str:
    """Short and long name, with a minus where smaller is better."""
    module = load(metric)
    minus = "" if module.LARGER_IS_BETTER else "−"
    name = module.NAME if module.LABEL in module.NAME else f"{module.LABEL}  {module.NAME}"
    return minus + name


def panels(rows: int, count: int, extra: float) -> tuple[Figure, Sequence[Axes]]:
    """A figure with `count` panels side by side, for so many rows; extra: inches of height."""
    height = extra + ROW * max(rows, FEWEST)
    figure = Figure(figsize=(style.WIDTH, height), layout="constrained")
    return figure, figure.subplots(1, count, sharey=True, squeeze=False)[0]


def name_rows(panel: Axes, labels: Sequence[str]) -> None:
    """The first label on top."""
    panel.set_yticks(range(len(labels)), labels)
    panel.set_ylim(len(labels) - 0.4, -0.6)
    mark_rows(panel)


def mark_rows(panel: Axes) -> None:
    """A faint line through each row."""
    panel.tick_params(axis="y", length=0)
    panel.set_axisbelow(True)
    panel.grid(axis="y", color="0.92", linewidth=0.6)


def points(
    panel: Axes,
    at: np.ndarray,
    values: np.ndarray,
    low: np.ndarray | None,
    high: np.ndarray | None,
    look: dict,
) -> None:
    """Markers at the heights `at`, with lines from low to high where these are given."""
    # Empty artists spoil the layout.
    if not len(at):
        return
    if low is not None:
        known = np.isfinite(low) & np.isfinite(high)
        if known.any():
            panel.hlines(at[known], low[known], high[known], color=look["color"], linewidth=0.9)
    panel.plot(values, at, linestyle="", clip_on=False, **look)


def family_handles(families: Collection[str]) -> list[Line2D]:
    return [
        Line2D([], [], linestyle="", color=colour, marker=marker, markersize=4, label=name)
        for name, (colour, marker) in LOOKS.items()
        if name in families
    ]
