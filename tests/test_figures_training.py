"""Figures 1, 4 and 5: the series are where the tables say, nothing is clipped, equal bytes."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import jobs
from basemodel.networks.catalog import ARCHITECTURES, layers
from basemodel.report.figures import figure1, figure4, figure5, style
from basemodel.statistics import cuts
from basemodel.tables import write_csv

EPOCHS = {"alexnet": 10, "vgg16": 10, "resnet18": 6}
METRICS = ["S1", "S2", "S3", "S4", "S5", "S6", "feature_norm"]
TARGETS = [("cars", "Stanford Cars"), ("flowers", "Oxford Flowers-102"), ("dtd", "DTD")]


def training(epochs=EPOCHS, metrics=METRICS) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Accuracies that tell architecture and epoch apart, and values for each metric."""
    rng = np.random.default_rng(0)
    accuracy = [
        (a, epoch, 0.1 * i + 0.002 * epoch)
        for i, (a, count) in enumerate(epochs.items(), start=1)
        for epoch in range(1, count + 1)
    ]
    values = [(a, e, m, 50 * rng.normal()) for a, e, _ in accuracy for m in metrics]
    return (
        pd.DataFrame(accuracy, columns=["architecture", "epoch", "test_accuracy"]),
        pd.DataFrame(values, columns=["architecture", "epoch", "metric", "value"]),
    )


def test_figure1_refuses_an_accuracy_that_is_none():
    accuracies, metrics = training()
    accuracies.loc[3, "test_accuracy"] = np.nan
    with pytest.raises(ValueError, match="normal training: alexnet, epoch 4 has nan"):
        figure1.draw(accuracies, metrics, list(EPOCHS), METRICS)


def truncation(architectures=ARCHITECTURES, targets=TARGETS) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = [
        (a, t, layer, rng.uniform(0.3, 1))
        for a, (t, _) in product(architectures, targets)
        for layer in range(layers(a))
    ]
    return pd.DataFrame(rows, columns=["architecture", "target", "layer", "accuracy"])


def correlation(architectures=ARCHITECTURES, targets=TARGETS, metrics=METRICS) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    rows = [
        (a, t, m, rng.uniform(-1, 1), layers(a))
        for a, (t, _), m in product(architectures, targets, metrics)
    ]
    return pd.DataFrame(rows, columns=["architecture", "target", "metric", "rho", "n"])


def panels_of(figure: Figure) -> tuple[list, list]:
    """Figure 1's left axes and right axes."""
    left = [panel for panel in figure.axes if panel.yaxis.get_label_position() == "left"]
    return left, [panel for panel in figure.axes if panel not in left]


# Figure 1 -----------------------------------------------------------------------------------


def test_figure1_accuracies_are_on_their_epochs_and_the_left_axis():
    accuracy, metrics = training()
    figure = figure1.draw(accuracy, metrics, list(EPOCHS), METRICS)
    left, right = panels_of(figure)
    assert len(left) == len(right) == 3
    for i, (panel, count) in enumerate(zip(left, EPOCHS.values(), strict=True), start=1):
        (line,) = panel.lines
        assert line.get_xdata().tolist() == list(range(1, count + 1))
        percent = [10 * i + 0.2 * epoch for epoch in range(1, count + 1)]
        np.testing.assert_allclose(line.get_ydata(), percent)
        assert panel.get_xticks().tolist() == list(range(1, count + 1))
        assert panel.get_ylabel().endswith("(%)")
    titles = [panel.get_title(loc="left") for panel in left]
    assert titles == ["AlexNet", "VGG16", "ResNet18"]
    assert left[-1].get_xlabel() == "epoch"


def test_figure1_metrics_are_standardised_on_the_right_axis():
    accuracy, metrics = training()
    figure = figure1.draw(accuracy, metrics, list(EPOCHS), METRICS)
    raw = metrics.set_index(["architecture", "metric", "epoch"])["value"].sort_index()
    for panel, (architecture, count) in zip(panels_of(figure)[1], EPOCHS.items(), strict=True):
        lines = [line for line in panel.lines if not line.get_label().startswith("_")]
        for line, metric in zip(lines, METRICS, strict=True):
            assert line.get_xdata().tolist() == list(range(1, count + 1))
            z = line.get_ydata()
            assert np.mean(z) == pytest.approx(0, abs=1e-12) and np.var(z) == pytest.approx(1)
            values = raw[architecture, metric].to_numpy()
            # The same up to a shift and a positive factor: not turned
            assert np.corrcoef(z, values)[0, 1] == pytest.approx(1)
        low, high = panel.get_ylim()
        assert low == -high and high > max(np.abs(line.get_ydata()).max() for line in lines)
    assert len({panel.get_ylim() for panel in panels_of(figure)[1]}) == 1


def test_figure1_does_not_depend_on_the_order_of_rows():
    accuracy, metrics = training()
    first = figure1.draw(accuracy, metrics, list(EPOCHS), METRICS)
    shuffled = [table.sample(frac=1, random_state=3) for table in (accuracy, metrics)]
    second = figure1.draw(*shuffled, list(EPOCHS), METRICS)
    for one, two in zip(first.axes, second.axes, strict=True):
        for a, b in zip(one.lines, two.lines, strict=True):
            np.testing.assert_array_equal(a.get_xydata(), b.get_xydata())


