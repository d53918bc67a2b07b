"""Linear probe: the accuracy of a linear classifier of the embeddings, by cross-validation."""

import math

import numpy as np

from basemodel.metrics._embeddings import centred, check, one_hot

LABEL = "probe"
NAME = "accuracy of a linear probe"
LARGER_IS_BETTER = True
INPUTS = ("embeddings", "labels")
COMPARES_ARCHITECTURES = True

FOLDS = 5


def compute(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy, 0 to 1, of ridge regression on one-hot labels, over 5 folds of the probe images.

    A baseline without a paper of its own. min_{W,b} Σ_i |y_i − Wᵀx_i − b|² + c |W|²; the class with
    the largest output is predicted. **Choice**: c is the mean squared distance of an image from the
    mean image, so that the scale of the embeddings does not matter. Ridge regression, not logistic,
    because one inverse gives the exact result for all folds. The i-th image of each class is in
    fold i mod 5.

    embeddings: float [N, D]; labels: int64 [N]. All is done with N × N matrices. A class of one
    image is unknown to the classifier that is tested on it. Constant embeddings: predicted is the
    most frequent class of the other folds, the smallest label if tied. One class: NaN. Raises
    ValueError for NaN, infinity, or labels that do not fit.

    Compares architectures: it is an accuracy.
    """
    return {"value": _accuracy(predict(embeddings, labels), labels)}


def predict(embeddings: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
    """Labels predicted by the classifier that has not seen the image, int64 [N].

    None if there is one class only. A prediction is -1 where all images are in one fold.
    """
    x, y, classes = check(LABEL, embeddings, labels)
    n = len(x)
    if classes == 1:
        return None
    x = centred(x)
    gram = x @ x.T
    penalty = float(np.trace(gram)) / n or 1.0
    # W = Xᵀ A with (G + cI) A + 1bᵀ = Y and 1ᵀ A = 0. Without a fold's images the outputs for them
    # are Y_f − H_ff⁻¹ (H Y)_f, H being the upper left block of the inverse of this system.
    inverse = np.linalg.inv(gram + penalty * np.eye(n))
    sums = inverse.sum(axis=0)
    block = inverse - np.outer(sums, sums) / sums.sum()
    targets = one_hot(y, classes)
    residuals = block @ targets
    fold = _position_in_class(y) % FOLDS
    predicted = np.full(n, -1)
    for f in range(FOLDS):
        held = np.flatnonzero(fold == f)
        if len(held) in (0, n):
            continue
        output = targets[held] - np.linalg.solve(block[np.ix_(held, held)], residuals[held])
        # Rounded, so that outputs that are equal but for rounding give the smallest label
        predicted[held] = np.unique(labels)[np.round(output, 9).argmax(axis=1)]
    return predicted


def _accuracy(predicted: np.ndarray | None, labels: np.ndarray) -> float:
    return math.nan if predicted is None else float((predicted == labels).mean())


def _position_in_class(y: np.ndarray) -> np.ndarray:
    """How many images before each one are of its class, int64 [N]."""
    order = np.argsort(y, kind="stable")
    counts = np.bincount(y)
    position = np.empty(len(y), int)
    position[order] = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)
    return position
