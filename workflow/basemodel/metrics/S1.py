"""S1, inter-class discreteness: how far the class means lie from the mean of all images."""

import numpy as np

from basemodel.metrics._blocks import by_class, check, mean_map

LABEL = "S1"
NAME = "inter-class discreteness"
LARGER_IS_BETTER = True
INPUTS = ("featuremaps", "labels")
COMPARES_ARCHITECTURES = False


def compute(featuremaps: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Σ_k n_k · d(F̄, F̄_k)², d the Euclidean distance of flattened maps (docs/paper.md, S1).

    featuremaps: float [n, C, H, W]; labels: int64 [n]. The unit is that of the maps, squared.
    Raises ValueError for NaN, infinity, or labels that do not fit.

    Classes are added one at a time, so that memory holds one class mean instead of K: adding a
    class of n_k images with mean F̄_k to m images with mean F̄ adds m·n_k/(m+n_k) · d(F̄, F̄_k)².
    After the last class this is the sum above (Chan, Golub and LeVeque, 1979), without the
    cancellation that Σ_k n_k |F̄_k|² − N |F̄|² suffers from.

    Does not compare architectures: it grows with the size and the scale of the maps.
    """
    check(LABEL, featuremaps, labels)
    value, seen, mean = 0.0, 0, np.zeros(featuremaps.shape[1:])
    for images in by_class(labels):
        n_k = len(images)
        difference = mean_map(LABEL, featuremaps, images) - mean
        value += seen * n_k / (seen + n_k) * float(np.vdot(difference, difference))
        seen += n_k
        mean += difference * (n_k / seen)
    return {"value": value}
