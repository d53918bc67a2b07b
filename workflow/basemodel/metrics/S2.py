"""S2, intra-class discreteness: how far the images lie from the mean of their class."""

import numpy as np

from basemodel.metrics._blocks import blocks, by_class, check, mean_map

LABEL = "S2"
NAME = "intra-class discreteness"
LARGER_IS_BETTER = False
INPUTS = ("featuremaps", "labels")
COMPARES_ARCHITECTURES = False


def compute(featuremaps: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Σ_k Σ_{i∈k} d(F̄_k, F_i)², d the Euclidean distance of flattened maps (docs/paper.md, S2).

    featuremaps: float [n, C, H, W]; labels: int64 [n]. The unit is that of the maps, squared.
    A class with one image adds 0. Raises ValueError for NaN, infinity, or labels that do not fit.

    Does not compare architectures: it grows with the size and the scale of the maps.
    """
    check(LABEL, featuremaps, labels)
    value = 0.0
    for images in by_class(labels):
        mean = mean_map(LABEL, featuremaps, images)
        for block in blocks(LABEL, featuremaps, images):
            block -= mean
            value += float(np.vdot(block, block))
    return {"value": value}
