"""Made-up tables like those behind Figures 1, 4 and 5, and helpers that inspect the figures."""

from itertools import product

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from basemodel.models.catalog import layers

ARCHITECTURES = ["alexnet", "vgg16", "resnet18"]
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


def no_overlap(panel) -> bool:
    panel.figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in panel.get_xticklabels() if label.get_text()]
    return all(a.x1 < b.x0 for a, b in zip(boxes, boxes[1:], strict=False))


def many(count: int) -> list[tuple[str, str]]:
    names = ["A Rather Long Title of a Data Set", "Oxford Flowers-102", "CUB-200-2011", "DTD"]
    return [(f"t{i}", names[i % 4]) for i in range(count)]
