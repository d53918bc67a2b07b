"""The log expected empirical prediction, which LEEP and NLEEP compute from different clusters."""

from collections.abc import Iterator

import numpy as np

from basemodel.metrics._embeddings import row_blocks


def leep(theta: np.ndarray, y: np.ndarray, classes: int) -> float:
    """(1/N) Σ_i log Σ_z P̂(y_i|z) θ_z(x_i), in nats (Nguyen et al., ICML 2020, Equation 2).

    theta: float [N, Z], rows sum to 1; y: int [N], labels 0 … K−1. P̂(y|z) = P̂(y,z) / P̂(z) with
    P̂(y,z) = (1/N) Σ_{i: y_i=y} θ_z(x_i). A z of probability 0 for every image adds 0.
    """
    joint = np.zeros((classes, theta.shape[1]))  # N · P̂(y, z), then P̂(y|z)
    for label, images in _blocks(y, classes, theta.shape[1]):
        joint[label] += theta[images].sum(axis=0, dtype=np.float64)
    total = joint.sum(axis=0)
    joint /= np.where(total > 0, total, 1)
    logs = 0.0
    for label, images in _blocks(y, classes, theta.shape[1]):
        logs += float(np.log(theta[images].astype(np.float64, copy=False) @ joint[label]).sum())
    return logs / len(y)


def _blocks(y: np.ndarray, classes: int, columns: int) -> Iterator[tuple[int, np.ndarray]]:
    """Each class and some of its images, until all images have been given."""
    for label in range(classes):
        images = np.flatnonzero(y == label)
        for rows in row_blocks(len(images), columns):
            yield label, images[rows]
