"""Probe images: training images of a target that all base models are looked at with."""

import numpy as np

from basemodel.data.listing import DataError
from basemodel.seeds import seed_of


def choose(
    target: str, labels: np.ndarray, images_per_class: int, classes: int | None, seed: int
) -> np.ndarray:
    """The rows of a target's probe images, int64, ascending in each class, class after class.

    `labels`: int64 [N]. `classes`: of how many classes, the first ones; None for all. Raises
    DataError for a class with too few images.
    """
    rows = []
    for label in np.unique(labels)[:classes]:
        of_class = np.flatnonzero(labels == label)
        if len(of_class) < images_per_class:
            raise DataError(
                f"class {label} has {len(of_class)} training images, fewer than the "
                f"{images_per_class} that probe.images_per_class asks for: lower it or leave the "
                "class out"
            )
        rng = np.random.default_rng(seed_of("probe", target, label, seed))
        rows.append(np.sort(rng.choice(of_class, images_per_class, replace=False)))
    return np.concatenate(rows)
