"""kNN: how often the nearest other images are of the same class."""

import math

import numpy as np

from basemodel.metrics._embeddings import check, one_hot

LABEL = "kNN"
NAME = "accuracy of the five nearest neighbours"
LARGER_IS_BETTER = True
INPUTS = ("embeddings", "labels")
COMPARES_ARCHITECTURES = True

NEIGHBOURS = 5


def compute(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy, 0 to 1, of the majority of the 5 nearest other images by cosine similarity.

    A baseline without a paper of its own; leave one out, probe images only. Among classes with
    equally many votes, the one whose votes have the larger sum of similarities wins (the smaller
    label, if these are equal too). Images as near as the fifth, up to rounding, vote as well.

    embeddings: float [N, D], not centred; labels: int64 [N]. N < D changes nothing. Fewer than six
    images: all others vote. An embedding of norm 0 has similarity 0 with every other. A class of
    one image is never found. Constant embeddings: every other image votes. One class: NaN. Raises
    ValueError for NaN, infinity, or labels that do not fit.

    Compares architectures: it is an accuracy.
    """
    predicted = predict(embeddings, labels)
    return {"value": math.nan if predicted is None else float((predicted == labels).mean())}


def predict(embeddings: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
    """Labels predicted by the neighbours of each image, int64 [N]; None if there is one class."""
    x, y, classes = check(LABEL, embeddings, labels)
    if classes == 1:
        return None
    norms = np.sqrt(np.einsum("id,id->i", x, x))
    x /= np.where(norms > 0, norms, 1)[:, None]
    similarity = np.round(x @ x.T, 12)
    np.fill_diagonal(similarity, -2)
    k = min(NEIGHBOURS, len(x) - 1)
    fifth = np.partition(similarity, -k, axis=1)[:, -k]
    near = similarity >= fifth[:, None]
    votes = near @ one_hot(y, classes)
    closeness = np.where(near, similarity, 0) @ one_hot(y, classes)
    closeness[votes < votes.max(axis=1, keepdims=True)] = -np.inf
    # Rounded, so that sums in another order of images are equal
    return np.unique(labels)[np.round(closeness, 9).argmax(axis=1)]
