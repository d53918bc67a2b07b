"""The log expected empirical prediction, which LEEP and NLEEP compute from different clusters."""

import numpy as np

from basemodel.metrics._embeddings import one_hot


def leep(theta: np.ndarray, y: np.ndarray, classes: int) -> float:
    """(1/N) Σ_i log Σ_z P̂(y_i|z) θ_z(x_i), in nats (Nguyen et al., ICML 2020, Equation 2).

    theta: float64 [N, Z], rows sum to 1; y: int [N], labels 0 … K−1. P̂(y|z) = P̂(y,z) / P̂(z) with
    P̂(y,z) = (1/N) Σ_{i: y_i=y} θ_z(x_i). A z of probability 0 for every image adds 0.
    """
    joint = one_hot(y, classes).T @ theta  # N · P̂(y, z)
    total = joint.sum(axis=0)
    given = joint / np.where(total > 0, total, 1)
    expected = np.einsum("iz,iz->i", theta, given[y])
    return float(np.log(expected).mean())
