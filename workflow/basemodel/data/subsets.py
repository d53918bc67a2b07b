"""Source tasks: subsets of the source data set (docs/paper.md, Design).

A subset's name says what it is: `class10-03` is the third tenth of the classes with all their
images, `image20-17` is all classes with the seventeenth twentieth of each class's images. `whole`
is the undivided source data set, for normal training.
"""

import re

import numpy as np

from basemodel.seeds import seed_of


def names(divisions: dict[str, list[int]]) -> list[str]:
    """All subsets' names: {"class": [10, 20], "image": [10, 20]} gives the paper's 60."""
    return [
        f"{division}{parts}-{part:0{len(str(parts))}d}"
        for division, counts in divisions.items()
        for parts in counts
        for part in range(1, parts + 1)
    ]


def policy(name: str) -> str:
    """The division that a subset belongs to: `class10-03` -> `class10`."""
    return name.split("-")[0]


def parse(name: str) -> tuple[str, int, int]:
    """`class10-03` -> ("class", 10, 3): division, number of parts, part counted from 1."""
    division, parts, part = re.fullmatch(r"(class|image)(\d+)-(\d+)", name).groups()
    return division, int(parts), int(part)


def select(name: str, labels: np.ndarray, classes: int, seed: int) -> tuple[list[int], np.ndarray]:
    """The classes of a subset and the rows of its images, both ascending.

    `labels`: int64 [N], the source's training labels, 0..classes-1. Class-wise parts are runs of
    consecutive classes. Image-wise parts divide each class's images at random, as evenly as
    possible; the parts of one division are disjoint and make up the whole.
    """
    if name == "whole":
        return list(range(classes)), np.arange(len(labels))
    division, parts, part = parse(name)
    if division == "class":
        chosen = np.array_split(np.arange(classes), parts)[part - 1]
        return chosen.tolist(), np.flatnonzero(np.isin(labels, chosen))
    rows = []
    for label in range(classes):
        of_class = np.flatnonzero(labels == label)
        rng = np.random.default_rng(seed_of("subset", division, parts, label, seed))
        # Which parts get an extra image rotates with the class, so that part sizes stay even.
        shares = np.array_split(rng.permutation(of_class), parts)
        rows.append(shares[(part - 1 + label) % parts])
    return list(range(classes)), np.sort(np.concatenate(rows))