def test_standardise_by_hand():
    # mean 3, variance (4 + 0 + 4)/3 = 8/3
    expected = np.array([-2, 0, 2]) / np.sqrt(8 / 3)
    np.testing.assert_allclose(figure1.standardise(np.array([1.0, 3, 5])), expected)
    for constant in ([0.0, 0, 0], [0.3] * 5, [0.1 + 0.2, 0.3], [7.0], [-1e30, -1e30]):
        assert figure1.standardise(np.array(constant)).tolist() == [0] * len(constant)
    gaps = figure1.standardise(np.array([1.0, np.nan, 3, np.inf, 5]))
    np.testing.assert_allclose(gaps, [expected[0], np.nan, expected[1], np.nan, expected[2]])
    assert np.isnan(figure1.standardise(np.array([np.nan, np.nan]))).all()
    # Small and large values are not taken for constant
    assert figure1.standardise(np.array([1e-20, 2e-20])) == pytest.approx([-1, 1])


def test_figure1_draws_a_constant_metric_as_constant():
    accuracy, metrics = training()
    metrics.loc[metrics["metric"] == "S5", "value"] = 0.3
    figure = figure1.draw(accuracy, metrics, list(EPOCHS), METRICS)
    for panel, count in zip(panels_of(figure)[1], EPOCHS.values(), strict=True):
        (line,) = [line for line in panel.lines if line.get_label().startswith("S5")]
        assert line.get_ydata().tolist() == [0] * count


def test_figure1_names_what_is_missing():
    accuracy, metrics = training()
    gone = accuracy.drop(accuracy[(accuracy["epoch"] == 3)].index)
    with pytest.raises(ValueError, match="AlexNet: each epoch from 1 on .*there are: 1, 2, 4"):
        figure1.draw(gone, metrics, list(EPOCHS), METRICS)
    with pytest.raises(ValueError, match="ResNet18: each epoch .*there are: none"):
        figure1.draw(accuracy[accuracy["architecture"] != "resnet18"], metrics, EPOCHS, METRICS)
    short = metrics[(metrics["epoch"] < 10) | (metrics["metric"] != "S2")]
    with pytest.raises(ValueError, match="AlexNet, S2: 9 epochs, but 10 of accuracy"):
        figure1.draw(accuracy, short, list(EPOCHS), METRICS)
    with pytest.raises(ValueError, match="AlexNet, S1: each epoch .*1, 1, 2, 2"):
        figure1.draw(accuracy, pd.concat([metrics, metrics]), list(EPOCHS), METRICS)


@pytest.mark.parametrize("count", [1, 2, 30, 31, 90, 300])
def test_figure1_ticks_are_whole_epochs_from_one(count):
    epochs = {"vgg16": count}
    figure = figure1.draw(*training(epochs, ["S1"]), ["vgg16"], ["S1"])
    ticks = panels_of(figure)[0][0].get_xticks()
    assert ticks[0] == 1 and len(ticks) <= 31
    assert all(tick == round(tick) and 1 <= tick <= count for tick in ticks)
    assert len(set(ticks)) == len(ticks)
    assert no_overlap(panels_of(figure)[0][0])


# Figure 4 -----------------------------------------------------------------------------------


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


# Figure 5 -----------------------------------------------------------------------------------


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
    assert len(figure5.draw(table, list(ARCHITECTURES), TARGETS, METRICS).axes) == 3


# All three ----------------------------------------------------------------------------------


def no_overlap(panel) -> bool:
    panel.figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in panel.get_xticklabels() if label.get_text()]
    return all(a.x1 < b.x0 for a, b in zip(boxes, boxes[1:], strict=False))


def clipped(figure: Figure) -> bool:
    """Whether anything that is drawn sticks out of the figure (call after a layout)."""
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    return box.x0 < -0.01 or box.y0 < -0.01 or box.x1 > width + 0.01 or box.y1 > height + 0.01


def many(count: int) -> list[tuple[str, str]]:
    names = ["A Rather Long Title of a Data Set", "Oxford Flowers-102", "CUB-200-2011", "DTD"]
    return [(f"t{i}", names[i % 4]) for i in range(count)]


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


def run(tmp_path, script: str, out: str, inputs: dict, params: dict) -> dict[str, bytes]:
    outputs = {kind: tmp_path / f"{out}.{kind}" for kind in ("svg", "pdf", "png")}
    jobs.run(script, input=inputs, output=outputs, params=params)
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
        "figure1.py": (
            {
                "accuracies": tmp_path / "accuracies.csv",
                "metrics": [tmp_path / f"{metric}_{a}.csv" for metric, a in cells],
            },
            {"cells": cells, "architectures": list(epochs), "metrics": ["S1", "S5"], "dpi": 50},
        ),
        "figure4.py": (
            {"accuracies": tmp_path / "truncation.csv"},
            {"architecture": "alexnet", "targets": targets, "dpi": 50},
        ),
        "figure5.py": (
            {"correlation": tmp_path / "correlation.csv"},
            {"architectures": ["resnet18"], "targets": targets, "metrics": ["S1"], "dpi": 50},
        ),
    }
    for script, (inputs, params) in jobs.items():
        first = run(tmp_path, script, "one", inputs, params)
        second = run(tmp_path, script, "two", inputs, params)
        assert first == second
        assert first["svg"].startswith(b"<?xml") and b"<dc:date>" not in first["svg"]
        assert first["pdf"].startswith(b"%PDF") and b"CreationDate" not in first["pdf"]
        assert first["png"].startswith(b"\x89PNG")
    assert not list(tmp_path.glob(".*.part"))
