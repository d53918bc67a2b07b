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
TOGETHER = 8  # images of at most so many channels


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
        unit = _standardised(block.reshape(len(block), channels, -1))
        if channels <= PANEL:
            value += _of_small(unit)
        else:
            value += sum(_of_large(image) for image in unit)
    pairs = channels * (channels - 1) // 2
    return {"value": value, "mean": value / (n * pairs) if pairs else math.nan}


def _standardised(images: np.ndarray) -> np.ndarray:
    """Channels [b, C, positions] with mean 0 and norm 1, in place; constant ones become 0."""
    # By the extremes, because rounding may give a constant channel a tiny variance
    constant = images.max(axis=2) == images.min(axis=2)
    images -= images.mean(axis=2, keepdims=True)
    images[constant] = 0
    norms = np.sqrt(np.einsum("bcp,bcp->bc", images, images))
    norms[constant] = 1
    images /= norms[:, :, None]
    return images


def _of_small(unit: np.ndarray) -> float:
    """Σ_{i<j} |cor| over images of few channels: several images in one product."""
    total = 0.0
    for start in range(0, len(unit), TOGETHER):
        some = unit[start : start + TOGETHER]
        products = some @ some.transpose(0, 2, 1)
        np.abs(products, out=products)
        total += float(products.sum() - np.einsum("bcc->", products)) / 2
    return total


def _of_large(unit: np.ndarray) -> float:
    """Σ_{i<j} |cor| for one image: matrix products that fit in a cache."""
    # One pass, a fifth faster than abs and sum; imported here, as few channels do without SciPy
    from scipy.linalg.blas import dasum

    total = 0.0
    for start in range(0, len(unit), PANEL):
        rows = unit[start : start + PANEL]
        # numpy recognises a product with its own transpose and computes only half of it
        within = rows @ rows.T
        np.abs(within, out=within)
        total += float(within.sum() - within.trace()) / 2
        if len(beyond := unit[start + PANEL :]):
            total += float(dasum((rows @ beyond.T).ravel()))
    return total
