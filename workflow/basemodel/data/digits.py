"""Handwritten digits: the 1,797 scans of 8 x 8 pixels that scikit-learn ships.

Source: the test set of the UCI "Optical Recognition of Handwritten Digits" data, Alpaydin and
Kaynak 1998. Enlarged to the experiment's image size, dark ink on light paper.
"""

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits


def splits(train: int, test: int, size: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The first `train` scans of each digit for training, the next `test` for testing.

    Returns images uint8 [N, size, size, 3] and labels int64 [N] by split, class after class.
    """
    bunch = load_digits()
    grey = np.rint(255 * (1 - bunch.images / 16)).astype(np.uint8)
    scans = [Image.fromarray(g).resize((size, size), Image.Resampling.BICUBIC) for g in grey]
    images = np.stack([np.asarray(scan) for scan in scans])[..., None].repeat(3, axis=3)
    of_digit = [np.flatnonzero(bunch.target == digit) for digit in range(10)]
    chosen = {"train": slice(train), "test": slice(train, train + test)}
    return {
        split: (
            images[np.concatenate([rows[which] for rows in of_digit])],
            np.repeat(np.arange(10), [len(rows[which]) for rows in of_digit]),
        )
        for split, which in chosen.items()
    }
