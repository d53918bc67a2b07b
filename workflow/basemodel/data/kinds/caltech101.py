"""Caltech-101: thirty images of each class for training, the rest for testing.

The paper's 102 classes with 3,060 + 6,084 images are the 101 object categories (8,677 images) and
BACKGROUND_Google (467), which torchvision leaves out: 102 x 30 = 3,060, and 9,144 - 3,060 = 6,084.
So the background is the last class here. There is no official split: which thirty are taken
depends on the names of the class and its files. Source: Fei-Fei et al., CVPR workshops 2004.
"""

from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from basemodel.data.directory import Directory
from basemodel.data.folders import class_names
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
    folder = "caltech101/101_ObjectCategories"
    # Without torchvision, which takes every file for a class or an image: the macOS Finder leaves
    # a .DS_Store, and the background's folder contains a file `tmp`.
    classes = [name for name in class_names(root / folder) if name != BACKGROUND] + [BACKGROUND]
    train, test = [], []
    for label, name in enumerate(classes):
        images = Directory(root, f"{folder}/{name}").images
        files = [file for file in images if fnmatch(file.lower(), "*/image_*.jpg")]
        order = np.random.default_rng(seed_of("split", name)).permutation(len(files))
        count = min(TRAIN, len(files) - 1)  # a miniature has fewer
        train += [(files[i], label) for i in order[:count]]
        test += [(files[i], label) for i in order[count:]]
    return Listing(classes, train, test)
