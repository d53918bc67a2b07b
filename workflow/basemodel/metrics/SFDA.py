"""SFDA, self-challenging Fisher discriminant analysis, in a variant that works for few images."""

import math

import numpy as np

from basemodel.metrics._embeddings import centred, check, one_hot
from basemodel.metrics._fisher import log_posteriors, log_posteriors_of_many

LABEL = "SFDA (variant)"
NAME = "self-challenging Fisher discriminant"
LARGER_IS_BETTER = True
INPUTS = ("embeddings", "labels")
COMPARES_ARCHITECTURES = False


def compute(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """(1/N) Σ_i log p̃(y_i|x̃_i), in nats, at most 0. Also returns "first", the same before mixing.

    Shao et al., "Not All Models Are Equal: Predicting Model Transferability in a Self-Challenging
    Fisher Space", ECCV 2022. Regularised linear discriminant analysis (_fisher.log_posteriors)
    gives the probability p_i of the right class. Then every image is moved towards the mean of all
    images of other classes, x̃_i = p_i x_i + (1−p_i) μ_{≠y_i} (Equation 7), and a second analysis,
    of the moved images, gives p̃. The paper sums log p̃; the mean ranks alike.

    **A variant**: λ does not depend on the scale here (see _fisher). As published it does, and with
    N < D and features of usual size it is so small that all images are classified rightly: the
    score is 1 to the last digit for every model, and for noise. In the authors' code, moreover, p_i
    is softened by another softmax, μ_{≠y_i} is the mean of the other classes' means, the second
    analysis keeps λ, and the score is the mean of p̃. With N > D both rank alike.

    embeddings: float [N, D]; labels: int64 [N]. With N < D every p is close to 1; log p̃ still tells
    models apart. A class of one image is its own mean and is classified rightly. Constant
    embeddings: the mean of log(n_c/N). One class, or no spread within classes: NaN. Raises
    ValueError for NaN, infinity, or labels that do not fit.

    Does not compare architectures: in sample, it rises with the number of features, of noise too.
    """
    x, y, classes = check(LABEL, embeddings, labels)
    n, features = x.shape
    if classes in (1, n):
        return {"value": math.nan, "first": math.nan}
    x = centred(x)
    counts = np.bincount(y)
    if not x.any():
        chance = float(counts @ np.log(counts / n)) / n
        return {"value": chance, "first": chance}
    of_class = (np.arange(n), y)
    few = n <= features
    if few:
        gram = x @ x.T
        first = log_posteriors(gram, y, classes, features)[of_class]
    else:
        first = log_posteriors_of_many(x, y, classes)[of_class]
    if np.isnan(first).any():
        return {"value": math.nan, "first": math.nan}
    p = np.exp(first)[:, None]
    others = (1 - one_hot(y, classes)).T / (n - counts)[:, None]

    def moved(rows: np.ndarray) -> np.ndarray:
        return p * rows + (1 - p) * (others @ rows)[y]

    if few:  # x̃ = T x, so that the new inner products are T G Tᵀ
        gram = _recentred(moved(moved(gram).T))
        second = log_posteriors(gram, y, classes, features)[of_class]
    else:
        second = log_posteriors_of_many(centred(moved(x)), y, classes)[of_class]
    return {"value": float(second.mean()), "first": float(first.mean())}


def _recentred(gram: np.ndarray) -> np.ndarray:
    """Inner products after the mean image is subtracted."""
    rows = gram.mean(axis=0)
    return gram - rows - rows[:, None] + rows.mean()
