"""What Figures 6 and 7 share: metrics one below the other, their families by look."""

import textwrap
from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from basemodel.metrics import LATER, PAPER, STATIC, family
from basemodel.report.figures import style
from basemodel.statistics.regret import RANDOM
from basemodel.statistics.scopes import ONE, SCOPES, SEVERAL

OUTSIDE = "outside"  # metrics of a table from elsewhere, for `snakemake compare`
ROW = 0.185  # inches of height for one metric
LONGEST = 60  # letters of a title from elsewhere
FEWEST = 4  # rows that there is always room for
# Colour and marker of the families of metrics.
LOOKS = {
    PAPER: (style.COLOURS[0], "o"),
    LATER: (style.COLOURS[5], "s"),
    STATIC: (style.COLOURS[7], "D"),
    RANDOM: ("black", "X"),
    OUTSIDE: (style.COLOURS[5], "s"),
}
TITLES = {ONE: "base models of one architecture", SEVERAL: "all base models of a target"}
TITLES_OUTSIDE = {ONE: "models of one architecture", SEVERAL: "all models of a target"}


def panels(
    table: pd.DataFrame,
    by: str,
    ascending: bool,
    xlabel: str,
    extra: float,
    paper: Collection[str] | None,
) -> tuple[Figure, list[tuple[str, Axes, pd.DataFrame]]]:
    """A figure with a panel for each scope: the scope, its panel, and its rows of `table`.

    table: columns scope, metric and `by`. Rows, by metric, are in the order of the first scope: the
    first is on top, at 0. extra: inches of height. paper: as in `looks`.
    """
    scopes = [scope for scope in SCOPES if scope in set(table["scope"])]
    parts = [table[table["scope"] == scope].set_index("metric") for scope in scopes]
    metrics = parts[0].sort_values(by, ascending=ascending, kind="stable").index
    height = extra + ROW * max(len(metrics), FEWEST)
    figure = Figure(figsize=(style.WIDTH, height), layout="constrained")
    axes = figure.subplots(1, len(scopes), sharey=True, squeeze=False)[0]
    for panel, scope in zip(axes, scopes, strict=True):
        panel.set_title((TITLES if paper is not None else TITLES_OUTSIDE)[scope], loc="left")
        panel.set_xlabel(xlabel)
        panel.tick_params(axis="y", length=0)
        panel.set_axisbelow(True)
        panel.grid(axis="y", color="0.92", linewidth=0.6)  # a faint line through each row
    names = [_title(metric, paper) for metric in metrics]
    axes[0].set_yticks(range(len(metrics)), names)
    axes[0].set_ylim(len(metrics) - 0.4, -0.6)
    rows = [part.loc[metrics] for part in parts]
    return figure, list(zip(scopes, axes, rows, strict=True))


def looks(
    metrics: Iterable[str], paper: Collection[str] | None
) -> Iterator[tuple[str, tuple[str, str], np.ndarray]]:
    """The families of metrics: name, colour and marker, and which metrics are of it, bool.

    paper: the metrics of Figures 1 to 5; None for a table from elsewhere, whose metrics are no
    modules here, whatever they are called.
    """
    families = np.array([_family(metric, paper) for metric in metrics])
    for name, look in LOOKS.items():
        yield name, look, families == name


def _title(metric: str, paper: Collection[str] | None) -> str:
    if metric == RANDOM:
        return "random choice"
    return (
        textwrap.shorten(metric, LONGEST, placeholder="…") if paper is None else style.label(metric)
    )


def _family(metric: str, paper: Collection[str] | None) -> str:
    if metric == RANDOM:
        return RANDOM
    return OUTSIDE if paper is None else family(metric, paper)


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


def legend(
    figure: Figure, metrics: Iterable[str], paper: Collection[str] | None, more: Sequence[Line2D]
) -> None:
    """The families that there are, and `more`."""
    handles = [
        style.key(linestyle="", color=colour, marker=marker, markersize=4, label=name)
        for name, (colour, marker), own in looks(metrics, paper)
        if own.any() and name not in (RANDOM, OUTSIDE)
    ]
    figure.legend(handles=[*handles, *more], loc="outside upper center", ncols=3, frameon=False)
