"""Linear probe: the accuracy of a linear classifier of the embeddings, by cross-validation."""

import math
from collections.abc import Callable
from functools import partial
from itertools import combinations

import numpy as np

from basemodel.metrics._embeddings import (
    centred,
    check,
    check_targets,
    numbered,
    one_hot,
    principal_components,
    strata,
)

LABEL = "probe"
NAME = "accuracy of a linear probe"
LARGER_IS_BETTER = True
INPUTS = ("embeddings", "labels")
COMPARES_ARCHITECTURES = True

FOLDS = 5
# Of the mean squared distance of an image from the mean image. The first, if no choice is possible
PENALTIES = (1, 0.1, 0.01, 0.001)


def compute(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy, 0 to 1, of ridge regression on one-hot labels, over 5 folds of the probe images.

    A baseline without a paper of its own. min_{W,b} Σ_i |y_i − Wᵀx_i − b|² + c |W|²; the class with
    the largest output is predicted. c is one of PENALTIES times the mean squared distance of an
    image from the mean image, so that the scale of the embeddings does not matter. For each fold
    the one is taken that has the least squared error on the other four, each predicted from the
    remaining three: neither W nor c have seen the labels of the images that are predicted.
    **Choice**: ridge regression, not logistic, because its results without a fold, or two, follow
    from one decomposition of all images. The i-th image of each class is in fold i mod 5.

    embeddings: float [N, D]; labels: int64 [N]. The largest matrices are as large as the
    embeddings, or as the smaller of N × N and D × D for each penalty. A class of one image is
    unknown to the classifier that is tested on it. Constant embeddings: predicted is the most
    frequent class of the other folds, the smallest label if tied. One class: NaN. Raises ValueError
    for NaN, infinity, or labels that do not fit.

    Compares architectures: it is an accuracy.
    """
    predicted = predict(embeddings, labels)
    return {"value": math.nan if predicted is None else float((predicted == labels).mean())}


def predict(
    embeddings: np.ndarray, labels: np.ndarray, groups: np.ndarray | None = None
) -> np.ndarray | None:
    """Labels predicted by the classifier that has not seen the image, int64 [N].

    groups: int64 [N], such as the animal that an image shows: images of one group are in one fold.
    None if there is one class only. A prediction is -1 where all images are in one fold.
    """
    x, y, classes = check(LABEL, embeddings, labels)
    if classes == 1:
        return None
    fold = _folds(y, None if groups is None else numbered(LABEL, labels, groups)[0])
    found = _out_of_fold(x, one_hot(y, classes), fold)
    # Rounded, so that outputs that are equal but for rounding give the smallest label
    predicted = np.unique(labels)[np.round(found, 9).argmax(axis=1)]
    return np.where(np.isnan(found[:, 0]), -1, predicted)


def outputs(
    embeddings: np.ndarray, targets: np.ndarray, groups: np.ndarray | None = None
) -> np.ndarray:
    """What ridge regression that has not seen the image says of its targets, float64 [N, K].

    targets: float [N, K], such as 0 or 1 for each of K tags, or numbers [N, 1]; groups: as in
    `predict`. Folds are those of `predict`, with _embeddings.strata in the place of classes. The
    penalty has the least squared error in units of each target's variance. NaN where all images
    are in one fold. Raises ValueError for NaN, infinity, or targets that do not fit.
    """
    x, targets = check_targets(LABEL, embeddings, targets)
    groups = None if groups is None else numbered(LABEL, x, groups)[0]
    fold = _folds(strata(targets), groups, even=True)
    mean, spread = targets.mean(axis=0), targets.std(axis=0)
    spread[spread == 0] = 1
    return _out_of_fold(x, (targets - mean) / spread, fold) * spread + mean


def _out_of_fold(x: np.ndarray, targets: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Outputs [N, K] of ridge regressions without the image's fold; NaN if there is no other.

    x: float64 [N, D], which is centred in place.
    """
    n = len(x)
    folds = [np.flatnonzero(fold == f) for f in range(FOLDS)]
    ridge = _Ridge(centred(x), targets, folds)
    squared = np.zeros((FOLDS, len(PENALTIES)))  # errors outside of each fold
    for number, penalty in enumerate(PENALTIES):
        of_folds = ridge.with_penalty(penalty)
        for f, g in combinations(range(FOLDS), 2):
            if 0 < len(folds[f]) + len(folds[g]) < n:
                off = of_folds(f, g) - targets[np.concatenate([folds[f], folds[g]])]
                squares = np.einsum("nk,nk->n", off, off)
                squared[f, number] += squares[len(folds[f]) :].sum()
                squared[g, number] += squares[: len(folds[f])].sum()
    best = np.round(squared / n, 9).argmin(axis=1)
    found = np.full(targets.shape, np.nan)
    for number in np.unique(best):
        of_folds = ridge.with_penalty(PENALTIES[number])
        for f in np.flatnonzero(best == number):
            if 0 < len(folds[f]) < n:
                found[folds[f]] = of_folds(f)
    return found


class _Ridge:
    """Ridge regression on the images outside of some folds.

    With N images, principal coordinates Z and Zᵀ Z = diag(s), all images give the residuals
    R = H Y with H = I − 11ᵀ/N − Z diag(1/(s+c)) Zᵀ. Without the images h the outputs for them are
    Y_h − H_hh⁻¹ R_h. With many images the normal equations of the other images are solved instead,
    whose sums are those of all less those of h.
    """

    def __init__(self, x: np.ndarray, targets: np.ndarray, folds: list[np.ndarray]) -> None:
        """x: centred, float64 [N, D]; targets: float64 [N, K]; folds: the images of each."""
        self.z, variance = principal_components(x)
        self.targets, self.folds = targets, folds
        self.sums = len(x) * variance
        self.unit = float(variance.sum()) or 1.0
        self.crossed = self.z.T @ targets
        self.few = len(x) <= 1.5 * len(variance)  # images, for the first way to be faster
        if not self.few:
            self.of_folds = [(self.z[h].T @ self.z[h], self.z[h].T @ targets[h]) for h in folds]

    def with_penalty(self, penalty: float) -> Callable[..., np.ndarray]:
        """A function of numbers of folds: the outputs for their images, float64 [n, K]."""
        c = penalty * self.unit
        if not self.few:
            return partial(self._of_many, c)
        scaled = self.z / (self.sums + c)
        h = scaled @ -self.z.T
        h -= 1 / len(h)
        h[np.diag_indices_from(h)] += 1
        residuals = self.targets - self.targets.mean(axis=0) - scaled @ self.crossed
        return partial(self._of_few, h, residuals)

    def _of_few(self, h: np.ndarray, residuals: np.ndarray, *without: int) -> np.ndarray:
        held = np.concatenate([self.folds[f] for f in without])
        return self.targets[held] - np.linalg.solve(h[held[:, None], held], residuals[held])

    def _of_many(self, c: float, *without: int) -> np.ndarray:
        held = np.concatenate([self.folds[f] for f in without])
        rest = len(self.z) - len(held)
        mean = -self.z[held].sum(axis=0) / rest
        share = (self.targets.sum(axis=0) - self.targets[held].sum(axis=0)) / rest
        inner = np.diag(self.sums + c) - rest * np.outer(mean, mean)
        crossed = self.crossed - rest * np.outer(mean, share)
        for f in without:
            inner -= self.of_folds[f][0]
            crossed -= self.of_folds[f][1]
        return (self.z[held] - mean) @ np.linalg.solve(inner, crossed) + share


def _folds(y: np.ndarray, groups: np.ndarray | None, even: bool = False) -> np.ndarray:
    """The fold of each image, int64 [N]: of the i-th image of each class, i mod 5.

    Groups are numbered 0, 1, …; each goes, in the order of their first images, to the fold that has
    fewest images of its classes so far, and if `even` to the one with fewest in all of these. For
    groups of one image this is the same, if not `even`.
    """
    if groups is None:
        return _position_in_class(y) % FOLDS
    fold, counts = np.empty(len(y), int), np.zeros((FOLDS, y.max() + 1), int)
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    for images in sorted(members, key=lambda images: images[0]):
        have = counts[:, y[images]].sum(axis=1).astype(float)
        if even:
            have += counts.sum(axis=1) / (len(y) + 1)
        fold[images] = have.argmin()
        np.add.at(counts[fold[images[0]]], y[images], 1)
    return fold


def _position_in_class(y: np.ndarray) -> np.ndarray:
    """How many images before each one are of its class, int64 [N]."""
    order = np.argsort(y, kind="stable")
    counts = np.bincount(y)
    position = np.empty(len(y), int)
    position[order] = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)
    return position
