"""Data and names that the tests of the later metrics share."""

import numpy as np

from basemodel import metrics

OF_EMBEDDINGS = [
    "ETran", "GBC", "HScore", "LinearProbe", "LogME", "NCTI", "NLEEP", "PACTran", "PARC", "SFDA",
    "TransRate", "kNN",
]  # fmt: skip
OF_PROBABILITIES = ["LEEP", "NCE"]
OF_CARDS = ["parameters", "source_accuracy", "source_classes", "source_images"]
LATER = sorted(OF_EMBEDDINGS + OF_PROBABILITIES + OF_CARDS)


def data(n: int, features: int, classes: int, equal: bool = True) -> dict[str, np.ndarray]:
    """Embeddings after a ReLU and probabilities of 12 source classes, with some signal."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % classes if equal else np.sort(rng.integers(0, classes, n))
    x = 0.3 * rng.normal(size=(classes, features))[y] + rng.normal(size=(n, features))
    p = np.exp(rng.normal(size=(n, 12)) + 2 * np.eye(12)[y % 12])
    p /= p.sum(axis=1, keepdims=True)
    return {"embeddings": np.maximum(x, 0), "probabilities": p, "labels": y}


def terms(name: str, given: dict[str, np.ndarray], **other: np.ndarray) -> dict[str, float]:
    return metrics.compute(name, given | other)


def value(name: str, given: dict[str, np.ndarray], **other: np.ndarray) -> float:
    """The value; of a metric that depends on the pool, its first term."""
    return next(iter(terms(name, given, **other).values()))
