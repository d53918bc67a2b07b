"""A mixture of normal distributions with diagonal covariances, fitted by EM (Dempster et al. 1977).

scikit-learn has one, but it would make up most of the time of all metrics together.
"""

import numpy as np

from basemodel.metrics._embeddings import one_hot

K_MEANS_STEPS = 10
EM_STEPS = 100
TOLERANCE = 1e-3  # of the mean log likelihood: less gain ends EM
FLOOR = 1e-3  # the least variance of a cluster, as a fraction of the mean variance of a feature


def responsibilities(x: np.ndarray, clusters: int, generator: np.random.Generator) -> np.ndarray:
    """The posterior probability of each cluster for each image, float64 [N, clusters].

    x: float64 [N, d], not constant. The start is k-means++ (Arthur and Vassilvitskii 2007) and a
    few steps of k-means. Clusters that lose all their images keep a probability of 0.
    """
    centres = _k_means_plus_plus(x, clusters, generator)
    for _ in range(K_MEANS_STEPS):
        nearest = _squared_distances(x, centres).argmin(axis=1)
        members = one_hot(nearest, clusters).T
        counts = members.sum(axis=1)[:, None]
        moved = np.where(counts > 0, (members @ x) / np.maximum(counts, 1), centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    theta, before = one_hot(_squared_distances(x, centres).argmin(axis=1), clusters), -np.inf
    floor, squares = FLOOR * x.var(axis=0).mean(), x**2
    for _ in range(EM_STEPS):
        theta, likelihood = _step(x, squares, theta, floor)
        if likelihood - before < TOLERANCE:
            break
        before = likelihood
    return theta


def _step(
    x: np.ndarray, squares: np.ndarray, theta: np.ndarray, floor: float
) -> tuple[np.ndarray, float]:
    """Fit the clusters to the posteriors, then the posteriors to them; and the mean likelihood."""
    weight = theta.sum(axis=0)
    present = np.where(weight > 0, weight, 1)[:, None]
    mean = theta.T @ x / present
    variance = np.maximum(theta.T @ squares / present - mean**2, 0) + floor
    precise = 1 / variance
    with np.errstate(divide="ignore"):  # log 0 of an empty cluster
        constant = np.log(weight / len(x)) - np.log(2 * np.pi * variance).sum(axis=1) / 2
    logs = x @ (mean * precise).T
    logs -= squares @ (precise / 2).T
    logs += constant - (mean**2 * precise).sum(axis=1) / 2
    highest = logs.max(axis=1, keepdims=True)
    logs -= highest
    theta = np.exp(logs, out=logs)
    total = theta.sum(axis=1, keepdims=True)
    theta /= total
    return theta, float((highest + np.log(total)).mean())


def _k_means_plus_plus(x: np.ndarray, clusters: int, generator: np.random.Generator) -> np.ndarray:
    """Images as centres, each drawn by its squared distance to the nearest one before it."""
    chosen = [int(generator.integers(len(x)))]
    squares = np.einsum("id,id->i", x, x)
    distance = np.full(len(x), np.inf)
    for _ in range(clusters - 1):
        last = x[chosen[-1]]
        distance = np.minimum(distance, np.maximum(squares - 2 * x @ last + last @ last, 0))
        distance[chosen[-1]] = 0
        total = np.cumsum(distance)
        place = int(np.searchsorted(total, generator.random() * total[-1], "right"))
        chosen.append(min(place, len(x) - 1))
    return x[chosen].copy()


def _squared_distances(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """|x_i − c_k|², less |x_i|², which no comparison needs; [N, clusters]."""
    return (centres**2).sum(axis=1) - 2 * x @ centres.T
