"""Figure 2: Spearman's ρ of each metric with the fine-tuned accuracy, by target."""

from collections.abc import Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from basemodel.report.figures import style
from basemodel.statistics.scopes import ALL
from basemodel.statistics.spearman import HIGH

GROUP = 0.84  # fraction of a target's width that its bars take
CEILING = "#8B0000"
SLANTED = 24  # letters of a slanted title that fit the figure's height


@style.printed
def draw(
    correlation: pd.DataFrame,
    architectures: Sequence[str] | None,
    targets: Sequence[tuple[str, str]],
    metrics: Sequence[str],
    ceiling: pd.DataFrame | None = None,
) -> Figure:
    """One panel per architecture (None: of the table, all together first), one group per target
    (name, title), one bar per metric.

    correlation: columns architecture, target, metric, rho (of metrics oriented so that larger is
    better, as in scores.rho_table) and, if there are intervals, low and high. ceiling: columns
    architecture, target, ceiling, drawn as a line over its group. An undefined ρ is shown as a
    cross instead of a bar; so is one that the table lacks, if architectures is None. Otherwise
    KeyError is raised.
    """
    complete = architectures is not None
    if not complete:
        architectures = sorted(correlation["architecture"].unique(), key=lambda name: name != ALL)
    table = correlation.set_index(["architecture", "target", "metric"])
    limits = None
    if ceiling is not None and len(ceiling):  # with one fine-tuning of each model there is none
        limits = ceiling.set_index(["architecture", "target"])["ceiling"]
    figure, panels, *_ = style.panels(len(architectures), 1, extra=1.1, row=1.9, sharex=True)
    groups = np.arange(len(targets))
    width = GROUP / len(metrics)
    handles, undefined = [], False
    for panel, architecture in zip(panels, architectures, strict=True):
        handles = []
        for i, metric in enumerate(metrics):
            rows = [(architecture, target, metric) for target, _ in targets]
            cells = table.loc[rows] if complete else table.reindex(rows)
            heights = cells["rho"].to_numpy(np.float64)
            centres = groups + (i - (len(metrics) - 1) / 2) * width
            handles.append(
                panel.bar(
                    centres,
                    heights,
                    width,
                    color=style.colour(i),
                    hatch=style.hatch(i),
                    edgecolor="black",
                    linewidth=0.4,
                    label=style.label(metric),
                )
            )
            if "low" in table:
                low, high = cells[["low", "high"]].to_numpy(np.float64).T
                known = np.isfinite(low) & np.isfinite(high)
                panel.vlines(centres[known], low[known], high[known], color="black", linewidth=0.6)
            missing = centres[np.isnan(heights)]
            undefined |= len(missing) > 0
            panel.plot(missing, np.zeros_like(missing), "x", color="black", markersize=3)
        if limits is not None:
            cells = limits.reindex([(architecture, target) for target, _ in targets])
            levels = cells.to_numpy(np.float64)
            known = np.isfinite(levels)
            left = groups[known] - GROUP / 2
            panel.hlines(levels[known], left, left + GROUP, color=CEILING, linewidth=1.3)
        _axes(panel, style.architecture(architecture), len(targets))
    _name_targets(panels[-1], [title for _, title in targets])
    handles.append(style.key(color="black", linewidth=0.7, linestyle="--", label=f"|ρ| = {HIGH}"))
    if "low" in table:
        look = {"color": "black", "linewidth": 0.6, "marker": "|", "linestyle": ""}
        handles.append(style.key(**look, label="95 % interval"))
    if limits is not None:
        label = "ceiling: no metric can do better"
        handles.append(style.key(color=CEILING, linewidth=1.3, label=label))
    if undefined:
        look = {"color": "black", "marker": "x", "markersize": 3, "linestyle": ""}
        handles.append(style.key(**look, label="undefined"))
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
    return figure


def _axes(panel, title: str, groups: int) -> None:
    panel.set_title(title, loc="left")
    panel.tick_params(axis="x", length=0)
    panel.set_ylabel("Spearman's ρ")
    panel.set_ylim(-1, 1)
    panel.set_yticks([-1, -0.5, 0, 0.5, 1])
    panel.set_xlim(-0.5, groups - 0.5)
    panel.axhline(0, color="black", linewidth=0.6)
    for level in (-HIGH, HIGH):
        panel.axhline(level, color="black", linewidth=0.7, linestyle="--", zorder=0.5)
    for border in np.arange(1, groups) - 0.5:
        panel.axvline(border, color="0.85", linewidth=0.6, zorder=0.4)


def _name_targets(panel, titles: list[str]) -> None:
    """Label the groups, wrapped to their width, or slanted and cut where a word does not fit."""
    letters = int((style.WIDTH - 0.8) / len(titles) / style.LETTER)
    wrapped = [fill(title, max(letters, 1), break_long_words=False) for title in titles]
    if max(len(line) for title in wrapped for line in title.split("\n")) <= letters:
        panel.set_xticks(range(len(titles)), wrapped)
    else:
        cut = [title if len(title) <= SLANTED else f"{title[: SLANTED - 1]}…" for title in titles]
        panel.set_xticks(range(len(titles)), cut, rotation=35, ha="right", rotation_mode="anchor")
