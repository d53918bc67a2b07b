"""Go through featuremaps a few images at a time, in float64.

At paper scale the featuremaps do not fit in memory (VGG16: 100,352 numbers per image), so the
metrics read them from a memory map and hold only one small block at a time.
"""

from collections.abc import Iterator

import numpy as np

BLOCK_ELEMENTS = 2**18  # 2 MiB in float64: two images of VGG16; it fits in the CPU's cache


def check(metric: str, featuremaps: np.ndarray, labels: np.ndarray | None = None) -> None:
    """Raise ValueError, naming `metric`, unless featuremaps [n, C, H, W] and labels [n] agree.

    Without labels, only the featuremaps are checked.
    """
    if featuremaps.ndim != 4 or 0 in featuremaps.shape:
        raise ValueError(
            f"{metric}: featuremaps must be a non-empty [n, C, H, W] array, not {featuremaps.shape}"
        )
    if labels is not None and labels.shape != featuremaps.shape[:1]:
        raise ValueError(
            f"{metric}: {len(featuremaps)} featuremaps need as many labels, one each, "
            f"but the labels have the shape {labels.shape}"
        )


def blocks(
    metric: str, featuremaps: np.ndarray, images: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Yield float64 [b, C, H, W] copies of the given images, in order, b small.

    `images` are indices into featuremaps, int [m]; None means all. Raises ValueError,
    naming `metric` and the image, at the first value that is NaN or infinite.
    """
    number = len(featuremaps) if images is None else len(images)
    size = max(1, BLOCK_ELEMENTS // featuremaps[0].size)
    for start in range(0, number, size):
        chosen = slice(start, start + size) if images is None else images[start : start + size]
        block = featuremaps[chosen].astype(np.float64)
        if not np.isfinite(block).all():
            wrong = np.flatnonzero(~np.isfinite(block).all(axis=(1, 2, 3)))[0]
            bad = start + wrong if images is None else chosen[wrong]
            raise ValueError(f"{metric}: the featuremaps of image {bad} hold NaN or infinity")
        yield block


def by_class(labels: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the indices of each class's images, int64 [n_k], in the order of the class numbers."""
    for label in np.unique(labels):
        yield np.flatnonzero(labels == label)


def mean_map(metric: str, featuremaps: np.ndarray, images: np.ndarray) -> np.ndarray:
    """The mean featuremap of the given images, float64 [C, H, W]."""
    total = np.zeros(featuremaps.shape[1:])
    for block in blocks(metric, featuremaps, images):
        total += block.sum(axis=0)
    return total / len(images)
