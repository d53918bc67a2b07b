"""Figure 1: accuracy and metrics of every epoch of normal training."""

import numpy as np
import pandas as pd
import pytest

from basemodel.report.figures import figure1
from figure_tables import (
    EPOCHS,
    METRICS,
    no_overlap,
    panels_of,
    training,
)


def test_figure1_refuses_an_accuracy_that_is_none():
    accuracies, metrics = training()
    accuracies.loc[3, "test_accuracy"] = np.nan
    with pytest.raises(ValueError, match="normal training: alexnet, epoch 4 has nan"):
        figure1.draw(accuracies, metrics, list(EPOCHS), METRICS)


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
            # The same up to a shift and a positive factor: not negated
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
