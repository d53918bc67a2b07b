"""Which candidates differ significantly: a paired bootstrap of which images each gets right.

The predictions for held-out images are fixed, and images are resampled within their classes. A
probe that is trained again on each resample would see images twice, on both sides of the split.
"""

from dataclasses import dataclass

import numpy as np

from basemodel.statistics.bootstrap import LEVEL, percentiles, resample_images


@dataclass(frozen=True)
class Compared:
    """Candidates by accuracy; all arrays are in the order of the candidates given.

    order: candidates from best to worst (the first given, if tied); accuracy, low, high: with the
    95 % interval of each alone; behind, behind_low, behind_high: by how much the leader is better,
    simultaneously for all candidates; group: 1 for what is not significantly different from the
    leader, 2 for what is not from the best of the rest, and so on.
    """

    order: np.ndarray
    accuracy: np.ndarray
    low: np.ndarray
    high: np.ndarray
    behind: np.ndarray
    behind_low: np.ndarray
    behind_high: np.ndarray
    group: np.ndarray


def compare(correct: np.ndarray, labels: np.ndarray, seed: object) -> Compared:
    """Compare candidates on the same images.

    correct: which images each candidate gets right, bool [candidates, images]; labels: int
    [images]. Differences are simultaneous over all pairs, because the leader is only known from the
    same images: with the standard errors of the resamples, the quantile of the largest deviation
    over all pairs (max-t) replaces 1.96. Two candidates with the same answers differ by 0.
    """
    resampled = _accuracies(correct, labels, seed)
    accuracy = correct.mean(axis=1)
    order = np.argsort(-accuracy, kind="stable")

    differences = resampled[:, :, None] - resampled[:, None, :]
    observed = accuracy[:, None] - accuracy[None, :]
    error = differences.std(axis=0)
    safe = np.where(error > 0, error, np.inf)
    largest = (np.abs(differences - observed) / safe).max(axis=(1, 2))
    reach = np.quantile(largest, LEVEL) * error  # [candidates, candidates]

    leader = order[0]
    return Compared(
        order, accuracy, *percentiles(resampled, axis=0),
        observed[leader], observed[leader] - reach[leader], observed[leader] + reach[leader],
        _groups(order, observed, reach),
    )  # fmt: skip


def intervals(correct: np.ndarray, labels: np.ndarray, seed: object) -> np.ndarray:
    """The ends of each candidate's own interval, float64 [2, candidates]; as in `compare`."""
    return percentiles(_accuracies(correct, labels, seed), axis=0)


def _accuracies(correct: np.ndarray, labels: np.ndarray, seed: object) -> np.ndarray:
    """Of each candidate in each resample, float64 [resamples, candidates]."""
    return resample_images(labels, seed) @ correct.T / correct.shape[1]


def _groups(order: np.ndarray, observed: np.ndarray, reach: np.ndarray) -> np.ndarray:
    group = np.zeros(len(order), int)
    left, number = list(order), 0
    while left:
        number += 1
        best = left[0]
        same = [c for c in left if c == best or observed[best, c] - reach[best, c] <= 0]
        group[same] = number
        left = [c for c in left if c not in same]
    return group
