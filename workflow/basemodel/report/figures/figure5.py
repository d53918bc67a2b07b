"""Figure 5: Spearman's ρ of each metric with the accuracy over the cuts of a network, by target."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from basemodel.report.figures import figure2, style


@style.printed
def draw(
    correlation: pd.DataFrame,
    architectures: Sequence[str],
    targets: Sequence[tuple[str, str]],
    metrics: Sequence[str],
) -> Figure:
    """As Figure 2: one panel per architecture, one group per target, one bar per metric.

    correlation: columns architecture, target, metric, rho, n, from cuts.rho_over_layers. The
    headings say over how many layers ρ is taken: 5 ranks say less than 17.
    """
    figure = figure2.draw(correlation, architectures, targets, metrics)
    for panel, architecture in zip(figure.axes, architectures, strict=True):
        n = correlation.loc[correlation["architecture"] == architecture, "n"].iloc[0]
        panel.set_title(f"{panel.get_title(loc='left')}, cut after each of {n} layers", loc="left")
    return figure
