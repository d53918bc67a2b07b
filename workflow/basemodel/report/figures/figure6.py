"""Figure 6: how well each metric ranks base models, with intervals and what no metric can pass."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from basemodel.report.figures import ranked, style
from basemodel.statistics.scopes import ALL, SEVERAL

WITHIN = 0.26  # rows by which the ρ within kinds is drawn below the pooled one


@style.printed
def draw(mean_rho: pd.DataFrame, ceiling: pd.DataFrame, paper: Collection[str] | None) -> Figure:
    """A row for each metric, ordered by its mean ρ within an architecture; a panel for each scope.

    mean_rho: columns scope, metric, mean_rho, low, high, mean_within, within_low, within_high, of
    comparison.mean_table; ceiling: architecture ("all" for the second scope), ceiling,
    ceiling_within, of ceiling.table; paper: the metrics of Figures 1 to 5, or None for a table from
    elsewhere (outside.compare), which has no kinds of source tasks. Where a mean is undefined, its
    row is empty.
    """
    figure, panels = ranked.panels(
        mean_rho, "mean_rho", ascending=False, xlabel="mean Spearman's ρ", extra=1.55, paper=paper
    )
    for scope, panel, table in panels:
        _draw_points(panel, table, paper)
        pooled = (ceiling["architecture"] == ALL) == (scope == SEVERAL)
        _draw_ceiling(panel, ceiling[pooled])
        panel.set_xlim(-1, 1)
        panel.set_xticks([-1, -0.5, 0, 0.5, 1])
        panel.axvline(0, color="0.6", linewidth=0.6, zorder=0.5)
    keys = _keys("cells" if paper is not None else "targets")
    if paper is None:
        keys = [keys[0], keys[2]] if len(ceiling) else keys[:1]
    ranked.legend(figure, table.index, paper, keys)
    return figure


def _draw_points(panel: Axes, table: pd.DataFrame, paper: Collection[str] | None) -> None:
    rows = np.arange(len(table))
    for _, (colour, marker), own in ranked.looks(table.index, paper):
        full = {"color": colour, "marker": marker, "markersize": 4}
        small = full | {"markersize": 3, "markerfacecolor": "white", "markeredgewidth": 0.8}
        drawn = [(["mean_rho", "low", "high"], full, 0)]
        if paper is not None:
            drawn.append((["mean_within", "within_low", "within_high"], small, WITHIN))
        for columns, look, below in drawn:
            values = table.loc[own, columns].to_numpy(np.float64).T
            ranked.points(panel, rows[own] + below, *values, look)


def _draw_ceiling(panel: Axes, cells: pd.DataFrame) -> None:
    for column, line in (("ceiling", "-"), ("ceiling_within", "--")):
        level = cells[column].mean() if column in cells else np.nan
        if np.isfinite(level):
            panel.axvline(level, color="black", linewidth=1, linestyle=line, zorder=0.6)


def _keys(cells: str) -> list[Line2D]:
    grey = {"color": "0.3", "linewidth": 0.9, "marker": "o"}
    hollow = {"markersize": 3, "markerfacecolor": "white"}
    black = {"color": "black", "linewidth": 1}
    return [
        style.key(**grey, markersize=4, label=f"mean over {cells}, with 95 % interval"),
        style.key(**grey, **hollow, label="the same within kinds of source task"),
        style.key(**black, label="ceiling: no metric can do better"),
        style.key(**black, linestyle="--", label="ceiling within kinds"),
    ]
