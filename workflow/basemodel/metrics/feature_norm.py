"""Feature norm: how far a featuremap is from zero. A baseline in addition to S1 … S6."""

import numpy as np

from basemodel.metrics._blocks import blocks, check

LABEL = "norm"
NAME = "feature norm"
# Xu et al., "Larger Norm More Transferable" (ICCV 2019), report that features of large norm
# transfer better. The paper gives no direction: it shows the norm in Figure 1 only.
LARGER_IS_BETTER = True
INPUTS = ("featuremaps",)
COMPARES_ARCHITECTURES = False
STATIC = True


def compute(featuremaps: np.ndarray) -> dict[str, float]:
    """(1/N) Σ_i |F_i|, the Euclidean norm of the flattened map (docs/paper.md, Figure 1).

    featuremaps: float [n, C, H, W]. Raises ValueError for NaN or infinity.

    Does not compare architectures: it grows with the size and the scale of the maps.
    """
    check(LABEL, featuremaps)
    total = 0.0
    for block in blocks(LABEL, featuremaps):
        flat = block.reshape(len(block), -1)
        total += float(np.sqrt(np.einsum("ie,ie->i", flat, flat)).sum())
    return {"value": total / len(featuremaps)}
