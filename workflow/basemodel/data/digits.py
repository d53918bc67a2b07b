"""Handwritten digits: the 1,797 scans of 8 x 8 pixels that scikit-learn ships.

Source: the test set of the UCI "Optical Recognition of Handwritten Digits" data, Alpaydin and
Kaynak 1998. Enlarged to the experiment's image size, dark ink on light paper.
"""

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits


def splits(train: int, size: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The first `train` scans of each digit to train on, the rest to test on.

    Returns images uint8 [N, size, size, 3] and labels int64 [N] by split.
    """
    bunch = load_digits()
    grey = np.rint(255 * (1 - bunch.images / 16)).astype(np.uint8)
    images = np.stack(
        [
            np.asarray(Image.fromarray(g).resize((size, size), Image.Resampling.BICUBIC))
            for g in grey
        ]
    )[..., None].repeat(3, axis=3)
    labels = bunch.target.astype(np.int64)
    nth = np.zeros(len(labels), dtype=int)  # how many of the same digit come before
    for digit in range(10):
        nth[labels == digit] = np.arange(np.sum(labels == digit))
    order = np.argsort(labels, kind="stable")  # class after class, as every packed data set
    chosen = {"train": order[nth[order] < train], "test": order[nth[order] >= train]}
    return {split: (images[rows], labels[rows]) for split, rows in chosen.items()}
