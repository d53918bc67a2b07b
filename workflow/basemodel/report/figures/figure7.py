"""Figure 7: the accuracy that a user loses who follows a metric."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from basemodel.metrics import family
from basemodel.report.figures import ranked, style
from basemodel.report.figures.figure6 import TITLES
from basemodel.statistics.regret import RANDOM
from basemodel.statistics.scopes import SCOPES

TRIED = (1, 3, 5)


@style.printed
def draw(mean_regret: pd.DataFrame, paper: Collection[str]) -> Figure:
    """A row for each metric, ordered by regret at 1 within an architecture; a panel for each scope.

    mean_regret: columns scope, metric (`random` for a random choice); regret_1, regret_1_low,
    regret_1_high and the same for 3 and 5, in percentage points, of regret.mean_regret_table;
    paper: the metrics of Figures 1 to 5. An interval is cut at 0, as no regret is negative.
    """
    scopes = [scope for scope in SCOPES if scope in set(mean_regret["scope"])]
    first = mean_regret[mean_regret["scope"] == scopes[0]].sort_values(
        "regret_1", kind="stable", na_position="last"
    )
    rows = list(first["metric"])
    families = {metric: _family(metric, paper) for metric in rows}
    figure, panels = ranked.panels(len(rows), len(scopes), extra=1.45)
    at = np.arange(len(rows))
    for panel, scope in zip(panels, scopes, strict=True):
        table = mean_regret[mean_regret["scope"] == scope].set_index("metric").loc[rows]
        for name, (colour, marker) in _looks().items():
            own = np.array([families[metric] == name for metric in rows])
            for tried in reversed(TRIED):
                look = _look(colour, marker, tried)
                values, low, high = (
                    table[own][f"regret_{tried}{end}"].to_numpy(np.float64)
                    for end in ("", "_low", "_high")
                )
                ends = (np.maximum(low, 0), high) if tried == 1 else (None, None)
                ranked.points(panel, at[own], values, *ends, look)
        panel.set_title(TITLES[scope], loc="left")
        panel.set_xlabel("regret (percentage points of accuracy)")
        panel.set_xlim(left=0)
        ranked.mark_rows(panel)
    labels = ["random choice" if metric == RANDOM else ranked.label(metric) for metric in rows]
    ranked.name_rows(panels[0], labels)
    figure.legend(
        handles=[*ranked.family_handles(set(families.values())), *_handles()],
        loc="outside upper center",
        ncols=3,
        frameon=False,
    )
    return figure


def _family(metric: str, paper: Collection[str]) -> str:
    return RANDOM if metric == RANDOM else family(metric, paper)


def _looks() -> dict[str, tuple[str, str]]:
    return {**ranked.LOOKS, RANDOM: ("black", "X")}


def _look(colour: str, marker: str, tried: int) -> dict:
    """The more are tried, the smaller and paler."""
    face = {1: colour, 3: "white", 5: "white"}[tried]
    size = {1: 4.2, 3: 3.6, 5: 2.2}[tried]
    return {
        "color": colour,
        "marker": marker,
        "markersize": size,
        "markerfacecolor": face,
        "markeredgewidth": 0.8,
    }


def _handles() -> list[Line2D]:
    names = {
        1: "the metric's first choice, with 95 % interval",
        3: "the best of its first three",
        5: "the best of its first five",
    }
    return [
        Line2D([], [], **_look("0.3", "o", tried), linestyle="-" if tried == 1 else "", label=name)
        for tried, name in names.items()
    ]
