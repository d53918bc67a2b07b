"""Figure 6: how well each metric ranks base models, with intervals and what no metric can pass."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from basemodel.metrics import family
from basemodel.report.figures import ranked, style
from basemodel.statistics.scopes import ALL, ONE, SCOPES, SEVERAL

WITHIN = 0.26  # rows by which the ρ within kinds is drawn below the pooled one
TITLES = {
    ONE: "base models of one architecture",
    SEVERAL: "all base models of a target",
}


@style.printed
def draw(mean_rho: pd.DataFrame, ceiling: pd.DataFrame, paper: Collection[str]) -> Figure:
    """A row for each metric, ordered by its mean ρ within an architecture; a panel for each scope.

    mean_rho: columns scope, metric, mean_rho, low, high, mean_within, within_low, within_high, of
    comparison.mean_table; ceiling: architecture ("all" for the second scope), ceiling,
    ceiling_within, of ceiling.table; paper: the metrics of Figures 1 to 5. Where a mean is
    undefined, its row is empty.
    """
    scopes = [scope for scope in SCOPES if scope in set(mean_rho["scope"])]
    first = mean_rho[mean_rho["scope"] == scopes[0]].sort_values(
        "mean_rho", ascending=False, kind="stable", na_position="last"
    )
    metrics = list(first["metric"])
    figure, panels = ranked.panels(len(metrics), len(scopes), extra=1.55)
    families = {metric: family(metric, paper) for metric in metrics}
    for panel, scope in zip(panels, scopes, strict=True):
        table = mean_rho[mean_rho["scope"] == scope].set_index("metric").loc[metrics]
        _draw_points(panel, table, families)
        pooled = (ceiling["architecture"] == ALL) == (scope == SEVERAL)
        _draw_ceiling(panel, ceiling[pooled])
        panel.set_title(TITLES[scope], loc="left")
        panel.set_xlabel("mean Spearman's ρ")
        panel.set_xlim(-1, 1)
        panel.set_xticks([-1, -0.5, 0, 0.5, 1])
        panel.axvline(0, color="0.6", linewidth=0.6, zorder=0.5)
    ranked.name_rows(panels[0], [ranked.label(metric) for metric in metrics])
    for panel in panels[1:]:
        ranked.mark_rows(panel)
    figure.legend(
        handles=[*ranked.family_handles(set(families.values())), *_handles()],
        loc="outside upper center",
        ncols=3,
        frameon=False,
    )
    return figure


def _draw_points(panel: Axes, table: pd.DataFrame, families: dict[str, str]) -> None:
    rows = np.arange(len(table))
    for name, (colour, marker) in ranked.LOOKS.items():
        own = np.array([families[metric] == name for metric in table.index])
        part = table[own]
        full = {"color": colour, "marker": marker, "markersize": 4}
        small = full | {"markersize": 3, "markerfacecolor": "white", "markeredgewidth": 0.8}
        for column, low, high, look, below in (
            ("mean_rho", "low", "high", full, 0),
            ("mean_within", "within_low", "within_high", small, WITHIN),
        ):
            values = (part[key].to_numpy(np.float64) for key in (column, low, high))
            ranked.points(panel, rows[own] + below, *values, look)


def _draw_ceiling(panel: Axes, cells: pd.DataFrame) -> None:
    for column, line in (("ceiling", "-"), ("ceiling_within", "--")):
        level = cells[column].mean()
        if np.isfinite(level):
            panel.axvline(level, color="black", linewidth=1, linestyle=line, zorder=0.6)


def _handles() -> list[Line2D]:
    grey = {"color": "0.3", "linewidth": 0.9, "marker": "o"}
    return [
        Line2D([], [], **grey, markersize=4, label="mean over cells, with 95 % interval"),
        Line2D(
            [], [], **grey, markersize=3, markerfacecolor="white",
            label="the same within kinds of source task",
        ),
        Line2D([], [], color="black", linewidth=1, label="ceiling: no metric can do better"),
        Line2D([], [], color="black", linewidth=1, linestyle="--", label="ceiling within kinds"),
    ]  # fmt: skip
