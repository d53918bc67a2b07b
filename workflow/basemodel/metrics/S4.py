"""S4, channel correlation: how much the channels of a featuremap repeat each other."""

import math

import numpy as np

from basemodel.metrics._blocks import blocks, check

LABEL = "S4"
NAME = "channel correlation"
LARGER_IS_BETTER = False
INPUTS = ("featuremaps",)
COMPARES_ARCHITECTURES = False

PANEL = 128  # channels


def compute(featuremaps: np.ndarray) -> dict[str, float]:
    """Σ_n Σ_{i<j} |cor(F_n(i,:,:), F_n(j,:,:))|, Pearson's over the positions (docs/paper.md, S4).

    featuremaps: float [n, C, H, W]. Each pair of channels counts once; a channel that is constant
    over an image has correlation 0 with every other one. "value" is the sum, which grows with n
    and C; "mean" is the sum per image and pair, 0 to 1 (NaN if there is only one channel).
    Raises ValueError for NaN or infinity.

    Does not compare architectures: it grows with the number of channels.
    """
    check(LABEL, featuremaps)
    n, channels = featuremaps.shape[:2]
    value = 0.0
    for block in blocks(LABEL, featuremaps):
        for image in block:
            value += _correlation_sum(image.reshape(channels, -1))
    pairs = channels * (channels - 1) // 2
    return {"value": value, "mean": value / (n * pairs) if pairs else math.nan}


def _correlation_sum(image: np.ndarray) -> float:
    """Σ_{i<j} |cor| for one image, float64 [C, positions]: matrix products that fit in a cache."""
    # By the extremes, because rounding may give a constant channel a tiny variance
    varies = image.max(axis=1) > image.min(axis=1)
    unit = image[varies]
    unit -= unit.mean(axis=1, keepdims=True)
    unit /= np.sqrt(np.einsum("cp,cp->c", unit, unit))[:, None]
    total = 0.0
    for start in range(0, len(unit), PANEL):
        rows = unit[start : start + PANEL]
        # numpy recognises a product with its own transpose and computes only half of it
        within = rows @ rows.T
        np.abs(within, out=within)
        total += float(within.sum() - within.trace()) / 2
        beyond = rows @ unit[start + PANEL :].T
        total += float(np.abs(beyond, out=beyond).sum())
    return total
