"""S5, sparsity: the share of a featuremap that is not zero (the paper's name; dense maps score
high)."""

import numpy as np

from basemodel.metrics._blocks import blocks, check

LABEL = "S5"
NAME = "sparsity"
LARGER_IS_BETTER = False
NEEDS_LABELS = False


def compute(featuremaps: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """(1/N) Σ_i (1 − #zeros(F_i) / #elements(F_i)), a fraction 0 to 1 (PAPER.md, S5).

    featuremaps: float [n, C, H, W]; labels: int64 [n], not used. Only exact zeros count, as a
    ReLU leaves them. Raises ValueError for NaN, infinity, or labels that do not fit.
    """
    check(LABEL, featuremaps, labels)
    # All maps have one size: the mean of the shares is the share of the whole, in integers
    nonzero = sum(int(np.count_nonzero(block)) for block in blocks(LABEL, featuremaps))
    return {"value": nonzero / featuremaps.size}
