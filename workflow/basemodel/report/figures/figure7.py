"""Figure 7: the accuracy that a user loses who follows a metric."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from basemodel.report.figures import ranked, style

TRIED = (1, 3, 5)


@style.printed
def draw(mean_regret: pd.DataFrame, paper: Collection[str] | None) -> Figure:
    """A row for each metric, ordered by regret at 1 within an architecture; a panel for each scope.

    mean_regret: columns scope, metric (`random` for a random choice); regret_1, regret_1_low,
    regret_1_high and the same for 3 and 5, in percentage points, of regret.mean_regret_table;
    paper: the metrics of Figures 1 to 5, or None for a table from elsewhere. An interval is cut at
    0, as no regret is negative.
    """
    xlabel = "regret (percentage points of accuracy)"
    figure, panels = ranked.panels(mean_regret, "regret_1", True, xlabel, 1.45, paper)
    for _, panel, table in panels:
        rows = np.arange(len(table))
        for _, (colour, marker), own in ranked.looks(table.index, paper):
            for tried in reversed(TRIED):
                names = [f"regret_{tried}{end}" for end in ("", "_low", "_high")]
                values, low, high = table.loc[own, names].to_numpy(np.float64).T
                ends = (np.maximum(low, 0), high) if tried == 1 else (None, None)
                ranked.points(panel, rows[own], values, *ends, _look(colour, marker, tried))
        panel.set_xlim(left=0)
    ranked.legend(figure, table.index, paper, _keys())
    return figure


def _look(colour: str, marker: str, tried: int) -> dict:
    """The more are tried, the smaller and paler."""
    face = colour if tried == 1 else "white"
    size = {1: 4.2, 3: 3.6, 5: 2.2}[tried]
    look = {"color": colour, "marker": marker, "markersize": size}
    return look | {"markerfacecolor": face, "markeredgewidth": 0.8}


def _keys() -> list[Line2D]:
    names = {
        1: "the metric's first choice, with 95 % interval",
        3: "the best of its first three",
        5: "the best of its first five",
    }
    return [
        style.key(**_look("0.3", "o", tried), linestyle="-" if tried == 1 else "", label=name)
        for tried, name in names.items()
    ]
