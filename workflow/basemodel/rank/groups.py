"""Which candidates cannot be told apart: a paired bootstrap of which images each gets right.

The guesses for held-out images are fixed, and images are drawn anew, within their classes. A probe
that is trained again on each draw would see images twice, on both sides of the split.
"""

from dataclasses import dataclass

import numpy as np

from basemodel.seeds import seed_of

DRAWS = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Compared:
    """Candidates by accuracy; all arrays are in the order of the candidates given.

    order: candidates from best to worst (the first given, if tied); accuracy, low, high: with the
    95 % interval of each alone; behind, behind_low, behind_high: by how much the leader is better,
    simultaneously for all candidates; group: 1 for what cannot be told apart from the leader, 2 for
    what cannot be told apart from the best of the rest, and so on.
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
    same images: with the standard errors of the draws, the quantile of the largest deviation over
    all pairs (max-t) takes the place of 1.96. Two candidates with the same answers differ by 0.
    """
    drawn = _accuracies(correct, labels, seed)
    accuracy = correct.mean(axis=1)
    order = np.argsort(-accuracy, kind="stable")

    differences = drawn[:, :, None] - drawn[:, None, :]
    observed = accuracy[:, None] - accuracy[None, :]
    error = differences.std(axis=0)
    safe = np.where(error > 0, error, np.inf)
    largest = (np.abs(differences - observed) / safe).max(axis=(1, 2))
    reach = np.quantile(largest, LEVEL) * error  # [candidates, candidates]

    leader = order[0]
    return Compared(
        order, accuracy, *_ends(drawn),
        observed[leader], observed[leader] - reach[leader], observed[leader] + reach[leader],
        _groups(order, observed, reach),
    )  # fmt: skip


def intervals(correct: np.ndarray, labels: np.ndarray, seed: object) -> np.ndarray:
    """The ends of each candidate's own interval, float64 [2, candidates]; as in `compare`."""
    return _ends(_accuracies(correct, labels, seed))


def _accuracies(correct: np.ndarray, labels: np.ndarray, seed: object) -> np.ndarray:
    """Of each candidate in each draw, float64 [DRAWS, candidates]."""
    return draws(labels, seed) @ correct.T / correct.shape[1]


def _ends(drawn: np.ndarray) -> np.ndarray:
    tail = (1 - LEVEL) / 2
    return np.quantile(drawn, [tail, 1 - tail], axis=0)


def draws(labels: np.ndarray, seed: object) -> np.ndarray:
    """How often each draw takes each image, float64 [DRAWS, images]: as many of each class."""
    rng = np.random.default_rng(seed_of("images", len(labels), seed))
    counts = np.zeros((DRAWS, len(labels)))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        counts[:, rows] = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), DRAWS)
    return counts


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
