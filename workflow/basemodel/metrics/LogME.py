"""LogME, log maximum evidence: how well a Bayesian linear model explains the labels."""

import math

import numpy as np

from basemodel.metrics._embeddings import check, check_targets, inner_products, one_hot

LABEL = "LogME"
NAME = "log maximum evidence"
LARGER_IS_BETTER = True
INPUTS = ("embeddings", "labels")
COMPARES_ARCHITECTURES = True

STEPS = 2.0  # of the first grid, per factor e
ROUNDS = 12


def compute(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Mean over classes of max_{α,β} (1/N) log p(y_c | F, α, β), in nats per image.

    You et al., "LogME: Practical Assessment of Pre-trained Models for Transfer Learning", ICML
    2021. For each class, y_c is 1 for its images and 0 for others; y_c = F w + noise, w normal with
    precision α, noise normal with precision β.

    embeddings: float [N, D], F, not centred; labels: int64 [N]. The evidence is maximised exactly:
    with λ = α/β, eigenvalues σ_i of F Fᵀ and z = Uᵀ y_c, the best β is N / Q(λ),
    Q = Σ_i z_i² λ/(λ+σ_i), and log evidence = ½ Σ_i log(λ/(λ+σ_i)) − (N/2)(log(2πQ/N) + 1), a
    function of λ alone. The sums are over N eigenvalues, whether or not N < D; the terms that some
    implementations drop for N < D are there. The scale of the embeddings does not matter.

    Embeddings that are 0 leave the evidence of noise alone. A class of one image is a class like
    others. One class: NaN, since there is nothing to predict. Raises ValueError for NaN, infinity,
    or labels that do not fit.

    Compares architectures: it is the evidence for the same labels, whatever the number of features.
    """
    f, y, classes = check(LABEL, embeddings, labels)
    if classes == 1:
        return {"value": math.nan}
    return {"value": _evidence(f, one_hot(y, classes))}


def evidence(embeddings: np.ndarray, targets: np.ndarray) -> float:
    """The same for targets, float [N, K], that are no classes: the mean over them.

    Tags, 0 or 1, are taken as they are, as classes. Numbers are first standardised to mean 0 and
    variance 1: in the paper they are not, but F has no constant column, and the unit of the numbers
    would decide the value (the same for all models). Raises ValueError as `compute`.
    """
    f, targets = check_targets(LABEL, embeddings, targets)
    if not np.isin(targets, (0, 1)).all():
        spread = targets.std(axis=0)
        targets = (targets - targets.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return _evidence(f, targets)


def _evidence(f: np.ndarray, targets: np.ndarray) -> float:
    n = len(f)
    sigma, power, rest = _spectrum(f, targets)
    if not len(sigma):
        found = -n / 2 * (np.log(2 * np.pi * rest / n) + 1)
    else:
        found = _maximum(sigma, power, rest, n)
    return float(found.mean()) / n


def _spectrum(f: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positive eigenvalues of F Fᵀ [k]; z² along them [k, K]; and |y|² outside of them [K]."""
    n, features = f.shape
    sigma, axes = np.linalg.eigh(inner_products(f))
    z = axes.T @ (targets if n <= features else f.T @ targets)
    positive = sigma > max(sigma[-1], 0) * max(n, features) * np.finfo(float).eps
    sigma, z = sigma[positive], z[positive]
    power = z**2 if n <= features else z**2 / sigma[:, None]
    return sigma, power, np.maximum((targets**2).sum(axis=0) - power.sum(axis=0), 0)


def _maximum(sigma: np.ndarray, power: np.ndarray, rest: np.ndarray, n: int) -> np.ndarray:
    """The maximal log evidence of each class [K]: a grid of log λ, then Newton's method."""
    # Beyond these ends, λ/(λ+σ) is λ/σ or 1 to six digits
    low, high = np.log(sigma.min()) - 14, np.log(sigma.max()) + 14
    grid = np.linspace(low, high, int(STEPS * (high - low)) + 2)
    shrunk = 1 / (1 + sigma / np.exp(grid)[:, None])  # λ/(λ+σ), [grid, k]
    left = shrunk @ power + rest
    evidence = np.log(shrunk).sum(axis=1)[:, None] / 2 - n / 2 * np.log(left)
    best = evidence.argmax(axis=0)
    step = grid[1] - grid[0]
    below, above = grid[best] - step, grid[best] + step
    theta, value = grid[best], evidence.max(axis=0)
    for _ in range(ROUNDS):
        s = 1 / (1 + sigma[:, None] / np.exp(theta))
        turn = s * (1 - s)
        q = (s * power).sum(axis=0) + rest
        q1 = (turn * power).sum(axis=0) / q
        q2 = (turn * (1 - 2 * s) * power).sum(axis=0) / q
        value = np.maximum(value, np.log(s).sum(axis=0) / 2 - n / 2 * np.log(q))
        slope = (1 - s).sum(axis=0) / 2 - n / 2 * q1
        bend = -turn.sum(axis=0) / 2 - n / 2 * (q2 - q1**2)
        # Uphill by Newton where the curve bends down, else half way to the bracket's end
        aim = np.where(bend < 0, theta - slope / np.where(bend < 0, bend, -1), theta + slope)
        new = np.clip(aim, below, above)
        if np.abs(new - theta).max() < 1e-9:
            break
        theta = new
    return value - n / 2 * (np.log(2 * np.pi / n) + 1)
