"""Figure 5: which metric finds the cut."""

import numpy as np
import pandas as pd

from basemodel.report.figures import figure5, style
from basemodel.statistics import cuts
from figure_tables import (
    ARCHITECTURES,
    METRICS,
    TARGETS,
    correlation,
    truncation,
)


def test_figure5_bars_are_the_table():
    table = correlation()
    figure = figure5.draw(table, ["resnet18", "alexnet"], TARGETS, METRICS)
    titles = [panel.get_title(loc="left") for panel in figure.axes]
    assert titles == [
        "ResNet18, cut after each of 17 layers",
        "AlexNet, cut after each of 5 layers",
    ]
    rho = table.set_index(["architecture", "target", "metric"])["rho"]
    for panel, architecture in zip(figure.axes, ["resnet18", "alexnet"], strict=True):
        assert panel.get_ylim() == (-1, 1)
        assert len(panel.containers) == len(METRICS)
        for metric, bars in zip(METRICS, panel.containers, strict=True):
            heights = [bar.get_height() for bar in bars]
            assert heights == [rho[architecture, target, metric] for target, _ in TARGETS]
        levels = [line.get_ydata()[0] for line in panel.lines if len(line.get_ydata()) == 2]
        assert {-0.7, 0.7} <= set(levels)
        sizes = {panel.title.get_fontsize(), panel._left_title.get_fontsize()}
        assert sizes == {style.PRINT["axes.titlesize"]}


def test_figure5_takes_the_table_of_cuts():
    accuracy = truncation()
    rng = np.random.default_rng(3)
    metrics = pd.concat(
        accuracy.drop(columns="accuracy").assign(metric=m, value=rng.normal(size=len(accuracy)))
        for m in METRICS
    )
    table = cuts.rho_over_layers(accuracy, metrics)
    assert len(figure5.draw(table, ARCHITECTURES, TARGETS, METRICS).axes) == 3
