"""S5, sparsity: the nonzero fraction of a featuremap (the paper's name; dense maps score high)."""

import numpy as np

from basemodel.metrics._blocks import blocks, check

LABEL = "S5"
NAME = "sparsity"
LARGER_IS_BETTER = False
INPUTS = ("featuremaps",)
COMPARES_ARCHITECTURES = False


def compute(featuremaps: np.ndarray) -> dict[str, float]:
    """(1/N) Σ_i (1 − #zeros(F_i) / #elements(F_i)), a fraction 0 to 1 (docs/paper.md, S5).

    featuremaps: float [n, C, H, W]. Only exact zeros count, as left by a ReLU.
    Raises ValueError for NaN or infinity.

    Does not compare architectures: it is a fraction, but of what the last activation leaves, which
    says nothing of networks with other activations; without exact zeros it is 1.
    """
    check(LABEL, featuremaps)
    # All maps have the same size: the mean of the fractions is the overall fraction, from integers
    nonzero = sum(int(np.count_nonzero(block)) for block in blocks(LABEL, featuremaps))
    return {"value": nonzero / featuremaps.size}
