"""S6, steepness: how many values are near a featuremap's maximum, per zero in it."""

import numpy as np

from basemodel.metrics._blocks import blocks, check

LABEL = "S6"
NAME = "steepness"
LARGER_IS_BETTER = False
INPUTS = ("featuremaps",)
COMPARES_ARCHITECTURES = False


def compute(featuremaps: np.ndarray) -> dict[str, float]:
    """(1/N) Σ_i #{x ∈ F_i : max(F_i) − x < 1} / #zeros(F_i), without a unit (docs/paper.md, S6).

    featuremaps: float [n, C, H, W]. For an image without zeros the divisor is 1;
    "images_without_zeros" counts such images.
    The threshold 1 is in the unit of the maps: scaling them changes S6.
    Raises ValueError for NaN or infinity.

    Does not compare architectures: it depends on the scale and the number of the values.
    """
    check(LABEL, featuremaps)
    total, without_zeros = 0.0, 0
    for block in blocks(LABEL, featuremaps):
        flat = block.reshape(len(block), -1)
        steep = np.count_nonzero(flat.max(axis=1, keepdims=True) - flat < 1, axis=1)
        zeros = np.count_nonzero(flat == 0, axis=1)
        without_zeros += int(np.count_nonzero(zeros == 0))
        total += float((steep / np.maximum(zeros, 1)).sum())
    return {"value": total / len(featuremaps), "images_without_zeros": without_zeros}
