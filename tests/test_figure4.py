"""Figure 4: accuracy of a network that is cut after each layer."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from basemodel.models.catalog import layers
from basemodel.report.figures import figure4
from figure_tables import (
    ARCHITECTURES,
    TARGETS,
    many,
    truncation,
)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_figure4_bars_are_the_table(architecture):
    table = truncation()
    figure = figure4.draw(table.sample(frac=1, random_state=0), architecture, TARGETS)
    accuracy = table.set_index(["architecture", "target", "layer"])["accuracy"].sort_index()
    assert [panel.get_title(loc="left") for panel in figure.axes] == [t for _, t in TARGETS]
    for panel, (target, _) in zip(figure.axes, TARGETS, strict=True):
        expected = accuracy[architecture, target].to_numpy()
        (bars,) = panel.containers
        np.testing.assert_allclose([bar.get_height() for bar in bars], 100 * expected)
        places = [bar.get_x() + bar.get_width() / 2 for bar in bars]
        np.testing.assert_allclose(places, range(layers(architecture)), atol=1e-9)
        dark = [to_hex(bar.get_facecolor()).upper() == figure4.GOOD for bar in bars]
        assert dark == list(100 * (expected.max() - expected) <= 1)
        assert panel.get_ylim()[0] == 0


def test_figure4_marks_the_earliest_and_the_best():
    table = truncation(["alexnet"])
    table.loc[table["target"] == "cars", "accuracy"] = [0.1, 0.795, 0.79, 0.80, 0.7]
    table.loc[table["target"] == "dtd", "accuracy"] = [0.1, 0.2, 0.3, 0.4, 0.5]
    figure = figure4.draw(table, "alexnet", TARGETS)
    for panel, earliest, best in ((figure.axes[0], 1, 3), (figure.axes[2], 4, 4)):
        marks = {line.get_marker(): line.get_xydata()[0] for line in panel.lines}
        assert marks["v"][0] == earliest and marks["*"][0] == best
    notes = [panel.texts[0].get_text() for panel in figure.axes]
    assert notes[0] == "▼ 1: 79.5 %   ☆ 3: 80.0 %" and notes[2] == "▼☆ 4: 50.0 %"
    level = [line for line in figure.axes[0].lines if line.get_linestyle() == "--"]
    assert level[0].get_ydata()[0] == pytest.approx(79)


def test_figure4_marks_do_not_hide_each_other_or_leave_their_panel():
    table = truncation(["resnet18"], many(9))
    table.loc[table["layer"] == 16, "accuracy"] = 1.0  # the best and the earliest at once
    table.loc[table["layer"] < 16, "accuracy"] *= 0.9
    figure = figure4.draw(table, "resnet18", many(9))
    figure.draw_without_rendering()
    for panel in figure.axes:
        marks = [line for line in panel.lines if line.get_marker() in ("v", "*")]
        v, star = (mark.get_window_extent() for mark in marks)
        assert not v.overlaps(star) and panel.bbox.y1 > v.y1 and panel.bbox.y0 < star.y0


def test_figure4_names_what_is_missing():
    with pytest.raises(ValueError, match="accuracies: no row for vgg16, cars"):
        figure4.draw(truncation(["alexnet"]), "vgg16", TARGETS)
    table = truncation(["alexnet"])
    with pytest.raises(ValueError, match="no row for alexnet, flowers, layer 2"):
        gone = (table["layer"] == 2) & (table["target"] == "flowers")
        figure4.draw(table[~gone], "alexnet", TARGETS)
