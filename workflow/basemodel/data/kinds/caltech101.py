"""Caltech-101: thirty images of each class to train on, the rest to test on.

The paper's 102 classes with 3,060 + 6,084 images are the 101 object categories (8,677 images) and
BACKGROUND_Google (467), which torchvision leaves out: 102 x 30 = 3,060, and 9,144 - 3,060 = 6,084.
So the background is the last class here. There is no official split: which thirty follows from
the class's name and its files' names. Source: Fei-Fei et al., CVPR workshops 2004.
"""

from pathlib import Path

import numpy as np

from basemodel.data.listing import Counts, Listing
from basemodel.seeds import seed_of

EXPECTED = Counts(classes=102, train=3060, test=6084)
NEEDED = [
    "caltech101/101_ObjectCategories",
    "caltech101/101_ObjectCategories/BACKGROUND_Google",
]
DOWNLOAD = "Caltech101"
BY_HAND = None
TRAIN = 30
BACKGROUND = "BACKGROUND_Google"


def listing(root: Path, settings: dict, exact: bool) -> Listing:
    from torchvision.datasets import Caltech101

    objects = Caltech101(str(root))
    folder = "caltech101/101_ObjectCategories"
    of_class = [[] for _ in objects.categories]
    for label, number in zip(objects.y, objects.index, strict=True):
        name = objects.categories[label]
        of_class[label].append(f"{folder}/{name}/image_{number:04d}.jpg")
    # Its folder holds a file `tmp` too.
    background = sorted((root / folder / BACKGROUND).glob("image_*.jpg"))
    of_class.append([path.relative_to(root).as_posix() for path in background])
    classes = [*objects.categories, BACKGROUND]
    train, test = [], []
    for label, (name, files) in enumerate(zip(classes, of_class, strict=True)):
        order = np.random.default_rng(seed_of("split", name)).permutation(len(files))
        count = min(TRAIN, len(files) - 1)  # a miniature has fewer
        train += [(files[i], label) for i in order[:count]]
        test += [(files[i], label) for i in order[count:]]
    return Listing(classes, train, test)
