"""Figure 3: Spearman's ρ of every pair of metrics, (1−α)·S_i + α·S_j, against α."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from basemodel.metrics import load
from basemodel.models.catalog import architecture_line
from basemodel.report.figures import style
from basemodel.statistics.bootstrap import mean_of_defined
from basemodel.statistics.pairs import alpha_grid, best_row
from basemodel.statistics.scopes import cell_names

COLUMNS = 3
MEAN_WIDTH = 2
BEST_FRAME = 1.8
LINE = 0.16  # inches: a line of the legend of targets; there is always room for two
MAXIMUM = {
    "linestyle": "",
    "marker": "o",
    "color": "white",
    "markeredgecolor": "black",
    "markeredgewidth": 1.3,
    "markersize": 5.5,
}


@style.printed
def draw(
    curves: np.ndarray,
    pairs: pd.DataFrame,
    alpha_step: float,
    architectures: Sequence[str],
    targets: Sequence[tuple[str, str]],
) -> Figure:
    """One panel per pair, one curve per cell; the mean over cells in black, its maximum marked.

    A note marks means that leave out cells with an undefined ρ.
    curves: float64 [pairs, alphas, cells] and pairs: the table, both from pairs.search, for
    pairs.alpha_grid(alpha_step); targets: (name, title). The panel of the best pair has a heavy
    frame. Raises ValueError if the arrays do not match or there is no pair to show.
    """
    alphas = alpha_grid(alpha_step)
    table = pairs[pairs["second"] != ""]
    cells = cell_names(architectures, [target for target, _ in targets])
    if curves.shape != (len(table), len(alphas), len(cells)) or len(table) == 0:
        raise ValueError(
            f"curves of {len(table)} pairs, {len(alphas)} values of alpha and {len(cells)} cells "
            f"are needed, at least one pair, but the array is {curves.shape}"
        )
    best = best_row(pairs)
    named = -(-len(targets) // _legend_columns(targets))
    extra = 1.1 + LINE * max(0, named - 2)
    figure, panels, left, lowest = style.panels(
        len(table), COLUMNS, extra, row=1.72, sharex=True, sharey=True
    )
    for panel, curve, (index, row) in zip(panels, curves, table.iterrows(), strict=True):
        _draw_cells(panel, alphas, curve, architectures, len(targets))
        panel.plot(alphas, mean_of_defined(curve), color="black", linewidth=MEAN_WIDTH, zorder=4)
        _mark(panel, row, len(cells), is_best=best is not None and index == best.name)
        panel.set_xlim(0, 1)
        panel.set_ylim(-1, 1)
        panel.set_yticks([-1, -0.5, 0, 0.5, 1])
        panel.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "¼", "½", "¾", "1"])
        panel.axhline(0, color="0.6", linewidth=0.5, zorder=0.5)
    for panel in lowest:
        panel.tick_params(labelbottom=True)  # even above a gap in the last row
        panel.set_xlabel("α")
    for panel in left:
        panel.set_ylabel("Spearman's ρ")
    _legend(figure, architectures, targets)
    return figure


def _draw_cells(panel, alphas: np.ndarray, curve: np.ndarray, architectures, targets: int) -> None:
    """Curves in the order of cell_names: by architecture, then target."""
    step = max(1, len(alphas) // 4)
    for cell in range(curve.shape[1]):
        architecture, target = divmod(cell, targets)
        panel.plot(
            alphas,
            curve[:, cell],
            color=style.colour(target),
            linestyle=architecture_line(architectures[architecture]),
            linewidth=0.9,
            marker=style.marker(target),
            markersize=2.6,
            markevery=(int(step * (cell + 0.5) / curve.shape[1]), step),  # staggered
        )


def _mark(panel, row: pd.Series, cells: int, is_best: bool) -> None:
    first, second = load(row["first"]).LABEL, load(row["second"]).LABEL
    # Above the panel, because it would hide curves inside
    panel.set_title(
        f"(1−α)·{first} + α·{second}", pad=14, fontweight="bold" if is_best else "normal"
    )
    if is_best:
        for spine in panel.spines.values():
            spine.set_linewidth(BEST_FRAME)
    note = "undefined"
    if not np.isnan(row["mean_rho"]):
        note = f"mean ρ {row['mean_rho']:.3f} at α = {row['alpha']:g}".replace("-", "−")
        if row["cells"] < cells:  # ρ is undefined in the others
            note += f", {row['cells']} of {cells} curves"
        panel.plot(row["alpha"], row["mean_rho"], **MAXIMUM, zorder=5, clip_on=False)
    at = {"xycoords": "axes fraction", "textcoords": "offset points"}
    panel.annotate(note, (0.5, 1), (0, 4), ha="center", fontsize=7.5, **at)


def _legend(
    figure: Figure, architectures: Sequence[str], targets: Sequence[tuple[str, str]]
) -> None:
    lines = [
        style.key(
            color="0.2",
            linewidth=1.1,
            linestyle=architecture_line(architecture),
            label=style.architecture(architecture),
        )
        for architecture in architectures
    ]
    lines.append(style.key(color="black", linewidth=MEAN_WIDTH, label="mean"))
    lines.append(style.key(**MAXIMUM, label="its maximum"))
    frame = {"facecolor": "none", "edgecolor": "black", "linewidth": BEST_FRAME}
    lines.append(Patch(**frame, label="best pair"))
    figure.legend(handles=lines, loc="outside upper center", ncols=len(lines), frameon=False)
    colours = [
        style.key(
            color=style.colour(i), marker=style.marker(i), markersize=4, linewidth=1.5, label=title
        )
        for i, (_, title) in enumerate(targets)
    ]
    columns = _legend_columns(targets)
    figure.legend(handles=colours, loc="outside lower center", ncols=columns, frameon=False)


def _legend_columns(targets: Sequence[tuple[str, str]]) -> int:
    """How many titles fit side by side, at most four."""
    entry = 0.6 + style.LETTER * max(len(title) for _, title in targets)
    return max(1, min(4, int(style.WIDTH / entry)))
