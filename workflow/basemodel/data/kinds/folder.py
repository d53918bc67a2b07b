"""Any images in folders named after their classes: train/ and test/ (or val/), or no split at all.

Without a split, the fraction `test_share` of each class is held out for testing. Which images
these are depends on the names of the class and its files, not on the experiment's seed, because
the split belongs to the data set.
"""

from itertools import groupby
from pathlib import Path

import numpy as np

from basemodel.data.class_folders import class_names, images, others
from basemodel.data.listing import DataError, Listing, named
from basemodel.files import shown
from basemodel.seeds import seed_of

EXPECTED = None
NEEDED = ["{path}"]
DOWNLOAD = None
BY_HAND = "your own images: one folder per class in {folder}, or in train/ and test/ there"
TEST_SHARE = 0.2


def listing(root: Path, settings: dict, exact: bool) -> Listing:
    path = settings["path"]
    if (root / path / "train").is_dir():
        test = next((s for s in ("test", "val") if (root / path / s).is_dir()), None)
        if test is None:
            raise DataError(
                f"{root / path}: has train/ but neither test/ nor val/; add one, or put the class "
                "folders themselves there"
            )
        classes = class_names(root / path / "train")
        train, beside_train = images(root, f"{path}/train")
        tests, beside_test = images(root, f"{path}/{test}")
        skipped = others(root, path, without=("train", test)) + beside_train + beside_test
        return named(classes, train, tests, skipped)
    files, skipped = images(root, path)
    train, tests = split(files, settings.get("test_share", TEST_SHARE))
    return named(class_names(root / path), train, tests, skipped)


def split(files: list[str], test_share: float) -> tuple[list[str], list[str]]:
    """Hold out a fraction of each class: at least one image, but not all.

    `files`: sorted paths, each in its class's folder. Raises DataError for a class of one image.
    """
    train, test = [], []
    for name, group in groupby(files, key=lambda file: Path(file).parent.name):
        of_class = list(group)
        if len(of_class) == 1:
            raise DataError(
                f"{of_class[0]}: the only image of its class; two are needed for a split"
            )
        count = min(max(round(test_share * len(of_class)), 1), len(of_class) - 1)
        order = np.random.default_rng(seed_of("split", shown(name))).permutation(len(of_class))
        test += [of_class[i] for i in order[:count]]
        train += [of_class[i] for i in order[count:]]
    return train, test
