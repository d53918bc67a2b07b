"""The packed format, one folder per split, for glyphs, ImageNet and a user's images alike.

`{folder}/images.npy` uint8 [N, side, side, 3] and `{folder}/labels.npy` int64 [N].
"""

from pathlib import Path

import numpy as np

from basemodel.files import write_npy


def save(folder: str | Path, images: np.ndarray, labels: np.ndarray) -> None:
    write_npy(Path(folder, "images.npy"), images)
    write_npy(Path(folder, "labels.npy"), labels)


def load(folder: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Images as a read-only memory map, labels in memory."""
    images = np.load(Path(folder, "images.npy"), mmap_mode="r")
    return images, np.load(Path(folder, "labels.npy"))
