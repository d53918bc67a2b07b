"""Figures 1, 4 and 5: nothing is clipped or hidden, and equal figures are equal bytes."""

from itertools import product

import pytest
from matplotlib.figure import Figure

import jobs
from basemodel.report.figures import figure1, figure4, figure5
from basemodel.tables import write_csv
from figure_tables import (
    EPOCHS,
    METRICS,
    TARGETS,
    correlation,
    many,
    no_overlap,
    panels_of,
    training,
    truncation,
)


def clipped(figure: Figure) -> bool:
    """Whether anything that is drawn sticks out of the figure (call after a layout)."""
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    return box.x0 < -0.01 or box.y0 < -0.01 or box.x1 > width + 0.01 or box.y1 > height + 0.01


@pytest.mark.parametrize("count", [1, 3, 9])
def test_nothing_is_clipped_or_too_small_and_no_legend_covers_data(count):
    targets = many(count)
    figures = [
        figure4.draw(truncation(["resnet18"], targets), "resnet18", targets),
        figure5.draw(correlation(["resnet18"], targets), ["resnet18"], targets, METRICS),
    ]
    if count == 3:
        thirty = dict.fromkeys(EPOCHS, 30)
        figures += [
            figure1.draw(*training(thirty), list(thirty), METRICS),
            figure1.draw(*training({"vgg16": 4}, ["S6"]), ["vgg16"], ["S6"]),
        ]
    for figure in figures:
        figure.draw_without_rendering()
        assert not clipped(figure)
        assert figure.get_figwidth() < 7.5  # the text width of A4 and letter: fonts keep their size
        texts = figure.findobj(lambda artist: hasattr(artist, "get_fontsize"))
        assert min(text.get_fontsize() for text in texts if text.get_text()) >= 7
        for legend, panel in product(figure.legends, figure.axes):
            assert not legend.get_window_extent().overlaps(panel.get_window_extent())
    assert all(no_overlap(panel) for panel in figures[0].axes[:1])


def test_headings_of_figure4_do_not_run_into_each_other():
    for count in (3, 8):
        figure = figure4.draw(truncation(["vgg16"], many(count)), "vgg16", many(count))
        figure.draw_without_rendering()
        for row in (figure.axes[:4], figure.axes[4:]):
            for kind in (lambda panel: panel._left_title, lambda panel: panel.texts[0]):
                boxes = [kind(panel).get_window_extent() for panel in row]
                assert all(a.x1 < b.x0 for a, b in zip(boxes, boxes[1:], strict=False))


def test_looks_of_figure1_do_not_recur():
    figure = figure1.draw(*training(), list(EPOCHS), METRICS)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[0] == "accuracy (left axis)" and labels[-1] == "feature norm"
    assert labels[1:3] == ["S1  inter-class discreteness", "S2  intra-class discreteness"]
    handles = figure.legends[0].legend_handles
    assert len({handle.get_marker() for handle in handles}) == len(handles) == 8
    assert len({handle.get_color() for handle in handles}) == 8
    left, right = panels_of(figure)
    for panel, behind in zip(left, right, strict=True):
        assert panel.get_zorder() > behind.get_zorder() and not panel.patch.get_visible()


def run(tmp_path, figure: str, out: str, inputs: dict, params: dict) -> dict[str, bytes]:
    outputs = {kind: tmp_path / f"{out}.{kind}" for kind in ("svg", "pdf", "png")}
    jobs.run("figure.py", input=inputs, output=outputs, params={"figure": figure, **params})
    return {kind: path.read_bytes() for kind, path in outputs.items()}


def test_scripts_write_equal_bytes_without_dates(tmp_path):
    epochs = {"vgg16": 3, "resnet18": 2}
    accuracy, metrics = training(epochs, ["S1", "S5"])
    cells = [[m, a] for m in ("S1", "S5") for a in epochs]
    for metric, a in cells:
        rows = metrics[(metrics["metric"] == metric) & (metrics["architecture"] == a)]
        write_csv(tmp_path / f"{metric}_{a}.csv", rows[["epoch", "value"]])
    write_csv(tmp_path / "accuracies.csv", accuracy)
    write_csv(tmp_path / "truncation.csv", truncation())
    write_csv(tmp_path / "correlation.csv", correlation())
    targets = [list(t) for t in TARGETS[:2]]
    jobs = {
        "figure1": (
            {
                "accuracies": tmp_path / "accuracies.csv",
                "metrics": [tmp_path / f"{metric}_{a}.csv" for metric, a in cells],
            },
            {"cells": cells, "architectures": list(epochs), "names": ["S1", "S5"], "dpi": 50},
        ),
        "figure4": (
            {"accuracies": tmp_path / "truncation.csv"},
            {"architecture": "alexnet", "targets": targets, "dpi": 50},
        ),
        "figure5": (
            {"correlation": tmp_path / "correlation.csv"},
            {"architectures": ["resnet18"], "targets": targets, "metrics": ["S1"], "dpi": 50},
        ),
    }
    for figure, (inputs, params) in jobs.items():
        first = run(tmp_path, figure, "one", inputs, params)
        second = run(tmp_path, figure, "two", inputs, params)
        assert first == second
        assert first["svg"].startswith(b"<?xml") and b"<dc:date>" not in first["svg"]
        assert first["pdf"].startswith(b"%PDF") and b"CreationDate" not in first["pdf"]
        assert first["png"].startswith(b"\x89PNG")
    assert not list(tmp_path.glob(".*.part"))
