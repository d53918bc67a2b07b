"""kNN: how often the nearest other images are of the same class."""

import math
from collections.abc import Iterator

import numpy as np

from basemodel.metrics._embeddings import check, check_targets, numbered, row_blocks

LABEL = "kNN"
NAME = "accuracy of the five nearest neighbours"
LARGER_IS_BETTER = True
INPUTS = ("embeddings", "labels")
COMPARES_ARCHITECTURES = True

NEIGHBOURS = 5
NO_NEIGHBOUR = -2  # less than any similarity


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


def predict(
    embeddings: np.ndarray, labels: np.ndarray, groups: np.ndarray | None = None
) -> np.ndarray | None:
    """Labels predicted by the neighbours of each image, int64 [N]; None if there is one class.

    groups: int64 [N], such as the animal that an image shows: images of one group are no neighbours
    of each other. Where all images are in one group, a prediction is -1.
    """
    x, y, classes = check(LABEL, embeddings, labels)
    if classes == 1:
        return None
    known, predicted = np.unique(labels), np.full(len(x), -1)
    for rows, image, other, closeness in _neighbours(x, groups):
        of_image = _majority(image, y[other], closeness, (rows.stop - rows.start, classes))
        predicted[rows] = known[of_image]
    return predicted


def outputs(
    embeddings: np.ndarray, targets: np.ndarray, groups: np.ndarray | None = None
) -> np.ndarray:
    """The means of the neighbours' targets, float64 [N, K].

    targets: float [N, K], such as 0 or 1 for each of K tags, or numbers [N, 1]; groups: as in
    `predict`. NaN where all images are in one group. Raises ValueError for NaN, infinity, or
    targets that do not fit.
    """
    x, targets = check_targets(LABEL, embeddings, targets)
    found = np.full(targets.shape, np.nan)
    for rows, image, other, _ in _neighbours(x, groups):
        n = rows.stop - rows.start
        sums = [np.bincount(image, of_target[other], n) for of_target in targets.T]
        found[rows] = np.stack(sums, 1) / np.bincount(image, minlength=n)[:, None]
    return found


def _neighbours(
    x: np.ndarray, groups: np.ndarray | None
) -> Iterator[tuple[slice, np.ndarray, np.ndarray, np.ndarray]]:
    """For blocks of images: which, the numbers in the block of those that a neighbour belongs to,
    these neighbours, and how near they are. Nothing where all images are in one group.

    x: float64 [N, D], scaled in place.
    """
    groups = np.arange(len(x)) if groups is None else numbered(LABEL, x, groups)[0]
    if len(x) > 1 and not groups.any():
        return
    norms = np.sqrt(np.einsum("id,id->i", x, x))
    x /= np.where(norms > 0, norms, 1)[:, None]
    for rows in row_blocks(len(x), len(x)):
        similarity = np.round(x[rows] @ x.T, 12)
        similarity[groups[rows, None] == groups] = NO_NEIGHBOUR
        k = min(NEIGHBOURS, len(x) - 1)
        fifth = np.partition(similarity, -k, axis=1)[:, -k]
        image, other = np.nonzero((similarity >= fifth[:, None]) & (similarity > NO_NEIGHBOUR))
        yield rows, image, other, similarity[image, other]


def _majority(
    image: np.ndarray, y: np.ndarray, closeness: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """The class, 0 … K−1, that most neighbours of these images have."""
    place = image * shape[1] + y
    votes = np.bincount(place, minlength=np.prod(shape)).reshape(shape)
    near = np.bincount(place, closeness, np.prod(shape)).reshape(shape)
    near[votes < votes.max(axis=1, keepdims=True)] = -np.inf
    # Rounded, so that sums in another order of images are equal
    return np.round(near, 9).argmax(axis=1)
